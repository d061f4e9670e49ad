#include "tests/core/transcript.h"

#include <map>
#include <sstream>
#include <vector>

#include "proto/check.h"
#include "tests/core/harness.h"
#include "tests/core/outgoing_words.h"

namespace takt::core::test {
namespace {

/// A command line's words; "quoted words" keep their spaces and are payloads.
struct Words {
  std::vector<std::string> plain;
  std::map<std::string, std::string> named;   ///< name=value
  std::vector<std::string> quoted;
};

Words split(const std::string& line) {
  Words words;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
    } else if (line[at] == '"') {
      const std::size_t end = line.find('"', at + 1);
      check(end != std::string::npos, "quotes close");
      words.quoted.push_back(line.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      const std::string word = line.substr(at, end - at);
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos)
        words.plain.push_back(word);
      else
        words.named[word.substr(0, equals)] = word.substr(equals + 1);
      at = end;
    }
  }
  return words;
}

class Transcript {
 public:
  std::string run(const std::string& script) {
    std::istringstream in(script);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("->")) continue;   // an answer of an earlier run
      out_ << line << "\n";
      if (line.empty() || line[0] == '#') continue;
      const bool held_back = line[0] == '!';
      execute(split(held_back ? line.substr(1) : line));
      for (const Outgoing& outgoing : held_back ? harness_->take() : harness_->settle()) show_outgoing(outgoing);
    }
    return out_.str();
  }

 private:
  SessionId session(const std::string& name) { return sessions_.at(name); }
  std::uint64_t number(const Words& w, const std::string& name, std::uint64_t otherwise) {
    const auto it = w.named.find(name);
    return it == w.named.end() ? otherwise : std::stoull(it->second);
  }
  /// `delay=MS`, or `due=MS` after the transcript began.
  Due due(const Words& w) {
    Due due;
    if (w.named.contains("delay")) due.delay.emplace(number(w, "delay", 0));
    if (w.named.contains("due")) due.at = began_ + std::chrono::milliseconds(std::stoll(w.named.at("due")));
    return due;
  }
  /// `from=OFFSET`, of lane 0.
  proto::Place from(const Words& w) { return {Lane(0), Offset(number(w, "from", 0))}; }
  /// Words from the fourth on are offsets of lane 0; times are ms after the transcript began.
  proto::DeadSelection selection(const Words& w) {
    proto::DeadSelection by;
    const auto time = [&](const char* name) -> std::optional<std::uint64_t> {
      if (!w.named.contains(name)) return std::nullopt;
      return static_cast<std::uint64_t>((began_ + std::chrono::milliseconds(number(w, name, 0))).time_since_epoch().count());
    };
    for (std::size_t i = 4; i < w.plain.size(); ++i) by.places.push_back({Lane(0), Offset(std::stoull(w.plain[i]))});
    if (w.named.contains("reason")) by.reason = static_cast<proto::DeadReason>(number(w, "reason", 0));
    if (w.named.contains("code")) by.code = static_cast<std::uint32_t>(number(w, "code", 0));
    by.from_ms = time("since");
    by.until_ms = time("until");
    if (w.named.contains("before")) by.before = Position(number(w, "before", 0));
    return by;
  }
  proto::ScheduleSettings schedule_settings(const Words& w) {
    proto::ScheduleSettings settings;
    settings.rule = w.quoted.at(0);
    const auto word = [&](const char* name, const char* otherwise) { return w.named.contains(name) ? w.named.at(name) : otherwise; };
    const auto instant = [&](const char* name) { return to_ms(began_ + std::chrono::milliseconds(std::stoll(w.named.at(name)))); };
    settings.zone = word("zone", "UTC");
    if (w.named.contains("start")) settings.start_ms = instant("start");
    if (w.named.contains("end")) settings.end_ms = instant("end");
    settings.jitter_ms = number(w, "jitter", 0);
    const std::string catch_up = word("catch_up", "last");
    settings.catch_up = catch_up == "last" ? proto::CatchUp::kLast : catch_up == "skip" ? proto::CatchUp::kSkip : proto::CatchUp::kAll;
    settings.catch_up_max = static_cast<std::uint32_t>(number(w, "max", 100));
    settings.catch_up_window_ms = number(w, "window", 3'600'000);
    const std::string overlap = word("overlap", "allow");
    settings.overlap = overlap == "allow"         ? proto::Overlap::kAllow
                       : overlap == "at_most_one" ? proto::Overlap::kAtMostOne
                       : overlap == "buffer_one"  ? proto::Overlap::kBufferOne
                                                  : proto::Overlap::kReplace;
    settings.overlap_group = word("group", "");
    return settings;
  }
  static std::uint64_t to_ms(WallTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }
  static LeaseToken token(const std::string& text) {
    const std::size_t dot = text.find('.');
    return make_token(Epoch(static_cast<std::uint32_t>(std::stoul(text.substr(0, dot)))), std::stoull(text.substr(dot + 1)));
  }
  static std::vector<proto::IndexRun> runs(const std::string& text) {
    std::vector<proto::IndexRun> runs;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) {
      const std::size_t dash = part.find('-');
      const auto first = static_cast<std::uint32_t>(std::stoul(part.substr(0, dash)));
      const auto last = dash == std::string::npos ? first : static_cast<std::uint32_t>(std::stoul(part.substr(dash + 1)));
      runs.push_back({first, last - first + 1});
    }
    return runs;
  }
  static SubscriptionId subscription(const std::string& text) { return SubscriptionId(static_cast<std::uint32_t>(std::stoul(text))); }
  Slot slot(const Words& w) { return Slot(static_cast<std::uint32_t>(number(w, "slot", 0))); }
  void ask(const std::string& name, proto::Request body, proto::Sections sections = {}) {
    harness_->request(session(name), CorrelationId(++correlation_), std::move(body), std::move(sections));
  }

  /// False: the verb is not about schedules.
  bool execute_schedule(const Words& w) {
    const std::string& verb = w.plain.at(0);
    const auto word = [&](std::size_t i) { return w.plain.at(i); };
    if (verb == "put-schedule") {
      proto::Sections sections = sections_of({w.quoted.at(1)});
      ask(word(1), proto::PutSchedule{word(2), word(3), Lane(static_cast<std::uint8_t>(number(w, "lane", 0))), schedule_settings(w), 0, 0},
          std::move(sections));
    } else if (verb == "delete-schedule") {
      ask(word(1), proto::DeleteSchedule{word(2)});
    } else if (verb == "schedules") {
      ask(word(1), proto::ListSchedules{w.plain.size() > 2 ? word(2) : ""});
    } else if (verb == "show-schedule") {
      ask(word(1), proto::ShowSchedule{word(2), static_cast<std::uint32_t>(number(w, "n", 3))});
    } else if (verb == "pause-schedule" || verb == "resume-schedule") {
      ask(word(1), proto::PauseSchedule{word(2), verb == "pause-schedule"});
    } else if (verb == "trigger") {
      ask(word(1), proto::TriggerSchedule{word(2)});
    } else {
      return false;
    }
    return true;
  }

  /// False: the verb is about something else. Words from the third on are positions.
  bool execute_message(const Words& w) {
    static const std::map<std::string, proto::MessageAction> actions{{"show", proto::MessageAction::kShow},
                                                                     {"cancel", proto::MessageAction::kCancel},
                                                                     {"reschedule", proto::MessageAction::kReschedule},
                                                                     {"run-now", proto::MessageAction::kRunNow}};
    const auto action = actions.find(w.plain.at(0));
    if (action == actions.end()) return false;
    proto::ChangeMessages change{PartitionId(0), action->second, {}, {}};
    for (std::size_t i = 2; i < w.plain.size(); ++i) change.positions.push_back(Position(std::stoull(w.plain[i])));
    if (change.action == proto::MessageAction::kReschedule) change.due_ms = to_ms(*due(w).at);
    ask(w.plain.at(1), std::move(change));
    return true;
  }

  /// False: the verb is about something else.
  bool execute_dead(const Words& w) {
    const std::string& verb = w.plain.at(0);
    const auto word = [&](std::size_t i) { return w.plain.at(i); };
    if (verb == "dead") {
      ask(word(1),
          proto::ListDead{PartitionId(0), word(2), word(3), selection(w), from(w), static_cast<std::uint32_t>(number(w, "n", 1000))});
    } else if (verb == "count-dead" || verb == "redrive" || verb == "purge") {
      const auto action = verb == "redrive" ? proto::DeadAction::kRedrive
                          : verb == "purge" ? proto::DeadAction::kPurge
                                            : proto::DeadAction::kCount;
      ask(word(1), proto::ChangeDead{PartitionId(0), word(2), word(3), action, selection(w), from(w),
                                     static_cast<std::uint32_t>(number(w, "n", 1000))});
    } else {
      return false;
    }
    return true;
  }

  void execute(const Words& w) {
    const std::string& verb = w.plain.at(0);
    const auto word = [&](std::size_t i) { return w.plain.at(i); };
    if (verb == "broker") {
      settings_.recover_grace = std::chrono::milliseconds(number(w, "grace", 10'000));
      settings_.tail_cache_bytes = number(w, "cache", 64u << 20);
      settings_.producers_max = static_cast<std::uint32_t>(number(w, "producers", 50'000));
      settings_.in_flight_max = static_cast<std::uint32_t>(number(w, "in_flight", 1'000'000));
      settings_.in_flight_per_worker_max = static_cast<std::uint32_t>(number(w, "per_worker", 65'536));
      settings_.schedules_max = static_cast<std::uint32_t>(number(w, "schedules", 10'000));
      settings_.topics_max = static_cast<std::uint32_t>(number(w, "topics", 200'000));
      settings_.groups_max = static_cast<std::uint32_t>(number(w, "groups", 100'000));
      settings_.groups_per_topic_max = static_cast<std::uint32_t>(number(w, "groups_per_topic", 1'000));
      settings_.subscriptions_per_session_max = static_cast<std::uint32_t>(number(w, "subscriptions", 1'000));
      harness_ = std::make_unique<Harness>(settings_);
      began_ = harness_->now().wall;
    } else if (verb == "session") {
      const SessionId id(++next_session_);
      sessions_[word(1)] = id;
      harness_->send(SessionUp{id, ClientId(number(w, "client", id.value)), proto::ClientKind::kWorker, word(1)});
    } else if (verb == "goodbye" || verb == "lost" || verb == "timeout") {
      harness_->send(SessionLost{session(word(1)), verb == "goodbye" ? SessionEnd::kGoodbye
                                                   : verb == "lost"  ? SessionEnd::kDisconnected
                                                                     : SessionEnd::kTimedOut});
    } else if (verb == "publish") {
      proto::Sections sections = sections_of(w.quoted, due(w));
      proto::Publish publish = publish_of(word(2), sections, static_cast<std::uint32_t>(w.quoted.size()),
                                          ProducerId(number(w, "producer", 1)), Sequence(number(w, "seq", 0)));
      publish.lane = Lane(static_cast<std::uint8_t>(number(w, "lane", 0)));
      if (due(w).is_given()) publish.run_class = proto::RunClass::kScheduled;
      publish.producer_epoch = static_cast<std::uint32_t>(number(w, "epoch", 1));
      if (number(w, "acks", 1) == 0) publish.acks = proto::Acks::kNone;
      ask(word(1), publish, std::move(sections));
    } else if (verb == "subscribe") {
      proto::Subscribe subscribe{PartitionId(0), subscription(word(2)), word(3), word(4), proto::StartFrom::kEarliest};
      if (w.plain.size() > 5) subscribe.from = proto::StartFrom::kNow;
      ask(word(1), subscribe);
    } else if (verb == "unsubscribe") {
      ask(word(1), proto::Unsubscribe{PartitionId(0), subscription(word(2))});
    } else if (verb == "credit" || verb == "pull") {
      proto::Credit credit{PartitionId(0),
                           subscription(word(2)),
                           verb == "pull" ? proto::CreditKind::kOnce : proto::CreditKind::kStanding,
                           static_cast<std::uint32_t>(number(w, "messages", 10)),
                           static_cast<std::uint32_t>(number(w, "bytes", 1 << 20)),
                           static_cast<std::uint32_t>(number(w, "wait", 0))};
      ask(word(1), credit);
    } else if (verb == "ack") {
      ask(word(1), proto::Ack{PartitionId(0), subscription(word(2)), {{slot(w), token(w.named.at("token")), runs(word(3))}}});
    } else if (verb == "fail") {
      proto::Fail fail{PartitionId(0),
                       subscription(word(2)),
                       slot(w),
                       token(w.named.at("token")),
                       static_cast<std::uint32_t>(number(w, "index", 0)),
                       word(3) == "retry"  ? proto::FailOutcome::kRetry
                       : word(3) == "dead" ? proto::FailOutcome::kDead
                                           : proto::FailOutcome::kRelease,
                       w.named.contains("delay") && w.named.at("delay") == "policy" ? std::nullopt : std::optional(number(w, "delay", 0)),
                       7,
                       w.quoted.empty() ? "" : w.quoted[0],
                       {}};
      if (w.named.contains("attempts")) fail.policy.attempts_max = static_cast<std::uint32_t>(number(w, "attempts", 0));
      if (w.named.contains("base")) {
        fail.policy.retry = proto::RetryPolicy{.base_ms = number(w, "base", 0), .jitter_percent = 0, .give_up_ms = number(w, "give_up", 0)};
      }
      ask(word(1), fail);
    } else if (verb == "complete") {
      proto::Sections sections = sections_of(w.quoted, due(w));
      const auto run_class = due(w).is_given() ? proto::RunClass::kScheduled : proto::RunClass::kImmediate;
      proto::Complete complete{PartitionId(0),
                               subscription(word(2)),
                               slot(w),
                               token(w.named.at("token")),
                               runs(word(3)),
                               ProducerId(number(w, "producer", 1)),
                               1,
                               Sequence(number(w, "seq", 0)),
                               {}};
      complete.follow_ups.push_back({word(4), Lane(0), run_class, static_cast<std::uint32_t>(w.quoted.size()),
                                     static_cast<std::uint32_t>(sections.metadata.size()),
                                     static_cast<std::uint32_t>(sections.payload.size()), proto::section_checksum(sections.metadata),
                                     proto::section_checksum(sections.payload)});
      ask(word(1), complete, std::move(sections));
    } else if (verb == "resume") {
      proto::Resume resume{PartitionId(0), subscription(word(2)), {}};
      for (std::size_t i = 3; i + 1 < w.plain.size(); i += 2) {   // FIRST+COUNT TOKEN
        const std::size_t plus = word(i).find('+');
        resume.held.push_back({Lane(0), Offset(std::stoull(word(i).substr(0, plus))),
                               static_cast<std::uint32_t>(std::stoul(word(i).substr(plus + 1))), token(word(i + 1))});
      }
      ask(word(1), resume);
    } else if (verb == "put-group") {
      proto::GroupSettings settings{.attempts_max = static_cast<std::uint32_t>(number(w, "attempts", 8))};
      settings.retry.base_ms = number(w, "base", settings.retry.base_ms);
      settings.retry.cap_ms = number(w, "cap", settings.retry.cap_ms);
      settings.retry.jitter_percent = static_cast<std::uint32_t>(number(w, "jitter", 0));
      settings.retry.give_up_ms = number(w, "give_up", 0);
      settings.retry.deaths_max = static_cast<std::uint32_t>(number(w, "deaths", settings.retry.deaths_max));
      ask(word(1), proto::PutGroup{word(2), word(3), proto::StartFrom::kEarliest, settings});
    } else if (verb == "put-topic") {
      ask(word(1), proto::PutTopic{word(2), {number(w, "keep_ms", 0), number(w, "keep_bytes", 0), number(w, "bytes_max", 0)}});
    } else if (verb == "delete-topic") {
      ask(word(1), proto::DeleteTopic{word(2)});
    } else if (verb == "delete-group") {
      ask(word(1), proto::DeleteGroup{word(2), word(3)});
    } else if (verb == "topics") {
      ask(word(1), proto::ListTopics{});
    } else if (verb == "damage") {
      harness_->damage(Position(std::stoull(word(1))));
    } else if (verb == "mend") {
      harness_->mend();
    } else if (verb == "groups") {
      ask(word(1), proto::ListGroups{});
    } else if (verb == "peek") {
      proto::Peek peek{PartitionId(0),
                       word(2),
                       Lane(static_cast<std::uint8_t>(number(w, "lane", 0))),
                       std::nullopt,
                       static_cast<std::uint32_t>(number(w, "n", 10)),
                       1 << 20,
                       static_cast<std::uint32_t>(number(w, "wait", 0))};
      if (w.named.contains("from")) peek.from = Offset(number(w, "from", 0));
      ask(word(1), peek);
    } else if (verb == "seal") {
      harness_->seal();
    } else if (verb == "sync") {
      harness_->sync();
    } else if (verb == "commit") {
      harness_->commit();
    } else if (verb == "wait") {
      harness_->advance(std::chrono::milliseconds(std::stoull(word(1))));
    } else if (verb == "clock") {
      harness_->set_clock(std::chrono::milliseconds(std::stoll(word(1))));
    } else if (verb == "crash") {
      harness_->crash();
      sessions_.clear();
    } else if (verb == "checkpoint") {
      harness_->settle();
      harness_->checkpoint();
    } else if (verb == "free") {
      harness_->free_before(Position(std::stoull(word(1))));
    } else if (verb == "full" || verb == "room") {
      harness_->partition().store_room(verb == "full" ? Partition::StoreRoom::kFull : Partition::StoreRoom::kEnough);
    } else {
      check(execute_dead(w) || execute_schedule(w) || execute_message(w), "the transcript knows its verbs");
    }
  }

  void show_outgoing(const Outgoing& outgoing) {
    std::string name = "?";
    for (const auto& [known, id] : sessions_)
      if (id == outgoing.session) name = known;
    out_ << "-> " << name << " " << words_of(outgoing, began_) << "\n";
  }

  PartitionSettings settings_;
  std::unique_ptr<Harness> harness_ = std::make_unique<Harness>(settings_);
  WallTime began_ = harness_->now().wall;
  std::map<std::string, SessionId> sessions_;
  std::uint64_t next_session_ = 0;
  std::uint64_t correlation_ = 0;
  std::ostringstream out_;
};

}  // namespace

std::string run_transcript(const std::string& script) { return Transcript().run(script); }

}  // namespace takt::core::test
