// takt bench latency: how long a message takes at a steady rate, from send to durable and from send to handler.

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <takt/worker.h>

#include "cli/commands/bench.h"
#include "cli/connection.h"
#include "cli/latencies.h"
#include "cli/listing.h"
#include "cli/payload.h"
#include "cli/progress.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// After the last message was sent: how long its delivery may take.
constexpr std::chrono::seconds delivery_patience{10};

struct Arguments {
  std::string topic = "bench-latency";
  std::string group = "bench";
  std::string rate = "1000";
  std::string seconds = "5";
  std::string size = "100";
  std::string linger = "1ms";
  std::string delay;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt bench latency
takt bench latency --rate 10000 --seconds 30 --size 1KiB
takt bench latency --rate 5000 --delay 2s)");
  command.add_option("--topic", given.topic, "Topic to use; it should have no other load")->type_name("TOPIC")->capture_default_str();
  command.add_option("--group", given.group, "Group to work in")->type_name("GROUP")->capture_default_str();
  command.add_option("--rate", given.rate, "Messages per second")->type_name("N")->capture_default_str();
  command.add_option("--seconds", given.seconds, "How long to send")->type_name("N")->capture_default_str();
  command.add_option("--size", given.size, "Payload of each message, at least 16 bytes")->type_name("SIZE")->capture_default_str();
  command.add_option("--linger", given.linger, "How long a message may wait for company, 0 not at all")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--delay", given.delay, "Scheduled messages, each due so long after its moment; delivery counts from the due time")
      ->type_name("DURATION");
}

/// The first bytes of a payload: which run of the bench it belongs to, and when it was sent or, if scheduled, due.
struct Stamp {
  std::int64_t run = 0;
  std::int64_t begun_ns = 0;
};

std::int64_t ns_of(Clock::time_point time) { return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count(); }
std::int64_t now_ns() { return ns_of(Clock::now()); }

/// Both kinds of times; filled by the client's and the worker's threads.
class Samples {
 public:
  explicit Samples(std::int64_t run) : run_(run) {}

  void answered(std::int64_t sent_ns) {
    const std::lock_guard lock(mutex_);
    acks_.add(std::chrono::nanoseconds(now_ns() - sent_ns));
  }
  void delivered(std::span<const Delivered> messages) {
    const std::lock_guard lock(mutex_);
    for (const Delivered& message : messages) {
      Stamp stamp;
      if (message.payload().size() < sizeof stamp) continue;
      std::memcpy(&stamp, message.payload().data(), sizeof stamp);
      if (stamp.run != run_) continue;
      const auto passed = std::chrono::nanoseconds(now_ns() - stamp.begun_ns);
      early_ += passed.count() < 0 ? 1 : 0;
      deliveries_.add(passed);
    }
    changed_.notify_all();
  }
  /// True when `count` deliveries came, the last one `delay` and our patience from now at the latest.
  bool wait_for(std::uint64_t count, Milliseconds delay) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, delay + delivery_patience, [&] { return deliveries_.size() >= count; });
  }

  // Only when both threads are done.
  Latencies& acks() { return acks_; }
  Latencies& deliveries() { return deliveries_; }
  std::uint64_t early() const { return early_; }

 private:
  const std::int64_t run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Latencies acks_;
  Latencies deliveries_;
  std::uint64_t early_ = 0;  ///< delivered before they were due
};

void add_summary(Json& document, const std::string& name, Latencies& latencies) {
  const auto summary = latencies.summary();
  document[name + "_p50_ms"] = summary.p50_ms;
  document[name + "_p90_ms"] = summary.p90_ms;
  document[name + "_p99_ms"] = summary.p99_ms;
  document[name + "_p999_ms"] = summary.p999_ms;
  document[name + "_max_ms"] = summary.max_ms;
}

struct Load {
  std::uint64_t rate = 0;
  std::uint64_t count = 0;
  std::size_t size = 0;
  std::optional<Milliseconds> delay{};
};

/// Sends at the rate, each message at its own moment whatever became of the ones before: a slow broker does not slow
/// down the measurement that shows it.
std::optional<Error> send_steadily(Client& client, const Arguments& given, const Load& load, std::int64_t run, Samples& samples,
                                   Progress& progress) {
  Bytes payload(load.size, std::byte{'x'});
  SendOptions options{.topic = given.topic};
  const auto begun = Clock::now();
  const auto wall_begun = std::chrono::system_clock::now();
  for (std::uint64_t i = 0; i < load.count; ++i) {
    const auto moment = begun + std::chrono::nanoseconds(1'000'000'000 * i / load.rate);
    std::this_thread::sleep_until(moment);
    Stamp stamp{.run = run, .begun_ns = ns_of(moment)};
    if (load.delay) {
      options.at = wall_begun + (moment - begun) + *load.delay;
      stamp.begun_ns = ns_of(begun + (options.at->time - wall_begun));
    }
    std::memcpy(payload.data(), &stamp, sizeof stamp);
    const auto accepted =
        client.send_async_bytes(bench_kind, payload, options, [&samples, sent = ns_of(moment)](const takt::Result<Receipt>& answer) {
          if (answer) samples.answered(sent);
        });
    if (!accepted) return accepted.error();
    progress.reach(i + 1);
  }
  if (const auto flushed = client.flush(std::chrono::milliseconds(delivery_patience)); !flushed) return flushed.error();
  return std::nullopt;
}

Result<Load, Failure> load_of(const Arguments& given) {
  const auto rate = parse_whole("--rate", given.rate, 1, 1'000'000);
  if (!rate) return failed(rate.error());
  const auto seconds = parse_whole("--seconds", given.seconds, 1, 3'600);
  if (!seconds) return failed(seconds.error());
  const auto size = parse_bytes("--size", given.size);
  if (!size) return failed(size.error());
  if (*size < sizeof(Stamp) || *size > limits::message_bytes_hard) {
    return failed(usage_failure("--size cannot be " + byte_text(*size),
                                "give 16 bytes, which hold the time, to " + byte_text(limits::message_bytes_hard)));
  }
  Load load{.rate = *rate, .count = *rate * *seconds, .size = *size};
  if (!given.delay.empty()) {
    const auto delay = parse_duration("--delay", given.delay);
    if (!delay) return failed(delay.error());
    load.delay = *delay;
  }
  return load;
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const auto load = load_of(given);
  if (!load) return failed(load.error());
  const auto linger = parse_duration_or_none("--linger", given.linger);
  if (!linger) return failed(linger.error());
  auto client = connect_client(environment, {.linger = *linger});
  if (!client) return failed(client.error());
  // The group is made first, at the end of the topic: what others left there is not measured.
  {
    auto connection = connect_admin(environment);
    if (!connection) return failed(connection.error());
    const auto group = look_for_group(environment, connection->admin, given.topic, given.group);
    if (!group) return failed(group.error());
    if (!*group) {  // its topic is made with it
      const auto made = connection->admin.put_group(given.topic, given.group, {.from_now = true});
      if (!made) return failed(explain(environment, made.error()));
    }
  }
  auto worker = Worker::open({.server = environment.server,
                              .name = "takt-bench",
                              .subscriptions = {{.topic = given.topic, .group = given.group}},
                              .connect_timeout = environment.timeout});
  if (!worker) return failed(explain(environment, worker.error()));

  const std::int64_t run_id = now_ns();
  Samples samples(run_id);
  worker->handle_batch([&samples](std::span<const Delivered> messages) { samples.delivered(messages); });
  std::optional<Error> worker_error;
  std::jthread working([&] {
    if (const auto stats = worker->run(); !stats) worker_error = stats.error();
  });
  std::optional<Error> error;
  bool complete = false;
  {
    Progress progress(environment.console, "sending", load->count);
    error = send_steadily(*client, given, *load, run_id, samples, progress);
    complete = !error && samples.wait_for(load->count, load->delay.value_or(Milliseconds(0)));
  }
  (void)client->close(environment.timeout);
  worker->stop();
  working.join();
  if (error) return failed(explain(environment, *error));
  if (worker_error) return failed(explain(environment, *worker_error));

  Json document{{"bench", "latency"},
                {"topic", given.topic},
                {"messages", load->count},
                {"delivered", samples.deliveries().size()},
                {"rate_per_second", load->rate},
                {"size_bytes", load->size}};
  add_summary(document, "ack", samples.acks());
  add_summary(document, "delivery", samples.deliveries());
  if (load->delay) document["early"] = samples.early();
  write_measurement(environment.console, document);
  return complete ? ExitCode::kOk : ExitCode::kPartlyDone;
}

}  // namespace

void add_bench_latency(CLI::App& bench, Action& action) {
  add_command<Arguments>(bench, action, "latency", "Times from send to durable and to the handler, at a steady rate", &declare, &run);
}

}  // namespace takt::cli
