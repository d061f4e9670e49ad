// takt bench work: how many messages per second one worker, or many, take and ack.

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
  std::string workers = "1";
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt bench work
takt bench work --count 1000000 --prefetch 65536
takt bench work --group other --mode pull
takt bench work --workers 100 --prefetch 64)");
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
  command.add_option("--workers", given.workers, "Workers in this process, 1 to 1,000, each with a connection and threads of its own")
      ->type_name("N")
      ->capture_default_str();
}

/// What the handlers have seen, and the watch over it: ends the workers at the count, at the time, or when nothing comes.
class Watch {
 public:
  Watch(std::vector<Worker>& workers, std::uint64_t count, std::optional<Clock::duration> time, Clock::duration idle, Progress& progress)
      : workers_(workers),
        count_(count),
        time_(time),
        idle_(idle),
        progress_(progress),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void handled(std::size_t messages) {
    const std::lock_guard lock(mutex_);
    last_ = Clock::now();
    handled_ += messages;
    progress_.reach(handled_);
    if (!first_ || handled_ >= count_) changed_.notify_all();  // a later deadline needs no waking
    if (!first_) first_ = last_;
  }

  std::optional<Clock::time_point> first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }
  /// From the first message handled to the last.
  double busy_seconds() const {
    const std::lock_guard lock(mutex_);
    return first_ ? std::chrono::duration<double>(last_ - *first_).count() : 0;
  }
  bool gave_up() const {
    const std::lock_guard lock(mutex_);
    return gave_up_;
  }
  /// Ends the others, when one cannot go on.
  void give_up() {
    const std::lock_guard lock(mutex_);
    gave_up_ = true;
    changed_.notify_all();
  }

 private:
  void run(const std::stop_token& stop) {
    wait_for_the_end(stop);
    for (Worker& worker : workers_) worker.stop();
  }

  void wait_for_the_end(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested() && handled_ < count_ && !gave_up_) {
      auto deadline = last_ + idle_;
      if (first_ && time_) deadline = std::min(deadline, *first_ + *time_);
      if (Clock::now() >= deadline) {
        gave_up_ = !(first_ && time_ && Clock::now() >= *first_ + *time_);
        return;
      }
      changed_.wait_until(lock, stop, deadline, [&, begun = first_] { return first_ != begun || handled_ >= count_ || gave_up_; });
    }
  }

  std::vector<Worker>& workers_;
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

Result<std::vector<Worker>, Failure> open_workers(const Arguments& given, const Environment& environment, std::uint64_t count,
                                                  std::uint32_t prefetch) {
  std::vector<Worker> workers;
  workers.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto worker = Worker::open(
        {.server = environment.server,
         .name = "takt-bench",
         .subscriptions =
             {{.topic = given.topic, .group = given.group, .mode = given.mode == "push" ? Mode::kPush : Mode::kPull, .prefetch = prefetch}},
         .connect_timeout = environment.timeout});
    if (!worker) return failed(explain(environment, worker.error()));
    workers.push_back(std::move(*worker));
  }
  return workers;
}

/// Of all workers together.
struct Worked {
  std::uint64_t done = 0;
  std::uint64_t delivered = 0;
  std::uint64_t stale = 0;
  std::optional<Error> error;  ///< the first
};

/// Returns when every worker has ended.
Worked work_all(std::vector<Worker>& workers, Watch& watch) {
  std::mutex mutex;
  Worked worked;
  const auto work = [&](Worker& worker) {
    const auto stats = worker.run();
    const std::lock_guard lock(mutex);
    if (stats) {
      worked.done += stats->metrics.done;
      worked.delivered += stats->metrics.delivered;
      worked.stale += stats->metrics.stale;
    } else if (!worked.error) {
      worked.error = stats.error();
      watch.give_up();
    }
  };
  std::vector<std::jthread> threads;
  threads.reserve(workers.size());
  for (Worker& worker : workers) {
    worker.handle_batch([&watch](std::span<const Delivered> messages) { watch.handled(messages.size()); });
    threads.emplace_back(work, std::ref(worker));
  }
  threads.clear();
  return worked;
}

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

  const auto workers = parse_whole("--workers", given.workers, 1, 1'000);
  if (!workers) return failed(workers.error());

  if (const auto connection = connect_admin(environment); !connection) return failed(connection.error());
  auto crew = open_workers(given, environment, *workers, static_cast<std::uint32_t>(*prefetch));
  if (!crew) return failed(crew.error());
  Progress progress(environment.console, "working", time ? std::nullopt : std::optional(*count));
  Watch watch(*crew, *count, time, *idle, progress);
  const Worked worked = work_all(*crew, watch);
  const auto ended = Clock::now();
  if (worked.error) return failed(explain(environment, *worked.error));

  const double seconds = watch.first() ? std::chrono::duration<double>(ended - *watch.first()).count() : 0;
  if (watch.gave_up()) {
    const Failure cause = timed_out("nothing came from topic '" + given.topic + "' for " + duration_text(*idle),
                                    "send enough messages first (takt bench send), or use a group that is not done with them");
    return failed(worked.done == 0 ? cause : partly_done(cause, worked.done, time ? std::nullopt : std::optional(*count)));
  }
  write_measurement(environment.console, {{"bench", "work"},
                                          {"topic", given.topic},
                                          {"group", given.group},
                                          {"workers", *workers},
                                          {"messages", worked.done},
                                          {"delivered", worked.delivered},
                                          {"stale", worked.stale},
                                          {"seconds", seconds},
                                          {"busy_seconds", watch.busy_seconds()},
                                          {"msgs_per_second", seconds > 0 ? static_cast<double>(worked.done) / seconds : 0},
                                          {"mode", given.mode}});
  return ExitCode::kOk;
}

}  // namespace

void add_bench_work(CLI::App& bench, Action& action) {
  add_command<Arguments>(bench, action, "work", "Messages per second that workers take and ack", &declare, &run);
}

}  // namespace takt::cli
