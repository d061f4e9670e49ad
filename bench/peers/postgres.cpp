// PostgreSQL: a table; INSERT of one or many rows per transaction, pipelined; DELETE of rows that nobody else has locked,
// whose commit is the ack.

#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/peers/peer.h"

namespace takt::bench {
namespace {

constexpr std::chrono::microseconds pause_when_empty{500};   // a table cannot wake a reader without slowing every commit
constexpr const char* insert_sql = "INSERT INTO bench (payload) SELECT unnest($1::bytea[])";
constexpr const char* take_sql =
    "DELETE FROM bench WHERE id = ANY (ARRAY(SELECT id FROM bench ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $1)) RETURNING payload";

class Connection {
 public:
  explicit Connection(const PeerOptions& options) {
    const std::string where =
        "host=" + options.host + " port=" + std::to_string(options.port) + " dbname=postgres user=postgres sslmode=disable";
    connection_.reset(PQconnectdb(where.c_str()));
    if (PQstatus(get()) != CONNECTION_OK) trouble();
  }
  PGconn* get() const { return connection_.get(); }
  [[noreturn]] void trouble() const { throw std::runtime_error(std::string("postgres: ") + PQerrorMessage(get())); }
  void must(int ok) const {
    if (ok != 1) trouble();
  }
  void run(const char* sql) const {
    const Result result(PQexec(get(), sql));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) trouble();
  }

  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, Clear>;
  /// The next result of a pipeline, the null ones between queries left out.
  Result next() const {
    Result result;
    while (!result) result.reset(PQgetResult(get()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC) trouble();
    return result;
  }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

/// Rows in the binary form of a one-dimensional bytea[].
class Rows {
 public:
  void add(std::string_view payload) {
    number(static_cast<std::uint32_t>(payload.size()));
    elements_ += payload;
    ++count_;
  }
  std::size_t count() const { return count_; }
  std::string take() {
    constexpr std::uint32_t bytea_type = 17;
    std::string elements = std::exchange(elements_, {});
    for (const std::uint32_t field : {1U, 0U, bytea_type, static_cast<std::uint32_t>(count_), 1U}) number(field);
    count_ = 0;
    return std::exchange(elements_, {}) + elements;
  }

 private:
  void number(std::uint32_t value) {
    for (const int shift : {24, 16, 8, 0}) elements_ += static_cast<char>(value >> shift & 0xFF);
  }

  std::string elements_;
  std::size_t count_ = 0;
};

/// Each statement is a transaction of its own. Over several connections, so that the server can sync commits together.
class PostgresProducer final : public Producer {
 public:
  explicit PostgresProducer(const PeerOptions& options) : batch_(options.batch) {
    for (int i = 0; i < options.connections; ++i) {
      lines_.emplace_back(options);
      const Connection& connection = lines_.back();
      const Connection::Result prepared(PQprepare(connection.get(), "insert", insert_sql, 1, nullptr));
      if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) connection.trouble();
      connection.must(PQenterPipelineMode(connection.get()));
    }
  }

  void send(std::string_view payload) override {
    rows_.add(payload);
    if (rows_.count() == batch_) send_rows();
  }
  void flush() override {
    if (rows_.count() > 0) send_rows();
    for (const Connection& line : lines_) {
      if (PQflush(line.get()) < 0) line.trouble();
    }
  }
  void settle(std::size_t unconfirmed) override {
    if (unconfirmed == 0) flush();
    const std::size_t statements = unconfirmed / batch_;
    while (unconfirmed_ > statements) confirm(lines_[oldest_++ % lines_.size()]);
  }

 private:
  void send_rows() {
    const Connection& line = lines_[newest_++ % lines_.size()];
    const std::string rows = rows_.take();
    const std::array<const char*, 1> values{rows.data()};
    const std::array<int, 1> sizes{static_cast<int>(rows.size())};
    const std::array<int, 1> binary{1};
    line.must(PQsendQueryPrepared(line.get(), "insert", 1, values.data(), sizes.data(), binary.data(), 1));
    line.must(PQpipelineSync(line.get()));
    ++unconfirmed_;
  }
  /// Reads one statement's answer and the sync behind it, which says that it is committed.
  void confirm(const Connection& line) {
    while (PQresultStatus(line.next().get()) != PGRES_PIPELINE_SYNC) {}
    --unconfirmed_;
  }

  const std::size_t batch_;
  Rows rows_;
  std::vector<Connection> lines_;
  std::size_t newest_ = 0;        ///< statements sent, in turn over the lines
  std::size_t oldest_ = 0;        ///< statements confirmed
  std::size_t unconfirmed_ = 0;   ///< statements
};

class PostgresConsumer final : public Consumer {
 public:
  explicit PostgresConsumer(const PeerOptions& options) : connection_(options), take_(std::to_string(options.take)) {
    for (const auto& [name, sql] : {std::pair("take", take_sql), std::pair("begin", "BEGIN"), std::pair("commit", "COMMIT")}) {
      const Connection::Result prepared(PQprepare(connection_.get(), name, sql, 0, nullptr));
      if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) connection_.trouble();
    }
    connection_.must(PQenterPipelineMode(connection_.get()));
  }

  /// The commit of the last rows and the wish for the next travel together.
  std::size_t take(const Handle& handle) override {
    if (holding_) send("commit");
    send("begin");
    const std::array<const char*, 1> values{take_.c_str()};
    connection_.must(PQsendQueryPrepared(connection_.get(), "take", 1, values.data(), nullptr, nullptr, 1));
    connection_.must(PQpipelineSync(connection_.get()));
    if (holding_) connection_.next();
    connection_.next();
    const Connection::Result rows = connection_.next();
    connection_.next();
    holding_ = true;
    const int count = PQntuples(rows.get());
    for (int i = 0; i < count; ++i) handle({PQgetvalue(rows.get(), i, 0), static_cast<std::size_t>(PQgetlength(rows.get(), i, 0))});
    if (count == 0) std::this_thread::sleep_for(pause_when_empty);
    return static_cast<std::size_t>(count);
  }
  void finish() override {
    if (!holding_) return;
    send("commit");
    connection_.must(PQpipelineSync(connection_.get()));
    connection_.next();
    connection_.next();
    holding_ = false;
  }

 private:
  void send(const char* statement) { connection_.must(PQsendQueryPrepared(connection_.get(), statement, 0, nullptr, nullptr, nullptr, 1)); }

  Connection connection_;
  const std::string take_;
  bool holding_ = false;   ///< a transaction is open
};

class Postgres final : public Peer {
 public:
  explicit Postgres(const PeerOptions& options) : options_(options) {}
  /// A queue lives from dead rows that go at once: vacuum as fast as it can.
  void prepare() override {
    Connection(options_).run(
        "CREATE TABLE bench (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL) WITH "
        "(autovacuum_vacuum_cost_delay = 0,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)");
  }
  std::unique_ptr<Producer> producer() override { return std::make_unique<PostgresProducer>(options_); }
  std::unique_ptr<Consumer> consumer() override { return std::make_unique<PostgresConsumer>(options_); }

 private:
  const PeerOptions options_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const PeerOptions& options) { return std::make_unique<Postgres>(options); }

}  // namespace takt::bench
