// takt bench work: how many messages per second one worker takes and acks.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include <takt/worker.h>

#include "cli/commands/bench.h"
#include "cli/connection.h"
#include "cli/progress.h"

namespace takt::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string topic = "bench";
  std::string group = "bench";
  std::string count = "100000";
  std::string seconds;
  std::string idle = "10s";
  std::string prefetch = "0";
  std::string mode = "push";
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt bench work
takt bench work --count 1000000 --prefetch 65536
takt bench work --group other --mode pull)");
  command.add_option("--topic", given.topic, "Topic to work on")->type_name("TOPIC")->capture_default_str();
  command.add_option("--group", given.group, "Group to work in; its messages are done afterwards")
      ->type_name("GROUP")
      ->capture_default_str();
  command.add_option("--count", given.count, "Messages to work")->type_name("N")->capture_default_str();
  CLI::Option* seconds = command.add_option("--seconds", given.seconds, "Work for so long instead of a count")->type_name("N");
  seconds->excludes(command.get_option("--count"));
  command.add_option("--idle", given.idle, "Give up when nothing came for so long")->type_name("DURATION")->capture_default_str();
  command.add_option("--prefetch", given.prefetch, "Messages that may be here un-acked, 0 (the SDK chooses) to 65,536")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--mode", given.mode, "How messages come")->type_name("push|pull")->capture_default_str();
}

/// What the handler has seen, and the watch over it: ends the worker at the count, at the time, or when nothing comes.
class Watch {
 public:
  Watch(Worker& worker, std::uint64_t count, std::optional<Clock::duration> time, Clock::duration idle, Progress& progress)
      : worker_(worker),
        count_(count),
        time_(time),
        idle_(idle),
        progress_(progress),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void handled(std::size_t messages) {
    const std::lock_guard lock(mutex_);
    last_ = Clock::now();
    if (!first_) first_ = last_;
    handled_ += messages;
    progress_.reach(handled_);
    if (handled_ >= count_) worker_.stop();
    changed_.notify_all();
  }

  std::optional<Clock::time_point> first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }
  bool gave_up() const {
    const std::lock_guard lock(mutex_);
    return gave_up_;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested() && handled_ < count_) {
      auto deadline = last_ + idle_;
      if (first_ && time_) deadline = std::min(deadline, *first_ + *time_);
      if (Clock::now() >= deadline) {
        gave_up_ = !(first_ && time_ && Clock::now() >= *first_ + *time_);
        worker_.stop();
        return;
      }
      changed_.wait_until(lock, stop, deadline, [&, seen = handled_] { return handled_ != seen; });
    }
  }

  Worker& worker_;
  const std::uint64_t count_;
  const std::optional<Clock::duration> time_;
  const Clock::duration idle_;
  Progress& progress_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Clock::time_point last_ = Clock::now();
  std::optional<Clock::time_point> first_;
  std::uint64_t handled_ = 0;
  bool gave_up_ = false;
  std::jthread thread_;  // last: it stops before what it uses is gone
};

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  auto count = parse_whole("--count", given.count, 1, 10'000'000'000);
  if (!count) return failed(count.error());
  std::optional<Clock::duration> time;
  if (!given.seconds.empty()) {
    const auto seconds = parse_whole("--seconds", given.seconds, 1, 86'400);
    if (!seconds) return failed(seconds.error());
    time = std::chrono::seconds(*seconds);
    *count = std::numeric_limits<std::uint64_t>::max();
  }
  const auto idle = parse_duration("--idle", given.idle);
  if (!idle) return failed(idle.error());
  const auto prefetch = parse_whole("--prefetch", given.prefetch, 0, 65'536);
  if (!prefetch) return failed(prefetch.error());
  if (given.mode != "push" && given.mode != "pull")
    return failed(usage_failure("--mode cannot be '" + given.mode + "'", "give one of: push, pull"));

  if (const auto connection = connect_admin(environment); !connection) return failed(connection.error());
  auto worker = Worker::open({.server = environment.server,
                              .name = "takt-bench",
                              .subscriptions = {{.topic = given.topic,
                                                 .group = given.group,
                                                 .mode = given.mode == "push" ? Mode::kPush : Mode::kPull,
                                                 .prefetch = static_cast<std::uint32_t>(*prefetch)}},
                              .connect_timeout = environment.timeout});
  if (!worker) return failed(explain(environment, worker.error()));
  Progress progress(environment.console, "working", time ? std::nullopt : std::optional(*count));
  Watch watch(*worker, *count, time, *idle, progress);
  worker->handle_batch([&watch](std::span<const Delivered> messages) { watch.handled(messages.size()); });
  const auto stats = worker->run();
  const auto ended = Clock::now();
  if (!stats) return failed(explain(environment, stats.error()));

  const std::uint64_t done = stats->metrics.done;
  const double seconds = watch.first() ? std::chrono::duration<double>(ended - *watch.first()).count() : 0;
  if (watch.gave_up()) {
    const Failure cause = timed_out("nothing came from topic '" + given.topic + "' for " + duration_text(*idle),
                                    "send enough messages first (takt bench send), or use a group that is not done with them");
    return failed(done == 0 ? cause : partly_done(cause, done, time ? std::nullopt : std::optional(*count)));
  }
  write_measurement(environment.console, {{"bench", "work"},
                                          {"topic", given.topic},
                                          {"group", given.group},
                                          {"messages", done},
                                          {"delivered", stats->metrics.delivered},
                                          {"stale", stats->metrics.stale},
                                          {"seconds", seconds},
                                          {"msgs_per_second", seconds > 0 ? static_cast<double>(done) / seconds : 0},
                                          {"mode", given.mode}});
  return ExitCode::kOk;
}

}  // namespace

void add_bench_work(CLI::App& bench, Action& action) {
  add_command<Arguments>(bench, action, "work", "Messages per second that one worker takes and acks", &declare, &run);
}

}  // namespace takt::cli
