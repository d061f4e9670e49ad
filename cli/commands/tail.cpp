// takt tail TOPIC: the last messages, then every new one as it comes, without leasing them.

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/reader.h"

namespace takt::cli {
namespace {

/// How long one look waits at the broker for something new.
constexpr Milliseconds look_patience{20'000};

struct Arguments {
  std::string topic;
  std::string count = "10";
  std::string priority;
  bool follow = true;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt tail photos
takt tail photos -n 0 -o json
takt tail photos -n 50 --no-follow)");
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
  command.add_option("-n,--number", given.count, "Begin with the last so many messages")->type_name("N")->capture_default_str();
  command.add_option("--priority", given.priority, "Only this lane, 0 to 7; all when left out")->type_name("N");
  command.add_flag("--follow,!--no-follow", given.follow, "Go on with what comes (the default), or end after the last ones");
}

/// Follows several lanes at once: one thread each, because each waits at the broker. Ends with the first failure, and
/// when nobody takes what it shows.
class Follower {
 public:
  Follower(const Environment& environment, Admin& admin) : environment_(environment), admin_(admin) {}

  void show(const SeenMessage& seen) {
    const std::lock_guard lock(mutex_);
    const Console& console = environment_.console;
    if (console.format == Format::kJson) {
      console.write_line(document_of(seen));
    } else {
      console.write_now(line_of(seen, payload_width()) + "\n");
    }
    if (!console.is_writable()) ended_.notify_all();
  }

  Failure follow(std::vector<Cursor> cursors) {
    std::vector<std::jthread> threads;
    threads.reserve(cursors.size());
    for (Cursor& cursor : cursors) {
      threads.emplace_back([this, cursor = std::move(cursor)](const std::stop_token& stop) mutable { run(stop, cursor); });
    }
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return failure_.has_value() || !environment_.console.is_writable(); });
    // The threads have nothing to tidy up, and joining them would wait for their looks: up to look_patience.
    if (!failure_) std::_Exit(static_cast<int>(environment_.console.finish(ExitCode::kOk)));
    return *failure_;
  }

 private:
  void run(const std::stop_token& stop, Cursor& cursor) {
    while (!stop.stop_requested()) {
      auto page = admin_.peek(
          {.topic = cursor.topic, .partition = cursor.partition, .priority = cursor.priority, .from = cursor.next, .wait = look_patience});
      if (!page) {
        if (lost_for_a_while(page.error())) continue;
        const std::lock_guard lock(mutex_);
        failure_ = explain(environment_, page.error());
        ended_.notify_all();
        return;
      }
      found_again();
      cursor.next = std::max(cursor.next, page->next);
      for (PeekedMessage& message : page->messages) show({std::move(message), cursor.priority});
    }
  }

  /// A broker that restarts is waited for; each call waits by itself, so this does not spin.
  bool lost_for_a_while(const Error& error) {
    if (!error.is("not_connected") && !error.is("timed_out")) return false;
    const std::lock_guard lock(mutex_);
    if (!lost_) environment_.console.note("the broker at " + environment_.server + " does not answer; waiting for it");
    lost_ = true;
    return true;
  }

  void found_again() {
    const std::lock_guard lock(mutex_);
    if (lost_) environment_.console.note("the broker answers again");
    lost_ = false;
  }

  const Environment& environment_;
  Admin& admin_;
  std::mutex mutex_;  // guards stdout and what is below
  std::condition_variable ended_;
  std::optional<Failure> failure_;
  bool lost_ = false;
};

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const auto count = parse_whole("-n", given.count, 0, 1'000'000);
  if (!count) return failed(count.error());
  std::optional<std::uint8_t> priority;
  if (!given.priority.empty()) {
    const auto lane = parse_whole("--priority", given.priority, 0, 7);
    if (!lane) return failed(lane.error());
    priority = static_cast<std::uint8_t>(*lane);
  }
  auto connection = connect_admin(environment, look_patience);
  if (!connection) return failed(connection.error());
  Admin& admin = connection->admin;
  if (const auto found = list_groups(environment, admin, given.topic); !found) return failed(found.error());

  auto cursors = cursors_of(given.topic, connection->broker.partitions, priority);
  std::vector<SeenMessage> last;
  for (Cursor& cursor : cursors) {
    auto seen = read_last(environment, admin, cursor, *count);
    if (!seen) return failed(seen.error());
    std::move(seen->begin(), seen->end(), std::back_inserter(last));
  }
  std::stable_sort(last.begin(), last.end(), [](const SeenMessage& a, const SeenMessage& b) { return a.message.id < b.message.id; });
  if (last.size() > *count) last.erase(last.begin(), last.end() - static_cast<std::ptrdiff_t>(*count));
  Follower follower(environment, admin);
  for (const SeenMessage& seen : last) follower.show(seen);
  if (!given.follow || !environment.console.is_writable()) return ExitCode::kOk;
  return failed(follower.follow(std::move(cursors)));
}

}  // namespace

void add_tail(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "tail", "Show a topic's last messages and follow it; nothing is leased, acked or changed", &declare,
                         &run);
}

}  // namespace takt::cli
