// takt bench send: how many messages per second become durable.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <random>

#include "cli/commands/bench.h"
#include "cli/connection.h"
#include "cli/payload.h"
#include "cli/progress.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Messages handed to the SDK under one lock; when each goes to another topic it is one.
constexpr std::size_t stride_of_one_topic = 500;
/// A message whose answer takes longer makes the measurement fail.
constexpr Milliseconds answer_patience{60'000};

struct Arguments {
  std::string topic = "bench";
  std::string topics = "1";
  std::string count = "100000";
  std::string seconds;
  std::string size = "100";
  std::string batch = "256KiB";
  std::string linger = "1ms";
  std::string acks = "all";
  std::string outstanding = "1000";
  std::string delay;
  std::string spread;
  bool unbatched = false;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt bench send
takt bench send --seconds 30 --size 1KiB
takt bench send --topics 1000 --count 1000000
takt bench send --unbatched --outstanding 128
takt bench send --count 10000000 --delay 1m --spread 30d)");
  command.add_option("--topic", given.topic, "Topic to send to; its messages stay there")->type_name("TOPIC")->capture_default_str();
  command.add_option("--topics", given.topics, "Send to so many topics in turn, TOPIC-0 and so on")->type_name("N")->capture_default_str();
  command.add_option("--count", given.count, "Messages to send")->type_name("N")->capture_default_str();
  CLI::Option* seconds = command.add_option("--seconds", given.seconds, "Send for so long instead of a count")->type_name("N");
  seconds->excludes(command.get_option("--count"));
  command.add_option("--size", given.size, "Payload of each message")->type_name("SIZE")->capture_default_str();
  command.add_option("--batch", given.batch, "A batch leaves at the latest at this size")->type_name("SIZE")->capture_default_str();
  command.add_option("--linger", given.linger, "How long a message may wait for company, 0 not at all")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--acks", given.acks, "1 or all")->type_name("1|all")->capture_default_str();
  CLI::Option* unbatched = command.add_flag("--unbatched", given.unbatched, "Each message in a request of its own, without linger");
  command.add_option("--outstanding", given.outstanding, "With --unbatched: so many unanswered at a time, 1 to 1,000")
      ->type_name("N")
      ->capture_default_str()
      ->needs(unbatched);
  command.add_option("--delay", given.delay, "Scheduled messages: none is due before so long after the start")->type_name("DURATION");
  command.add_option("--spread", given.spread, "Scheduled messages: their dues lie at random over so long")->type_name("DURATION");
}

/// Random instants, the same ones behind the start in every run.
class Dues {
 public:
  Dues(Milliseconds delay, Milliseconds spread)
      : from_(std::chrono::ceil<Milliseconds>(std::chrono::system_clock::now()) + delay),
        within_(0, spread.count()) {}

  Instant next() { return from_ + Milliseconds(within_(random_)); }
  std::int64_t from_ms() const { return from_.time_since_epoch().count(); }

 private:
  std::chrono::sys_time<Milliseconds> from_;
  std::uniform_int_distribution<std::int64_t> within_;
  std::mt19937_64 random_{1};
};

struct Plan {
  std::string topic;
  std::uint64_t topics = 1;
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  std::optional<std::uint64_t> total{};  ///< of the progress bar
  Clock::time_point until = Clock::time_point::max();
  Bytes payload{};
  ClientOptions client{};
  std::size_t outstanding = 1'000;
  std::optional<Dues> dues{};  ///< none: messages are immediate
  bool unbatched = false;
};

Result<Plan, Failure> plan_of(const Arguments& given) {
  Plan plan{.topic = given.topic, .unbatched = given.unbatched};
  const auto count = parse_whole("--count", given.count, 1, 10'000'000'000);
  if (!count) return failed(count.error());
  const auto size = parse_bytes("--size", given.size);
  if (!size) return failed(size.error());
  if (*size > limits::message_bytes_hard)
    return failed(usage_failure("--size cannot be " + byte_text(*size), "a message has at most " + byte_text(limits::message_bytes_hard)));
  const auto batch = parse_bytes("--batch", given.batch);
  if (!batch) return failed(batch.error());
  const auto linger = parse_duration_or_none("--linger", given.linger);
  if (!linger) return failed(linger.error());
  const auto outstanding = parse_whole("--outstanding", given.outstanding, 1, 1'000);
  if (!outstanding) return failed(outstanding.error());
  const auto topics = parse_whole("--topics", given.topics, 1, 10'000'000);
  if (!topics) return failed(topics.error());
  const auto delay = parse_duration_or_none("--delay", given.delay.empty() ? "0" : given.delay);
  if (!delay) return failed(delay.error());
  const auto spread = parse_duration_or_none("--spread", given.spread.empty() ? "0" : given.spread);
  if (!spread) return failed(spread.error());
  if (given.acks != "1" && given.acks != "all")
    return failed(
        usage_failure("--acks cannot be '" + given.acks + "' here", "give one of: 1, all; without answers there is nothing to measure"));
  if (given.seconds.empty()) {
    plan.count = *count;
    plan.total = *count;
  } else {
    const auto seconds = parse_whole("--seconds", given.seconds, 1, 86'400);
    if (!seconds) return failed(seconds.error());
    plan.until = Clock::now() + std::chrono::seconds(*seconds);
  }
  plan.payload.assign(*size, std::byte{'x'});
  plan.topics = *topics;
  if (!given.delay.empty() || !given.spread.empty()) plan.dues.emplace(*delay, *spread);
  plan.outstanding = *outstanding;
  plan.client = {
      .acks = given.acks == "1" ? Acks::kLeader : Acks::kAll, .linger = *linger, .batch_bytes = *batch, .send_timeout = answer_patience};
  if (plan.unbatched) {
    plan.client.linger = Milliseconds(0);
    plan.client.batch_messages = 1;
    plan.client.batches_in_flight = static_cast<std::uint32_t>(plan.outstanding);
  }
  return plan;
}

/// Returns how many were accepted, and why not all.
struct Sent {
  std::uint64_t count = 0;
  std::optional<Error> error;
};

std::vector<SendOptions> targets_of(const Plan& plan) {
  if (plan.topics == 1) return {{.topic = plan.topic}};
  std::vector<SendOptions> targets;
  targets.reserve(plan.topics);
  for (std::uint64_t i = 0; i < plan.topics; ++i) targets.push_back({.topic = plan.topic + "-" + std::to_string(i)});
  return targets;
}

Sent send_batched(Client& client, Plan& plan, Progress& progress) {
  std::vector<SendOptions> targets = targets_of(plan);
  const std::size_t stride = targets.size() == 1 && !plan.dues ? stride_of_one_topic : 1;
  const std::vector<RawMessage> messages(stride, RawMessage{bench_kind, plan.payload});
  Sent sent;
  for (std::size_t target = 0; sent.count < plan.count && Clock::now() < plan.until; target = (target + 1) % targets.size()) {
    if (plan.dues) targets[target].at = plan.dues->next();
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(stride, plan.count - sent.count));
    const auto accepted = client.send_many_async(std::span(messages).first(n), targets[target]);
    sent.count += accepted.count;
    if (accepted.error) {
      sent.error = accepted.error;
      return sent;
    }
    if (sent.count % stride_of_one_topic == 0) progress.reach(client.metrics().sent);
  }
  if (const auto flushed = client.flush(answer_patience); !flushed) sent.error = flushed.error();
  return sent;
}

/// Room for so many unanswered messages. Who waits for some is woken when a quarter is free, not at each answer.
class Room {
 public:
  explicit Room(std::size_t size) : size_(size) {}

  void take() {
    std::unique_lock lock(mutex_);
    if (taken_ == size_) changed_.wait(lock, [&] { return taken_ <= low_; });
    ++taken_;
  }
  void give_back() {
    const std::lock_guard lock(mutex_);
    if (--taken_ == low_) changed_.notify_one();
  }

 private:
  const std::size_t size_;
  const std::size_t low_ = size_ - (size_ + 3) / 4;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t taken_ = 0;
};

Sent send_unbatched(Client& client, Plan& plan, Progress& progress) {
  std::vector<SendOptions> targets = targets_of(plan);
  Room room(plan.outstanding);
  std::atomic<bool> refused{false};
  std::optional<Error> refusal;  // written by the client's thread before `refused`
  Sent sent;
  for (std::size_t target = 0; sent.count < plan.count && Clock::now() < plan.until && !refused; target = (target + 1) % targets.size()) {
    room.take();
    if (plan.dues) targets[target].at = plan.dues->next();
    const auto accepted = client.send_async_bytes(bench_kind, plan.payload, targets[target], [&](const takt::Result<Receipt>& answer) {
      if (!answer && !refused) {
        refusal = answer.error();
        refused = true;
      }
      room.give_back();
    });
    if (!accepted) {
      sent.error = accepted.error();
      break;
    }
    progress.reach(++sent.count);
  }
  const auto flushed = client.flush(answer_patience);
  if (!flushed) (void)client.close(Milliseconds(0));  // no callback comes after this: what they use goes out of scope here
  if (!sent.error && refused) sent.error = refusal;
  if (!sent.error && !flushed) sent.error = flushed.error();
  return sent;
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  auto plan = plan_of(given);
  if (!plan) return failed(plan.error());
  auto client = connect_client(environment, plan->client);
  if (!client) return failed(client.error());
  std::uint64_t stored = 0;
  double seconds = 0;
  std::optional<Error> error;
  {
    Progress progress(environment.console, "sending", plan->total);
    error = (plan->unbatched ? send_unbatched(*client, *plan, progress) : send_batched(*client, *plan, progress)).error;
    seconds = progress.elapsed().count();
    stored = client->metrics().sent;
  }
  if (error) {
    const Failure cause = explain(environment, *error);
    return failed(stored == 0 ? cause : partly_done(cause, stored, plan->total));
  }
  const ClientMetrics metrics = client->metrics();
  const double rate = static_cast<double>(stored) / seconds;
  Json document{{"bench", "send"},
                {"topic", given.topic},
                {"topics", plan->topics},
                {"messages", stored},
                {"size_bytes", plan->payload.size()},
                {"seconds", seconds},
                {"msgs_per_second", rate},
                {"mb_per_second", rate * static_cast<double>(plan->payload.size()) / 1e6},
                {"batches", metrics.batches},
                {"resent_batches", metrics.resent_batches},
                {"batched", !plan->unbatched},
                {"acks", given.acks}};
  if (plan->dues) document["due_from_ms"] = plan->dues->from_ms();
  write_measurement(environment.console, document);
  return ExitCode::kOk;
}

}  // namespace

void add_bench_send(CLI::App& bench, Action& action) {
  add_command<Arguments>(bench, action, "send", "Messages per second that become durable", &declare, &run);
}

}  // namespace takt::cli
