// kill -9 of the broker while schedules come round, messages are triggered by hand, and the same schedules are put again. Each
// ends at an instant that is known, so that what must have become of every occurrence is known too, however slow the machine is.
// TAKT_PROVE_SEED chooses other instants for the kills.

#include <gtest/gtest.h>
#include <takt/worker.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/e2e/cast.h"
#include "tests/support/proof.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using Seconds = std::chrono::sys_seconds;

constexpr auto span = 16s;                       ///< in which schedules come round
constexpr std::string_view by_hand = "by-hand", paused = "paused";
constexpr const char* kind = "tick";

std::chrono::sys_time<milliseconds> now() { return std::chrono::floor<milliseconds>(system_clock::now()); }

struct Plan {
  std::string name;                              ///< of the schedule and of its topic
  ScheduleSettings settings;
  std::uint64_t occurrences = 0;
  bool is_gapless = false;                       ///< nothing is left out
  milliseconds work{0};                          ///< until its message is done
  bool one_at_a_time = false;
};

std::vector<Plan> plans(Seconds start) {
  const auto settings = [&](const char* rule) {
    ScheduleSettings made{.rule = rule, .start = Instant(start), .end = Instant(start + span)};
    made.catch_up = CatchUp::kAll;
    made.overlap = Overlap::kAllow;
    return made;
  };
  const std::uint64_t each_second = span / 1s + 1;
  std::vector<Plan> all;
  all.push_back({"every", settings("@every 1s"), each_second, true});
  all.push_back({"cron", settings("* * * * * *"), each_second, true});
  all.back().settings.zone = "Europe/Berlin";
  all.push_back({"jitter", settings("@every 2s"), each_second / 2 + 1, true});
  all.back().settings.jitter = 1500ms;
  all.push_back({"last", settings("@every 1s"), each_second});
  all.back().settings.catch_up = CatchUp::kLast;
  all.push_back({"skip", settings("@every 1s"), each_second});
  all.back().settings.catch_up = CatchUp::kSkip;
  for (const auto& [name, overlap] :
       {std::pair("once", Overlap::kAtMostOne), std::pair("buffered", Overlap::kBufferOne), std::pair("replaced", Overlap::kReplace)}) {
    all.push_back({name, settings("@every 1s"), each_second, overlap == Overlap::kReplace, 1300ms, overlap != Overlap::kReplace});
    all.back().settings.overlap = overlap;
  }
  return all;
}

/// What workers were given.
class Book {
 public:
  explicit Book(const std::vector<Plan>& all) {
    for (const Plan& plan : all) plans_.emplace(plan.name, plan);
  }

  Outcome handle(Context& context) {
    const auto came = now();
    const auto occurrence = context.occurrence();
    const std::lock_guard lock(mutex_);
    if (!occurrence) {
      faults_.push_back("a message of no schedule: " + context.id().text());
      return done();
    }
    const std::string name = occurrence->id();
    if (context.topic() != occurrence->schedule) faults_.push_back(name + " is in topic " + std::string(context.topic()));
    // What is triggered in a whole second is called after the next millisecond.
    if (came < occurrence->planned.time && occurrence->schedule != by_hand) faults_.push_back(name + " came early");
    const bool is_new = places_[name].empty();
    places_[name].insert(context.id());
    ++deliveries_;
    const auto plan = plans_.find(occurrence->schedule);
    if (plan == plans_.end()) return done();
    std::string& open = open_[occurrence->schedule];
    if (plan->second.one_at_a_time && !open.empty() && open != name) faults_.push_back(name + " came while " + open + " was not done");
    open = name;
    if (is_new && plan->second.work > 0ms) return snooze(plan->second.work);
    open.clear();
    return done();
  }

  std::uint64_t deliveries() const {
    const std::lock_guard lock(mutex_);
    return deliveries_;
  }
  std::vector<std::string> faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  /// Where each occurrence stands in the log, as far as anybody was given it.
  std::map<std::string, std::set<MessageId>> places() const {
    const std::lock_guard lock(mutex_);
    return places_;
  }

 private:
  std::map<std::string, Plan, std::less<>> plans_;
  mutable std::mutex mutex_;
  std::map<std::string, std::set<MessageId>> places_;
  std::map<std::string, std::string> open_;      ///< by schedule: begun, and not said to be done
  std::vector<std::string> faults_;
  std::uint64_t deliveries_ = 0;
};

class Running {
 public:
  Running(Stage& stage, const std::vector<std::string>& topics, const std::string& group, Handler handler)
      : worker_(open(stage, topics, group)) {
    worker_.handle_kind(kind, std::move(handler));
    thread_ = std::jthread([this] { EXPECT_TRUE(worker_.run()); });
  }
  ~Running() { worker_.stop(); }

 private:
  static Worker open(Stage& stage, const std::vector<std::string>& topics, const std::string& group) {
    WorkerOptions options;
    options.server = stage.broker().server();
    options.name = group;
    for (const std::string& topic : topics) options.subscriptions.push_back({.topic = topic, .group = group, .prefetch = 100});
    return Worker::open(std::move(options)).value();
  }

  Worker worker_;
  std::jthread thread_;
};

class Loop {
 public:
  explicit Loop(std::uint64_t seed)
      : stage_({"store.checkpoint_interval=500ms"}),
        cast_(stage_, seed),
        start_(std::chrono::ceil<std::chrono::seconds>(system_clock::now()) + 2s),
        plans_(plans(start_)),
        book_(plans_) {
    for (const Plan& plan : plans_) topics_.push_back(plan.name);
    topics_.emplace_back(by_hand);
  }

  void run() {
    for (const std::string& topic : topics_) ASSERT_TRUE(stage_.admin().put_topic(topic, {.keep = 1h}));
    put_all(PutScheduleResult::Outcome::kCreated);
    ASSERT_TRUE(stage_.admin().pause_schedule(std::string(paused)).value());
    {
      const Running first(stage_, topics_, "g", [this](Context& context) { return book_.handle(context); });
      const Running second(stage_, topics_, "g", [this](Context& context) { return book_.handle(context); });
      const std::string server = stage_.broker().server();   // which a restart writes anew
      const std::jthread hand([this, server](const std::stop_token& stop) { trigger_until(server, stop); });
      while (now() < start_ + span) {
        kill_under_load();
        put_all(PutScheduleResult::Outcome::kUnchanged);
      }
      ASSERT_TRUE(wait_until([&] { return are_over(); }));
    }
    read_the_log();
    for (const Plan& plan : plans_) judge(plan);
    judge_by_hand();
    const auto held = stage_.admin().schedule(std::string(paused)).value().info;
    EXPECT_TRUE(held.paused);
    EXPECT_EQ(held.fired + held.skipped, 0u);
    EXPECT_EQ(book_.faults(), std::vector<std::string>());
    for (const auto& [name, places] : book_.places()) {
      EXPECT_EQ(places.size(), 1u) << name;
      EXPECT_TRUE(log_.contains(name)) << name << " was handed out and is not in the log";
    }
    report();
  }

 private:
  void put_all(PutScheduleResult::Outcome expected) {
    for (const Plan& plan : plans_) put(plan.name, plan.settings, expected);
    put(std::string(by_hand), {.rule = "@every 1000d", .overlap = Overlap::kAllow}, expected);
    put(std::string(paused), {.rule = "@every 1s"}, expected);
  }
  void put(const std::string& name, const ScheduleSettings& settings, PutScheduleResult::Outcome expected) {
    const auto result = stage_.admin().put_schedule_bytes(name, settings, kind, std::as_bytes(std::span(name)), {.topic = name});
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->outcome, expected) << name;
  }

  /// Until something was handed out, and for an instant that the seed chooses. The broker is away for another one, the first time
  /// so long that occurrences are missed.
  void kill_under_load() {
    const std::uint64_t before = book_.deliveries();
    ASSERT_TRUE(wait_until([&] { return book_.deliveries() > before || now() >= start_ + span; }));
    ASSERT_TRUE(wait_until([&] { return now() >= start_; }));
    cast_.pause(1500ms);
    const auto from = now();
    cast_.kill_broker([&] {
      if (kills_++ == 0)
        ASSERT_TRUE(wait_until([&] { return now() >= from + 2500ms; }));
      else
        cast_.pause(1500ms);
      misses_ = misses_ || (now() >= from + 2500ms && now() <= start_ + span);
    });
  }

  /// As operators do who did not get an answer: again and again.
  void trigger_until(const std::string& server, const std::stop_token& stop) {
    Admin admin = Admin::open({.server = server, .timeout = 20s}).value();
    while (!wait_until([&] { return stop.stop_requested(); }, 20ms)) {
      const auto fired = admin.trigger_schedule(std::string(by_hand));
      if (!fired) continue;
      ASSERT_TRUE(fired->message);
      confirmed_.emplace(Occurrence{std::string(by_hand), fired->planned}.id(), *fired->message);
    }
  }

  bool are_over() {
    const auto schedules = stage_.admin().schedules();
    return schedules && std::ranges::all_of(*schedules, [&](const ScheduleInfo& schedule) {
             return schedule.name == by_hand || (!schedule.next && !schedule.waits);
           });
  }

  /// By a group that is new, and is given all that there ever was.
  void read_the_log() {
    std::uint64_t messages = 0;
    const auto topics = stage_.admin().topics().value();
    for (const TopicInfo& topic : topics) messages += topic.enqueued;
    std::mutex mutex;
    std::set<MessageId> read;
    const Running auditor(stage_, topics_, "audit", [&](Context& context) {
      const auto occurrence = context.occurrence();
      const std::lock_guard lock(mutex);
      read.insert(context.id());
      if (occurrence) log_[occurrence->id()].insert(context.id());
      if (occurrence) planned_[occurrence->schedule].emplace(context.id(), occurrence->planned.time);
      return done();
    });
    EXPECT_TRUE(wait_until([&] {
      const std::lock_guard lock(mutex);
      return read.size() >= messages;
    }));
    EXPECT_EQ(read.size(), messages);
  }

  void judge(const Plan& plan) {
    SCOPED_TRACE(plan.name);
    const ScheduleInfo info = stage_.admin().schedule(plan.name).value().info;
    const auto& fired = planned_[plan.name];
    EXPECT_EQ(info.fired, fired.size());
    EXPECT_EQ(info.fired + info.skipped, plan.occurrences) << "each has fired, or is said to be skipped";
    EXPECT_TRUE(!plan.is_gapless || info.skipped == 0) << info.skipped;
    EXPECT_TRUE(!misses_ || (plan.name != "last" && plan.name != "skip") || info.skipped > 0);
    std::optional<std::chrono::sys_time<milliseconds>> before;
    for (const auto& [id, planned] : fired) {
      EXPECT_GE(planned, start_);
      EXPECT_LE(planned, start_ + span);
      EXPECT_EQ(planned, std::chrono::floor<std::chrono::seconds>(planned));
      EXPECT_TRUE(!before || planned > *before) << "in order, and none twice";
      before = planned;
    }
  }

  void judge_by_hand() {
    EXPECT_FALSE(confirmed_.empty());
    for (const auto& [name, id] : confirmed_) EXPECT_EQ(log_[name], std::set{id}) << name;
    for (const auto& [name, places] : log_) EXPECT_EQ(places.size(), 1u) << name;
    EXPECT_EQ(stage_.admin().schedule(std::string(by_hand)).value().info.fired, planned_[std::string(by_hand)].size());
    EXPECT_GE(planned_[std::string(by_hand)].size(), confirmed_.size());
  }

  void report() {
    EXPECT_GT(kills_, 0u);
    std::uint64_t skipped = 0;
    const auto schedules = stage_.admin().schedules().value();
    for (const ScheduleInfo& schedule : schedules) skipped += schedule.skipped;
    std::cout << "kills=" << kills_ << " occurrences=" << log_.size() << " triggered=" << confirmed_.size() << " skipped=" << skipped
              << '\n';
    takt::testing::print_figures({{"kills", kills_}, {"occurrences", log_.size()}, {"triggered", confirmed_.size()}, {"skipped", skipped}});
  }

  Stage stage_;
  Cast cast_;
  const Seconds start_;
  const std::vector<Plan> plans_;
  std::vector<std::string> topics_;
  Book book_;
  std::uint64_t kills_ = 0;
  bool misses_ = false;                          ///< the broker was away while occurrences were planned
  std::map<std::string, MessageId> confirmed_;   ///< triggers that were answered; the trigger's thread's until it ends
  std::map<std::string, std::set<MessageId>> log_;                                                   ///< occurrences
  std::map<std::string, std::map<MessageId, std::chrono::sys_time<milliseconds>>> planned_;          ///< by schedule, in the log's order
};

TEST(KillTheBroker, EachOccurrenceIsInTheLogOnceOrSaidToBeSkippedAndNoneIsEarly) { Loop(takt::testing::slice_or({}).seed).run(); }

}  // namespace
}  // namespace takt::e2e
