// takt bench send: how many messages per second become durable.

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands/bench.h"
#include "cli/connection.h"
#include "cli/payload.h"
#include "cli/progress.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Messages handed to the SDK under one lock.
constexpr std::size_t stride = 500;
/// A message whose answer takes longer makes the measurement fail.
constexpr Milliseconds answer_patience{60'000};

struct Arguments {
  std::string topic = "bench";
  std::string count = "100000";
  std::string seconds;
  std::string size = "100";
  std::string batch = "256KiB";
  std::string linger = "1ms";
  std::string acks = "all";
  std::string outstanding = "64";
  bool unbatched = false;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt bench send
takt bench send --seconds 30 --size 1KiB
takt bench send --count 20000 --unbatched --outstanding 128)");
  command.add_option("--topic", given.topic, "Topic to send to; its messages stay there")->type_name("TOPIC")->capture_default_str();
  command.add_option("--count", given.count, "Messages to send")->type_name("N")->capture_default_str();
  CLI::Option* seconds = command.add_option("--seconds", given.seconds, "Send for so long instead of a count")->type_name("N");
  seconds->excludes(command.get_option("--count"));
  command.add_option("--size", given.size, "Payload of each message")->type_name("SIZE")->capture_default_str();
  command.add_option("--batch", given.batch, "A batch leaves at the latest at this size")->type_name("SIZE")->capture_default_str();
  command.add_option("--linger", given.linger, "How long a message may wait for company")->type_name("DURATION")->capture_default_str();
  command.add_option("--acks", given.acks, "1 or all")->type_name("1|all")->capture_default_str();
  CLI::Option* unbatched = command.add_flag("--unbatched", given.unbatched, "Send one by one, each waiting for its answer");
  command.add_option("--outstanding", given.outstanding, "With --unbatched: so many at the same time, 1 to 256")
      ->type_name("N")
      ->capture_default_str()
      ->needs(unbatched);
}

struct Plan {
  std::string topic;
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  std::optional<std::uint64_t> total{};  ///< of the progress bar
  Clock::time_point until = Clock::time_point::max();
  Bytes payload{};
  ClientOptions client{};
  std::size_t outstanding = 64;
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
  const auto linger = parse_duration("--linger", given.linger);
  if (!linger) return failed(linger.error());
  const auto outstanding = parse_whole("--outstanding", given.outstanding, 1, 256);
  if (!outstanding) return failed(outstanding.error());
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
  plan.outstanding = *outstanding;
  plan.client = {
      .acks = given.acks == "1" ? Acks::kLeader : Acks::kAll, .linger = *linger, .batch_bytes = *batch, .send_timeout = answer_patience};
  return plan;
}

/// Returns how many were accepted, and why not all.
struct Sent {
  std::uint64_t count = 0;
  std::optional<Error> error;
};

Sent send_batched(Client& client, const Plan& plan, Progress& progress) {
  const std::vector<RawMessage> messages(stride, RawMessage{bench_kind, plan.payload});
  const SendOptions options{.topic = plan.topic};
  Sent sent;
  while (sent.count < plan.count && Clock::now() < plan.until) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(stride, plan.count - sent.count));
    const auto accepted = client.send_many_async(std::span(messages).first(n), options);
    sent.count += accepted.count;
    if (accepted.error) {
      sent.error = accepted.error;
      return sent;
    }
    progress.reach(client.metrics().sent);
  }
  if (const auto flushed = client.flush(answer_patience); !flushed) sent.error = flushed.error();
  return sent;
}

Sent send_unbatched(Client& client, const Plan& plan, Progress& progress) {
  const SendOptions options{.topic = plan.topic};
  std::mutex mutex;
  std::uint64_t begun = 0;
  Sent sent;
  const auto work = [&] {
    while (true) {
      {
        const std::lock_guard lock(mutex);
        if (sent.error || begun == plan.count || Clock::now() >= plan.until) return;
        ++begun;
      }
      const auto answer = client.send_bytes(bench_kind, plan.payload, options);
      const std::lock_guard lock(mutex);
      if (!answer) {
        sent.error = answer.error();
        return;
      }
      progress.reach(++sent.count);
    }
  };
  std::vector<std::jthread> threads;
  threads.reserve(plan.outstanding);
  for (std::size_t i = 0; i < plan.outstanding; ++i) threads.emplace_back(work);
  threads.clear();
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
  write_measurement(environment.console, {{"bench", "send"},
                                          {"topic", given.topic},
                                          {"messages", stored},
                                          {"size_bytes", plan->payload.size()},
                                          {"seconds", seconds},
                                          {"msgs_per_second", rate},
                                          {"mb_per_second", rate * static_cast<double>(plan->payload.size()) / 1e6},
                                          {"batches", metrics.batches},
                                          {"resent_batches", metrics.resent_batches},
                                          {"batched", !plan->unbatched},
                                          {"acks", given.acks}});
  return ExitCode::kOk;
}

}  // namespace

void add_bench_send(CLI::App& bench, Action& action) {
  add_command<Arguments>(bench, action, "send", "Messages per second that become durable", &declare, &run);
}

}  // namespace takt::cli
