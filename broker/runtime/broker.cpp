#include "broker/runtime/broker.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "broker/http/http_server.h"
#include "broker/metrics/exposition.h"
#include "broker/runtime/address.h"
#include "broker/runtime/background.h"
#include "broker/runtime/committer.h"
#include "broker/runtime/logging.h"
#include "broker/runtime/partition_loader.h"
#include "broker/runtime/reader.h"
#include "broker/runtime/shard.h"
#include "broker/transport/zmq_gateway.h"

namespace takt::runtime {
namespace {

constexpr std::size_t inbox_bound = 131'072;                       // commands; replies owed stop most clients long before
constexpr Duration page_patience = std::chrono::seconds(2);

std::string_view state_name(ShardState state) {
  switch (state) {
    case ShardState::kServing: return "serving";
    case ShardState::kReloading: return "reloading";
    case ShardState::kDraining: return "draining";
    case ShardState::kStopped: return "stopped";
    case ShardState::kFailed: return "failed";
  }
  return "unknown";
}

std::string_view kind_name(store::StoreFailure::Kind kind) {
  switch (kind) {
    case store::StoreFailure::Kind::kFull: return "full";
    case store::StoreFailure::Kind::kIo: return "io";
    case store::StoreFailure::Kind::kCorrupt: return "corrupt";
    case store::StoreFailure::Kind::kForeign: return "foreign";
    case store::StoreFailure::Kind::kLocked: return "locked";
    case store::StoreFailure::Kind::kRefused: return "refused";
  }
  return "unknown";
}

void log_failure(std::string_view event, const store::StoreFailure& failure) {
  if (failure.kind == store::StoreFailure::Kind::kRefused) return;   // follows from one that was logged
  log(LogLevel::kError, event,
      {{"code", error_label(ErrorCode::kStoreFailed)}, {"kind", kind_name(failure.kind)}, {"reason", failure.message}});
}

std::string_view clock_name(core::PartitionClock::State state) {
  switch (state) {
    case core::PartitionClock::State::kFollows: return "follows";
    case core::PartitionClock::State::kSlews: return "slews";
    case core::PartitionClock::State::kRunsOn: return "runs_on";
    case core::PartitionClock::State::kHolds: return "holds";
  }
  return "unknown";
}

core::PartitionSettings partition_settings(const Config& config, const core::PartitionUuid& uuid) {
  core::PartitionSettings settings;
  settings.partition = PartitionId(0);
  settings.uuid = uuid;
  settings.session_timeout = config.session.timeout;
  settings.recover_grace = config.session.recover_grace;
  settings.held_after = config.session.held_after;
  settings.producer_idle_expiry = config.session.producer_idle_expiry;
  settings.tail_cache_bytes = config.store.cache_bytes;
  settings.in_flight_max = static_cast<std::uint32_t>(config.limits.in_flight);
  settings.in_flight_per_worker_max = static_cast<std::uint32_t>(config.limits.in_flight_per_worker);
  settings.topics_max = static_cast<std::uint32_t>(config.limits.topics);
  settings.schedules_max = static_cast<std::uint32_t>(config.limits.schedules);
  settings.groups_per_topic_max = static_cast<std::uint32_t>(config.limits.groups_per_topic);
  settings.groups_max = static_cast<std::uint32_t>(config.limits.groups);
  settings.producers_max = static_cast<std::uint32_t>(config.limits.producers);
  settings.subscriptions_per_session_max = static_cast<std::uint32_t>(config.limits.subscriptions_per_session);
  return settings;
}

ShardSettings shard_settings(const Config& config) {
  ShardSettings settings;
  settings.checkpoint_bytes = config.store.checkpoint_bytes;
  settings.checkpoint_interval = config.store.checkpoint_interval;
  settings.store_bytes_max = config.store.bytes_max;
  settings.disk_free_bytes_min = config.store.disk_free_min;
  return settings;
}

transport::ZmqGatewaySettings gateway_settings(const Config& config, const std::string& version) {
  transport::ZmqGatewaySettings settings;
  settings.listen = config.listen;
  settings.connections_max = config.limits.connections;
  settings.memory_bytes_expected = config.store.cache_bytes + 2 * config.limits.publish_bytes + config.limits.outbound_bytes_total;
  settings.handshake_timeout = config.limits.handshake_time;
  settings.hello_timeout = config.limits.hello_time;
  settings.clock = monotonic_now;
  settings.desk.software = "taktd/" + version;
  settings.desk.intake.message_bytes_max = config.limits.message_bytes;
  settings.desk.intake.batch_bytes_max = config.limits.batch_bytes;
  settings.desk.intake.batch_messages_max = static_cast<std::uint32_t>(config.limits.batch_messages);
  settings.desk.heartbeat = config.session.heartbeat;
  settings.desk.session_timeout = config.session.timeout;
  settings.desk.sessions_max = config.limits.connections;
  settings.desk.replies_per_session_max = config.limits.replies_per_session;
  settings.desk.replies_max = config.limits.replies;
  settings.desk.publish_bytes_max = config.limits.publish_bytes;
  settings.desk.outbound_bytes_per_peer_max = config.limits.outbound_bytes;
  settings.desk.outbound_bytes_max = config.limits.outbound_bytes_total;
  return settings;
}

template <class Answer>
bool is_there(const std::future<Answer>& answer, Time until) {
  return answer.wait_for(std::max(Duration::zero(), until - monotonic_now())) == std::future_status::ready;
}

using OwnerInbox = Inbox<ShardMail, core::Command>;

/// The owner's inbox as the gateway sees it.
class InboxSink final : public transport::CommandSink {
 public:
  explicit InboxSink(OwnerInbox& inbox) : inbox_(inbox) {}
  bool post(transport::CommandBatch& batch) override { return inbox_.offer(batch.prior, batch.later); }

 private:
  OwnerInbox& inbox_;
};

}  // namespace

class Broker::Body {
 public:
  Body(const Config& config, Options options)
      : config_(config),
        options_(std::move(options)),
        inbox_(inbox_bound, [this] { gateway_->room(); }),
        sink_(inbox_) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  std::optional<StartFailure> start();
  void drain();
  std::optional<Status> status(Duration patience);

  std::string client_endpoint;
  std::string http_endpoint;

 private:
  std::optional<StartFailure> start_http();
  std::optional<StartFailure> write_endpoints() const;
  template <class Wanted, class Answer>
  std::future<Answer> ask();
  void own();
  void answer(ShardMail mail);
  void read_failed(const store::StoreFailure& failure);
  std::optional<ShardState> state(Duration patience);
  http::Pages pages();

  const Config config_;
  const Options options_;
  metrics::Exposition exposition_;
  std::atomic<std::uint64_t> reads_corrupt_ = 0, reads_failed_ = 0;   // counted by the reader's thread
  OwnerInbox inbox_;
  InboxSink sink_;                                           // the gateway's thread

  // Threads, and what they use before them.
  std::unique_ptr<FolderStores> stores_;
  std::unique_ptr<PartitionLoader> loader_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Reader> reader_, finder_;
  std::unique_ptr<Background> background_;
  std::unique_ptr<transport::ZmqGateway> gateway_;
  std::optional<Shard> shard_;                               // the owner's thread
  std::jthread owner_;
  std::unique_ptr<http::HttpServer> http_;
};

// Against the direction of start: nobody may be told anything by an object that is gone.
Broker::Body::~Body() {
  http_.reset();
  if (gateway_) gateway_->stop();
  inbox_.close();
  if (owner_.joinable()) owner_.join();
  background_.reset();
  reader_.reset();
  finder_.reset();
  committer_.reset();
}

std::optional<StartFailure> Broker::Body::start() {
  const auto store_failed = [](const store::StoreFailure& failure) {
    return StartFailure{error_label(ErrorCode::kStoreFailed) + ": " + failure.message};
  };
  store::DataFolder::Options folder_options;
  folder_options.path = config_.data;
  folder_options.partitions = 1;
  folder_options.map_bytes = config_.store.map_bytes;
  folder_options.ballast_bytes = config_.store.ballast_bytes;
  folder_options.drain_bytes = config_.store.drain_bytes;
  auto folder = store::DataFolder::open(folder_options);
  if (!folder) return store_failed(folder.error());
  stores_ = std::make_unique<FolderStores>(std::move(*folder));
  std::error_code ignored;
  std::filesystem::remove(std::filesystem::path(config_.data) / "endpoints", ignored);   // of a run before this one

  const Time began = monotonic_now();
  const core::PartitionUuid uuid = stores_->uuid();
  loader_ = std::make_unique<PartitionLoader>(*stores_, partition_settings(config_, uuid),
                                              [](const store::StoreFailure& failure) { log_failure("store_read_failed", failure); });
  auto loaded = loader_->load_fresh();
  if (!loaded) return store_failed(loaded.error());
  log(LogLevel::kInfo, "partition_loaded",
      {{"partition", std::uint64_t{0}},
       {"first", loaded->log.first.value},
       {"applied", loaded->applied.value},
       {"end", loaded->log.end.value},
       {"log_bytes", loaded->log.bytes},
       {"seconds", std::chrono::duration<double>(monotonic_now() - began).count()}});

  auto gateway = transport::ZmqGateway::open(gateway_settings(config_, options_.version), sink_);
  if (!gateway) return StartFailure{error_label(ErrorCode::kBadAddress) + ": " + gateway.error().message};
  gateway_ = std::move(*gateway);
  client_endpoint = gateway_->endpoint();

  const auto answering = [this](ShardMail mail) { answer(std::move(mail)); };
  committer_ = std::make_unique<Committer>(*stores_, answering);
  const auto failing = [this](const store::StoreFailure& failure) { read_failed(failure); };
  reader_ = std::make_unique<Reader>(*stores_, uuid, answering, failing);
  finder_ = std::make_unique<Reader>(*stores_, uuid, answering, failing);
  background_ =
      std::make_unique<Background>(Background::Settings{uuid, {.bytes = config_.store.front_bytes}}, *stores_, *committer_, answering);
  shard_.emplace(shard_settings(config_), std::move(*loaded),
                 Shard::Ports{*committer_, *reader_, *finder_, *background_, *loader_, *gateway_}, read_clock());
  owner_ = std::jthread([this] { own(); });
  gateway_->start();
  if (auto failure = start_http()) return failure;
  return write_endpoints();
}

std::optional<StartFailure> Broker::Body::start_http() {
  if (config_.http == "off") return std::nullopt;
  const auto address = parse_host_port(config_.http);
  if (!address) return StartFailure{error_label(ErrorCode::kBadAddress) + ": http " + address.error()};
  const std::string host = address->host == "*" ? "0.0.0.0" : address->host;
  auto server = http::HttpServer::open(host, address->port, pages());
  if (!server) return StartFailure{error_label(ErrorCode::kBadAddress) + ": " + server.error()};
  http_ = std::move(*server);
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  http_endpoint = "http://" + shown + ":" + std::to_string(http_->port());
  return std::nullopt;
}

// Readers see the whole file or none.
std::optional<StartFailure> Broker::Body::write_endpoints() const {
  const std::filesystem::path folder = config_.data;
  const std::filesystem::path fresh = folder / "endpoints.new";
  std::ofstream out(fresh, std::ios::trunc);
  out << "clients " << client_endpoint << '\n';
  if (!http_endpoint.empty()) out << "http " << http_endpoint << '\n';
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(fresh, folder / "endpoints", error);
  if (!out || error)
    return StartFailure{error_label(ErrorCode::kStoreFailed) + ": cannot write " + (folder / "endpoints").string() + ": is the disk full?"};
  return std::nullopt;
}

void Broker::Body::own() {
  pthread_setname_np(pthread_self(), "takt-owner");
  ShardState seen = shard_->state();
  auto clock_seen = core::PartitionClock::State::kFollows;
  for (;;) {
    auto mail = inbox_.take_all(shard_->next_deadline(), shard_->backlog());
    shard_->turn(std::move(mail.prior), std::move(mail.later), read_clock());
    if (const ShardState state = shard_->state(); state != seen) {
      log(state == ShardState::kReloading || state == ShardState::kFailed ? LogLevel::kError : LogLevel::kInfo, "partition_state",
          {{"partition", std::uint64_t{0}}, {"state", state_name(state)}});
      seen = state;
    }
    if (const auto state = shard_->clock().state(); state != clock_seen) {
      log(state == core::PartitionClock::State::kFollows ? LogLevel::kInfo : LogLevel::kWarn, "clock_state",
          {{"partition", std::uint64_t{0}},
           {"state", clock_name(state)},
           {"wall_clock_ahead_seconds", std::chrono::duration<double>(shard_->clock().ahead()).count()}});
      clock_seen = state;
    }
    if (seen == ShardState::kStopped || seen == ShardState::kFailed) {
      if (shard_->failure()) log_failure("partition_failed", *shard_->failure());
      options_.stopped(seen);
      return;
    }
    if (mail.is_closed) return;
  }
}

void Broker::Body::answer(ShardMail mail) {
  if (const auto* appended = std::get_if<Appended>(&mail); appended && appended->failure)
    log_failure("store_write_failed", *appended->failure);
  if (const auto* written = std::get_if<CheckpointWritten>(&mail)) {
    if (written->failure) log_failure("checkpoint_failed", *written->failure);
    if (written->front_failure) log_failure("front_kept", *written->front_failure);
    if (!written->failure)
      log(LogLevel::kDebug, "checkpoint", {{"applied", written->applied.value}, {"carried", written->carried_messages}});
  }
  if (const auto* scanned = std::get_if<FrontScanned>(&mail); scanned && scanned->failure) log_failure("front_kept", *scanned->failure);
  if (const auto* freed = std::get_if<FrontFreed>(&mail); freed && freed->failure) log_failure("front_kept", *freed->failure);
  inbox_.put(std::move(mail));
}

void Broker::Body::read_failed(const store::StoreFailure& failure) {
  ++(failure.kind == store::StoreFailure::Kind::kCorrupt ? reads_corrupt_ : reads_failed_);
  log_failure("store_read_failed", failure);
}

void Broker::Body::drain() {
  gateway_->drain();
  inbox_.put(DrainWanted{});
}

/// The shard's answer; never there when the owner's thread has ended.
template <class Wanted, class Answer>
std::future<Answer> Broker::Body::ask() {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  inbox_.put(Wanted{[promise](Answer value) { promise->set_value(std::move(value)); }});
  return answer;
}

std::optional<Broker::Status> Broker::Body::status(Duration patience) {
  const Time until = monotonic_now() + patience;
  auto report = ask<ReportWanted, ShardReport>();
  auto gateway = gateway_->stats();
  if (!is_there(report, until) || !is_there(gateway, until)) return std::nullopt;
  ShardReport value = report.get();
  value.store.errors_corrupt += reads_corrupt_;
  value.store.errors_io += reads_failed_;
  return Status{value.state, {options_.version, std::move(value.partition), std::move(value.store), value.clock, gateway.get()}};
}

/// Light, so that probes cost nothing: the shard's state when both threads answer.
std::optional<ShardState> Broker::Body::state(Duration patience) {
  const Time until = monotonic_now() + patience;
  auto state = ask<StateWanted, ShardState>();
  auto gateway = gateway_->stats();
  if (!is_there(state, until) || !is_there(gateway, until)) return std::nullopt;
  return state.get();
}

http::Pages Broker::Body::pages() {
  const auto unavailable = [](std::string why) { return http::Page{503, "text/plain; charset=utf-8", std::move(why) + "\n"}; };
  http::Pages pages;
  pages.metrics = [this, unavailable](std::uint64_t refused) {
    auto status = this->status(page_patience);
    if (!status) return unavailable("the broker did not answer in time");
    status->snapshot.http_connections_refused = refused;
    return http::Page{200, "text/plain; version=0.0.4; charset=utf-8", exposition_.render(status->snapshot)};
  };
  pages.live = [this, unavailable] {
    if (!this->state(page_patience)) return unavailable("the broker did not answer in time");
    return http::Page{200, "text/plain; charset=utf-8", "alive\n"};
  };
  pages.ready = [this, unavailable] {
    const auto state = this->state(page_patience);
    if (!state) return unavailable("the broker did not answer in time");
    if (*state != ShardState::kServing) return unavailable(std::string(state_name(*state)));
    return http::Page{200, "text/plain; charset=utf-8", "ready\n"};
  };
  return pages;
}

Broker::Broker(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Broker::~Broker() = default;

Result<std::unique_ptr<Broker>, StartFailure> Broker::start(const Config& config, Options options) {
  auto body = std::make_unique<Body>(config, std::move(options));
  if (auto failure = body->start()) return failed(std::move(*failure));
  return std::unique_ptr<Broker>(new Broker(std::move(body)));
}

void Broker::drain() { body_->drain(); }
const std::string& Broker::client_endpoint() const { return body_->client_endpoint; }
const std::string& Broker::http_endpoint() const { return body_->http_endpoint; }
std::optional<Broker::Status> Broker::status(Duration patience) { return body_->status(patience); }

}  // namespace takt::runtime
