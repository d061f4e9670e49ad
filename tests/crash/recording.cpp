#include "tests/crash/recording.h"

#include <takt/admin.h>
#include <takt/client.h>
#include <takt/worker.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/crash/journal.h"
#include "tests/crash/message.h"
#include "tests/support/broker_process.h"
#include "tests/support/deadline.h"

namespace takt::crash {
namespace {

using namespace std::chrono_literals;
using takt::testing::BrokerProcess;

constexpr std::string_view kind = "crash.job";
constexpr std::size_t small_bytes = 1500;
constexpr std::size_t large_bytes = 12'000;   // several pages

std::vector<std::string> settings() {
  return {"store.checkpoint_interval=100ms", "store.checkpoint_bytes=1MiB", "store.front_bytes=128KiB", "store.cache_bytes=1MiB",
          "store.drain_bytes=64KiB",         "store.ballast_bytes=64KiB",   "store.disk_free_min=0",    "session.timeout=2s",
          "session.heartbeat=500ms",         "session.recover_grace=100ms", "session.held_after=1s"};
}

class Workload {
 public:
  Workload(const RecordingPlan& plan, const std::string& server, const Marker& marker)
      : plan_(plan),
        server_(server),
        marker_(marker),
        admin_(must(Admin::open({.server = server, .name = "admin", .timeout = plan.send_timeout}))) {}

  /// Groups exist before the first message, so that every one is owed.
  bool prepare() {
    return admin_.put_group("mail", "readers", {}).has_value() && admin_.put_group("mail", "archive", {}).has_value() &&
           admin_.put_group("heavy", "movers", {}).has_value() && admin_.put_group("bulk", "movers", {}).has_value() &&
           admin_.put_group("orders", "clerks", {}).has_value() && admin_.put_group("invoices", "clerks", {}).has_value();
  }

  void start() {
    work("readers", {{.topic = "mail", .group = "readers", .concurrency = 2}}, {});
    work("archive", {{.topic = "mail", .group = "archive", .mode = Mode::kPull}}, {});
    work("movers", {{.topic = "heavy", .group = "movers", .concurrency = 2}, {.topic = "bulk", .group = "movers"}}, {});
    work("clerks", {{.topic = "orders", .group = "clerks"}}, "invoices");
    work("posters", {{.topic = "invoices", .group = "clerks"}}, {});
    const std::uint64_t part = plan_.messages / 10;
    send("mail", 4 * part, 25, small_bytes);
    send("mail", 3 * part, 1, small_bytes);
    send("heavy", part, 3, large_bytes);
    send("bulk", 2 * part, 50, large_bytes);   // many of these go past the write-ahead file
    send("orders", 2 * part, 10, small_bytes);
    threads_.emplace_back([this](const std::stop_token& stop) { make_and_delete(stop); });
  }

  /// Sends that are answered, of all there will be.
  bool is_sent() const { return producing_ == 0; }
  std::uint64_t stored() const { return stored_; }
  std::uint64_t done() const { return done_; }
  bool is_drained() {
    const auto groups = admin_.groups();
    if (!groups) return false;
    return std::ranges::all_of(*groups, [](const GroupInfo& group) { return group.ready + group.leased + group.held == 0; });
  }
  void stop() {
    for (auto& thread : threads_) thread.request_stop();
    for (auto& worker : workers_) worker->stop();
    threads_.clear();
    workers_.clear();
  }

 private:
  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    return *std::move(result);
  }

  void send(const std::string& topic, std::uint64_t count, std::size_t batch, std::size_t bytes_max) {
    ++producing_;
    threads_.emplace_back([=, this](const std::stop_token& stop) {
      sim::Random random(plan_.seed * 1000 + batch);
      auto client = must(Client::open({.server = server_, .name = topic, .linger = 0ms, .send_timeout = plan_.send_timeout}));
      for (std::uint64_t sent = 0; sent < count && !stop.stop_requested();) {
        const std::size_t size = batch == 1 ? 1 : 1 + random.below(batch);
        std::vector<std::uint64_t> values;
        std::vector<std::string> payloads;
        std::vector<RawMessage> messages;
        for (std::size_t i = 0; i < size; ++i) {
          values.push_back(++last_value_);
          payloads.push_back(payload_of(values.back(), bytes_max));
        }
        for (const std::string& payload : payloads) messages.push_back({kind, std::as_bytes(std::span(payload))});
        const auto receipts = client.send_all_bytes(messages, {.topic = topic, .priority = static_cast<std::uint8_t>(random.below(3))});
        for (std::size_t i = 0; i < size; ++i) {
          if (!receipts[i]) continue;   // refused or unknown: nothing is promised
          ++stored_;
          marker_.mark("stored " + std::to_string(receipts[i]->id.position) + " " + std::to_string(values[i]));
        }
        sent += size;
      }
      --producing_;
    });
  }

  /// A topic with a group that come and go.
  void make_and_delete(const std::stop_token& stop) {
    auto client = must(Client::open({.server = server_, .name = "guest", .linger = 0ms, .send_timeout = plan_.send_timeout}));
    while (!stop.stop_requested() && producing_ > 0) {
      if (!admin_.put_group("guests", "hosts", {})) continue;
      for (int i = 0; i < 20 && !stop.stop_requested(); ++i) {
        const std::string payload = payload_of(++last_value_, small_bytes);
        [[maybe_unused]] const auto sent = client.send_bytes(kind, std::as_bytes(std::span(payload)), {.topic = "guests"});
      }
      if (stop.stop_requested()) return;
      [[maybe_unused]] const auto group = admin_.delete_group("guests", "hosts");
      [[maybe_unused]] const auto topic = admin_.delete_topic("guests");
    }
  }

  void work(const std::string& name, std::vector<Subscription> subscriptions, const std::string& follow_topic) {
    auto worker = Worker::open({.server = server_,
                                .name = name,
                                .subscriptions = std::move(subscriptions),
                                .shutdown_grace = 2s,
                                .shutdown_force = 1s,
                                .on_confirmed = [this](const Confirmed& confirmed) {
                                  ++done_;
                                  marker_.mark("done " + std::to_string(confirmed.id.position) + " " + std::string(confirmed.topic) + " " +
                                               std::string(confirmed.group));
                                }});
    workers_.push_back(std::make_unique<Worker>(must(std::move(worker))));
    Worker& mine = *workers_.back();
    mine.handle_any([this, follow_topic](Context& context) -> Outcome {
      const std::uint64_t dice = context.id().position % 60;
      if (context.topic() == "heavy" && dice % 6 == 0) return retry_in(1h, "later");   // stays, and is carried
      if (dice == 7) return dead("never");
      if (dice % 20 == 1 && context.attempt() == 1) return retry_in(20ms, "once more");
      if (!follow_topic.empty()) {
        const std::string payload = payload_of(++last_value_, small_bytes);
        if (!context.send_bytes(kind, std::as_bytes(std::span(payload)), {.topic = follow_topic})) return release();
      }
      return takt::done();
    });
    threads_.emplace_back([&mine] { [[maybe_unused]] const auto stats = mine.run(); });
  }

  const RecordingPlan& plan_;
  const std::string server_;
  const Marker& marker_;
  Admin admin_;
  std::atomic<std::uint64_t> last_value_ = 0;
  std::atomic<std::uint64_t> stored_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<int> producing_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::jthread> threads_;   // last: they use what stands above
};

/// By the shim, behind one of its writes: killed from outside it might be within one that is written down already.
void kill_at_a_write(BrokerProcess& broker, const std::filesystem::path& wish) {
  std::ofstream(wish).flush();
  if (!broker.wait_end(takt::testing::patience)) throw std::runtime_error("the broker went on when it was to be killed");
  std::filesystem::remove(wish);
}

void finish(BrokerProcess& broker, Recording& recording) {
  const bool is_dead = !broker.is_running();
  const auto end = is_dead ? broker.wait_end(1s) : broker.stop(takt::testing::patience);
  recording.log = broker.log_text();
  if (!end) {
    recording.end = Recording::End::kHung;
    broker.kill();
    return;
  }
  recording.end = end->is_success() ? Recording::End::kStopped : Recording::End::kDied;
  recording.signal = end->signal;
}

}  // namespace

Recording record(const RecordingPlan& plan) {
  Recording recording{.journal = plan.folder / "journal", .data = plan.folder / "data", .log = {}};
  std::filesystem::create_directories(plan.folder);
  const std::filesystem::path wish = plan.folder / "kill";
  takt::testing::BrokerOptions options{.folder = plan.folder, .settings = settings()};
  options.environment = {"LD_PRELOAD=" DISK_SHIM_PATH, "DISK_SHIM_FOLDER=" + recording.data.string(),
                         "DISK_SHIM_JOURNAL=" + recording.journal.string(), "DISK_SHIM_KILL=" + wish.string()};
  if (!plan.fault.empty()) options.environment.push_back("DISK_SHIM_FAULT=" + plan.fault);
  const Marker marker(recording.journal);
  std::optional<BrokerProcess> broker;
  try {
    broker.emplace(std::move(options));
  } catch (const std::runtime_error& refused) {   // it ends at the fault and says why
    recording.end = Recording::End::kDied;
    recording.log = refused.what();
    return recording;
  }
  {
    Workload workload(plan, broker->server(), marker);
    if (workload.prepare()) {
      marker.mark("ready");
      workload.start();
      bool is_killed = plan.kill == RecordingPlan::Kill::kNever;
      const auto is_over = [&] { return !broker->is_running() || workload.is_sent(); };
      takt::testing::wait_until([&] {
        if (!is_killed && workload.stored() > plan.messages / 2) {
          is_killed = true;
          kill_at_a_write(*broker, wish);
          broker->start();
        }
        return is_over();
      });
      takt::testing::wait_until([&] { return !broker->is_running() || workload.is_drained(); });
    }
    workload.stop();
    recording.stored = workload.stored();
    recording.done = workload.done();
  }
  finish(*broker, recording);
  return recording;
}

}  // namespace takt::crash
