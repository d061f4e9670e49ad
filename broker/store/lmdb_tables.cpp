#include "broker/store/lmdb_tables.h"

#include <xxhash.h>

#include <array>
#include <atomic>
#include <cstring>

#include "broker/store/lmdb_env.h"
#include "proto/planted_bug.h"

namespace takt::store {
namespace {

using core::Table;
using Kind = StoreFailure::Kind;

constexpr std::uint16_t layout_version = 1;
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t key_bytes_max = 511;           // LMDB's own bound
constexpr std::size_t page_room = 4080;              // of one page, behind its header of 16 bytes
static_assert(core::row_value_bytes_max + checksum_bytes == page_room, "a value with its checksum fits exactly one page");
constexpr std::size_t batch_rows_max = 1000;
constexpr std::size_t batch_bytes_max = 256 * 1024;

constexpr std::string_view state_name = "takt";      // the one database that is not a table
constexpr std::string_view state_key = "state";
constexpr std::uint8_t state_number = 0xFF;          // takes the table's place in the checksum's seed
constexpr std::size_t state_bytes = 32;
namespace state_at {
constexpr std::size_t version = 0, partition = 8, applied = 24;
}

std::uint64_t row_checksum(std::uint8_t table, std::string_view key, std::string_view value) {
  std::array<char, 1 + key_bytes_max> place;
  place[0] = static_cast<char>(table);
  std::memcpy(place.data() + 1, key.data(), key.size());
  return XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(place.data(), 1 + key.size()));
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

constexpr std::array<Table, core::table_count> all_tables = {
    Table::kMeta,   Table::kTopics,    Table::kGroups,    Table::kIndex,   Table::kDone,     Table::kRetries,
    Table::kDead,   Table::kProducers, Table::kHeld,      Table::kCold,    Table::kBuckets,  Table::kArmed,
    Table::kTimers, Table::kPinned,    Table::kSchedules, Table::kRearmed, Table::kCancelled};

}  // namespace

std::string_view table_name(Table table) {
  switch (table) {
    case Table::kMeta: return "meta";
    case Table::kTopics: return "topics";
    case Table::kGroups: return "groups";
    case Table::kIndex: return "qx";
    case Table::kDone: return "done";
    case Table::kRetries: return "retries";
    case Table::kDead: return "dead";
    case Table::kProducers: return "producers";
    case Table::kHeld: return "held";
    case Table::kCold: return "cold";
    case Table::kBuckets: return "buckets";
    case Table::kArmed: return "armed";
    case Table::kTimers: return "timers";
    case Table::kPinned: return "pinned";
    case Table::kSchedules: return "schedules";
    case Table::kRearmed: return "rearmed";
    case Table::kCancelled: return "cancelled";
  }
  return "unknown";
}

class LmdbTables::Body {
 public:
  Body(Options options, LmdbEnv env) : options_(std::move(options)), env_(std::move(env)) {}

  Result<void, StoreFailure> load();
  Position applied() const { return Position(applied_.load(std::memory_order_acquire)); }
  Result<void, StoreFailure> checkpoint(const core::Checkpoint& checkpoint);
  Result<std::uint64_t, StoreFailure> used_bytes() const;
  Result<std::optional<std::string>, StoreFailure> get(Table table, std::string_view key) const;
  Result<std::optional<Row>, StoreFailure> find_at_or_before(Table table, std::string_view key) const;
  Result<void, StoreFailure> scan(Table table, std::string_view from,
                                  const std::function<bool(std::string_view, std::string_view)>& visit) const;

 private:
  struct Batch {
    std::vector<Row> rows;
    bool last = false;   ///< the table ends behind it
  };

  Result<bool, StoreFailure> read_state();
  Result<void, StoreFailure> create();
  Result<void, StoreFailure> write(const core::Checkpoint& checkpoint);
  Result<void, StoreFailure> put_state(LmdbTxn& txn, Position applied);
  Result<void, StoreFailure> put(LmdbTxn& txn, MDB_dbi dbi, std::uint8_t number, std::string_view key, std::string_view value);
  Result<std::size_t, StoreFailure> erase(LmdbTxn& txn, const core::RowRange& range);
  Result<std::string_view, StoreFailure> checked(std::uint8_t number, std::string_view name, const MDB_val& key,
                                                 const MDB_val& stored) const;
  Result<Row, StoreFailure> copy_row(Table table, const MDB_val& key, const MDB_val& stored) const;
  Result<Batch, StoreFailure> read_batch(Table table, std::string_view from) const;
  MDB_dbi dbi(Table table) const { return dbis_[static_cast<std::size_t>(table)]; }
  StoreFailure refusal(const std::string& what) const { return {Kind::kRefused, env_.file().string() + ": " + what}; }
  StoreFailure corrupt(const std::string& what) const {
    return {Kind::kCorrupt, env_.file().string() + ": " + what + ": restore the folder from a backup"};
  }

  // Constant after load().
  const Options options_;
  LmdbEnv env_;
  MDB_dbi state_ = 0;
  std::array<MDB_dbi, core::table_count> dbis_{};

  std::atomic<std::uint64_t> applied_ = 0;   // written by the checkpoint's thread, read by any
};

// ---- opening

Result<void, StoreFailure> LmdbTables::Body::load() {
  const auto there = read_state();
  if (!there) return failed(there.error());
  if (!*there && options_.create == Options::Create::kRefuse) return failed(corrupt("the state row is missing"));
  if (!*there) return create();
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  for (const Table table : all_tables) {
    const int code = mdb_dbi_open(txn->get(), table_name(table).data(), 0, &dbis_[static_cast<std::size_t>(table)]);
    if (code == MDB_NOTFOUND) return failed(corrupt("table " + std::string(table_name(table)) + " is missing"));
    if (code != 0) return failed(env_.failure(code, "opening a table"));
  }
  return txn->commit(0);   // a read transaction; keeps the handles
}

/// False: the file is fresh.
Result<bool, StoreFailure> LmdbTables::Body::read_state() {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  int code = mdb_dbi_open(txn->get(), state_name.data(), 0, &state_);
  if (code == MDB_NOTFOUND) {
    MDB_dbi names = 0;
    MDB_stat figures{};
    if (mdb_dbi_open(txn->get(), nullptr, 0, &names) == 0 && mdb_stat(txn->get(), names, &figures) == 0 && figures.ms_entries > 0)
      return failed(StoreFailure{Kind::kForeign, env_.file().string() + " does not hold takt tables: choose another data folder"});
    return false;
  }
  MDB_val key = as_value(state_key);
  MDB_val stored{};
  if (code == 0) code = mdb_get(txn->get(), state_, &key, &stored);
  if (code == MDB_NOTFOUND) return failed(corrupt("the state row is missing"));
  if (code != 0) return failed(env_.failure(code, "reading the state row"));
  const auto state = checked(state_number, state_name, key, stored);
  if (!state) return failed(state.error());
  std::uint16_t version = 0;
  if (state->size() >= sizeof version) std::memcpy(&version, state->data(), sizeof version);
  if (version > layout_version)
    return failed(StoreFailure{Kind::kForeign, env_.file().string() + ": tables version " + std::to_string(version) +
                                                   ", this takt reads up to " + std::to_string(layout_version) +
                                                   ": start the newer takt that wrote it"});
  if (state->size() != state_bytes) return failed(corrupt("the state row has " + std::to_string(state->size()) + " bytes"));
  if (std::memcmp(state->data() + state_at::partition, options_.partition.data(), options_.partition.size()) != 0)
    return failed(
        StoreFailure{Kind::kForeign, env_.file().string() + " holds the tables of another partition: put the folder back as it was"});
  std::uint64_t applied = 0;
  std::memcpy(&applied, state->data() + state_at::applied, sizeof applied);
  applied_.store(applied, std::memory_order_release);
  if (auto kept = txn->commit(0); !kept) return failed(kept.error());
  return true;
}

Result<void, StoreFailure> LmdbTables::Body::create() {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kWrite);
  if (!txn) return failed(txn.error());
  int code = mdb_dbi_open(txn->get(), state_name.data(), MDB_CREATE, &state_);
  for (const Table table : all_tables)
    if (code == 0) code = mdb_dbi_open(txn->get(), table_name(table).data(), MDB_CREATE, &dbis_[static_cast<std::size_t>(table)]);
  if (code != 0) return failed(env_.failure(code, "making the tables"));
  if (auto put = put_state(*txn, Position(0)); !put) return put;
  return txn->commit(page_room * 32);
}

// ---- writing

Result<void, StoreFailure> LmdbTables::Body::put_state(LmdbTxn& txn, Position applied) {
  std::array<char, state_bytes> row{};
  std::memcpy(row.data() + state_at::version, &layout_version, sizeof layout_version);
  std::memcpy(row.data() + state_at::partition, options_.partition.data(), options_.partition.size());
  std::memcpy(row.data() + state_at::applied, &applied.value, sizeof applied.value);
  return put(txn, state_, state_number, state_key, std::string_view(row.data(), row.size()));
}

Result<void, StoreFailure> LmdbTables::Body::put(LmdbTxn& txn, MDB_dbi dbi, std::uint8_t number, std::string_view key,
                                                 std::string_view value) {
  MDB_val place = as_value(key);
  MDB_val stored{.mv_size = checksum_bytes + value.size(), .mv_data = nullptr};
  if (const int code = mdb_put(txn.get(), dbi, &place, &stored, MDB_RESERVE); code != 0) return failed(env_.failure(code, "writing a row"));
  const std::uint64_t checksum = row_checksum(number, key, value);
  auto* const to = static_cast<char*>(stored.mv_data);
  std::memcpy(to, &checksum, checksum_bytes);
  if (!value.empty()) std::memcpy(to + checksum_bytes, value.data(), value.size());
  return {};
}

Result<std::size_t, StoreFailure> LmdbTables::Body::erase(LmdbTxn& txn, const core::RowRange& range) {
  auto cursor = LmdbCursor::open(env_, txn, dbi(range.table));
  if (!cursor) return failed(cursor.error());
  std::size_t erased = 0;
  for (;; ++erased) {
    MDB_val key = as_value(range.from);
    MDB_val stored{};
    int code = range.from.empty() ? mdb_cursor_get(cursor->get(), &key, &stored, MDB_FIRST)
                                  : mdb_cursor_get(cursor->get(), &key, &stored, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND || (code == 0 && as_text(key) >= range.until)) return erased;
    if (code == 0) code = mdb_cursor_del(cursor->get(), 0);
    if (code != 0) return failed(env_.failure(code, "erasing rows"));
  }
}

Result<void, StoreFailure> LmdbTables::Body::checkpoint(const core::Checkpoint& checkpoint) {
  if (checkpoint.applied < applied())
    return failed(refusal("the tables stand at position " + std::to_string(applied().value) + ", a checkpoint at " +
                          std::to_string(checkpoint.applied.value) + " would go back"));
  for (const core::RowChange& change : checkpoint.changed) {
    const std::string name(table_name(change.table));
    if (change.key.empty() || change.key.size() > key_bytes_max)
      return failed(refusal(name + ": a key of " + std::to_string(change.key.size()) + " bytes; 1 to 511 are possible"));
    if (change.value && change.value->size() > core::row_value_bytes_max)
      return failed(refusal(name + ": a value of " + std::to_string(change.value->size()) + " bytes; at most " +
                            std::to_string(core::row_value_bytes_max) + " are possible"));
  }
  auto written = write(checkpoint);
  const bool is_disk_full = !written && written.error().kind == Kind::kFull && !env_.is_map_full(page_room * 16);
  if (is_disk_full && options_.make_room && options_.make_room()) written = write(checkpoint);
  if (written) applied_.store(checkpoint.applied.value, std::memory_order_release);
  return written;
}

Result<void, StoreFailure> LmdbTables::Body::write(const core::Checkpoint& checkpoint) {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kWrite);
  if (!txn) return failed(txn.error());
  std::size_t pages = core::table_count;
  for (const core::RowRange& range : checkpoint.erased) {
    const auto erased = erase(*txn, range);
    if (!erased) return failed(erased.error());
    pages += *erased;
  }
  for (const core::RowChange& change : checkpoint.changed) {
    ++pages;
    if (change.value) {
      if (auto put_row = put(*txn, dbi(change.table), static_cast<std::uint8_t>(change.table), change.key, *change.value); !put_row)
        return put_row;
      continue;
    }
    MDB_val key = as_value(change.key);
    const int code = mdb_del(txn->get(), dbi(change.table), &key, nullptr);
    if (code != 0 && code != MDB_NOTFOUND) return failed(env_.failure(code, "erasing a row"));
  }
  if (auto put_row = put_state(*txn, checkpoint.applied); !put_row) return put_row;
  return txn->commit(pages * page_room);
}

// ---- reading

Result<std::string_view, StoreFailure> LmdbTables::Body::checked(std::uint8_t number, std::string_view name, const MDB_val& key,
                                                                 const MDB_val& stored) const {
  const std::string_view bytes = as_text(stored);
  std::uint64_t checksum = 0;
  if (bytes.size() >= checksum_bytes) std::memcpy(&checksum, bytes.data(), checksum_bytes);
  const auto is_right = [&] {
    return planted(PlantedBug::kRowChecksumUnchecked) || checksum == row_checksum(number, as_text(key), bytes.substr(checksum_bytes));
  };
  if (bytes.size() < checksum_bytes || !is_right())
    return failed(corrupt("table " + std::string(name) + ", row " + hexadecimal(as_text(key)) + ": the checksum does not match"));
  return bytes.substr(checksum_bytes);
}

Result<Row, StoreFailure> LmdbTables::Body::copy_row(Table table, const MDB_val& key, const MDB_val& stored) const {
  const auto value = checked(static_cast<std::uint8_t>(table), table_name(table), key, stored);
  if (!value) return failed(value.error());
  return Row{.key = std::string(as_text(key)), .value = std::string(*value)};
}

Result<std::uint64_t, StoreFailure> LmdbTables::Body::used_bytes() const {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  std::uint64_t bytes = txn->used_bytes(state_);
  for (const MDB_dbi table : dbis_) bytes += txn->used_bytes(table);
  return bytes;
}

Result<std::optional<std::string>, StoreFailure> LmdbTables::Body::get(Table table, std::string_view key) const {
  if (key.empty() || key.size() > key_bytes_max) return std::optional<std::string>();
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  MDB_val place = as_value(key);
  MDB_val stored{};
  const int code = mdb_get(txn->get(), dbi(table), &place, &stored);
  if (code == MDB_NOTFOUND) return std::optional<std::string>();
  if (code != 0) return failed(env_.failure(code, "reading a row"));
  auto row = copy_row(table, place, stored);
  if (!row) return failed(row.error());
  return std::optional(std::move(row->value));
}

Result<std::optional<Row>, StoreFailure> LmdbTables::Body::find_at_or_before(Table table, std::string_view key) const {
  if (key.empty()) return std::optional<Row>();
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  auto cursor = LmdbCursor::open(env_, *txn, dbi(table));
  if (!cursor) return failed(cursor.error());
  MDB_val place = as_value(key);
  MDB_val stored{};
  int code = mdb_cursor_get(cursor->get(), &place, &stored, MDB_SET_RANGE);
  if (code == MDB_NOTFOUND)
    code = mdb_cursor_get(cursor->get(), &place, &stored, MDB_LAST);
  else if (code == 0 && as_text(place) != key)
    code = mdb_cursor_get(cursor->get(), &place, &stored, MDB_PREV);
  if (code == MDB_NOTFOUND) return std::optional<Row>();
  if (code != 0) return failed(env_.failure(code, "finding a row"));
  auto row = copy_row(table, place, stored);
  if (!row) return failed(row.error());
  return std::optional(std::move(*row));
}

Result<LmdbTables::Body::Batch, StoreFailure> LmdbTables::Body::read_batch(Table table, std::string_view from) const {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  auto cursor = LmdbCursor::open(env_, *txn, dbi(table));
  if (!cursor) return failed(cursor.error());
  Batch batch;
  std::size_t bytes = 0;
  MDB_val key = as_value(from);
  MDB_val stored{};
  int code = mdb_cursor_get(cursor->get(), &key, &stored, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  for (; code == 0 && batch.rows.size() < batch_rows_max && bytes < batch_bytes_max;
       code = mdb_cursor_get(cursor->get(), &key, &stored, MDB_NEXT)) {
    auto row = copy_row(table, key, stored);
    if (!row && !batch.rows.empty()) return batch;   // those before it are visited first; the next batch fails
    if (!row) return failed(row.error());
    bytes += row->key.size() + row->value.size();
    batch.rows.push_back(std::move(*row));
  }
  if (code != 0 && code != MDB_NOTFOUND) return failed(env_.failure(code, "scanning"));
  batch.last = code == MDB_NOTFOUND;
  return batch;
}

Result<void, StoreFailure> LmdbTables::Body::scan(Table table, std::string_view from,
                                                  const std::function<bool(std::string_view, std::string_view)>& visit) const {
  std::string next(from);
  for (;;) {
    const auto batch = read_batch(table, next);
    if (!batch) return failed(batch.error());
    for (const Row& row : batch->rows)
      if (!visit(row.key, row.value)) return {};
    if (batch->last) return {};
    next = batch->rows.back().key;
    next.push_back('\0');   // the least key above it
  }
}

// ---- the tables' face

LmdbTables::LmdbTables(std::unique_ptr<Body> body) : body_(std::move(body)) {}
LmdbTables::~LmdbTables() = default;

Result<std::unique_ptr<LmdbTables>, StoreFailure> LmdbTables::open(Options options) {
  const Missing missing = options.create == Options::Create::kAllowed ? Missing::kCreate : Missing::kRefuse;
  auto env = LmdbEnv::open({.file = options.file,
                            .map_bytes = options.map_bytes,
                            .tables_max = core::table_count + 1,
                            .missing = missing,
                            .make_room = options.make_room});
  if (!env) return failed(env.error());
  auto body = std::make_unique<Body>(std::move(options), std::move(*env));
  if (auto loaded = body->load(); !loaded) return failed(loaded.error());
  return std::unique_ptr<LmdbTables>(new LmdbTables(std::move(body)));
}

Position LmdbTables::applied() const { return body_->applied(); }
Result<void, StoreFailure> LmdbTables::checkpoint(const core::Checkpoint& checkpoint) { return body_->checkpoint(checkpoint); }
Result<std::uint64_t, StoreFailure> LmdbTables::used_bytes() const { return body_->used_bytes(); }
Result<std::optional<std::string>, StoreFailure> LmdbTables::get(Table table, std::string_view key) const { return body_->get(table, key); }
Result<std::optional<Row>, StoreFailure> LmdbTables::find_at_or_before(Table table, std::string_view key) const {
  return body_->find_at_or_before(table, key);
}
Result<void, StoreFailure> LmdbTables::scan(Table table, std::string_view from,
                                            const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  return body_->scan(table, from, visit);
}

}  // namespace takt::store
