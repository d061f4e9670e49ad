#include "tests/core/outgoing_words.h"

#include <array>
#include <sstream>
#include <vector>

#include "tests/core/harness.h"

namespace takt::core::test {
namespace {

std::string show(LeaseToken token) { return std::to_string(token.value >> 44) + "." + std::to_string(token.value & 0xFFF'FFFF'FFFFull); }

std::string show(const std::vector<proto::IndexRun>& runs) {
  std::string out;
  for (const proto::IndexRun& run : runs) {
    if (!out.empty()) out += ",";
    out += std::to_string(run.first) + (run.count > 1 ? "-" + std::to_string(run.first + run.count - 1) : "");
  }
  return out;
}

std::string show(const std::vector<proto::AckEntry>& entries) {
  std::string out;
  for (const proto::AckEntry& entry : entries)
    out += " slot=" + std::to_string(entry.slot.value) + " token=" + show(entry.token) + " " + show(entry.runs);
  return out;
}

std::string show(const std::vector<std::string>& payloads) {
  std::string out;
  for (const std::string& payload : payloads) out += " \"" + payload + "\"";
  return out;
}

std::uint64_t to_ms(WallTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

class Words {
 public:
  explicit Words(WallTime began) : began_(began) {}

  std::string of(const Outgoing& outgoing) {
    std::visit([&](const auto& body) { show_body(body, outgoing); }, outgoing.body);
    return out_.str();
  }

 private:
  void show_body(const proto::Published& p, const Outgoing&) {
    out_ << "published 0-" << p.first_position.value << " offset=" << p.first_offset.value << " count=" << p.count
         << (p.duplicate ? " duplicate" : "");
    if (p.requests > 1) out_ << " requests=" << p.requests;
  }
  void show_body(const proto::Completed& c, const Outgoing&) {
    out_ << "completed 0-" << c.first_position.value << " count=" << c.count << (c.duplicate ? " duplicate" : "");
  }
  void show_body(const proto::Subscribed& s, const Outgoing&) {
    out_ << "subscribed " << s.subscription.value << " epoch=" << s.epoch.value;
  }
  void show_body(const proto::Unsubscribed& s, const Outgoing&) { out_ << "unsubscribed " << s.subscription.value; }
  void show_body(const proto::CreditEnded& c, const Outgoing&) {
    out_ << "credit-ended " << c.subscription.value << " delivered=" << c.delivered;
  }
  void show_body(const proto::Acked& a, const Outgoing&) {
    out_ << "acked" << show(a.done);
    if (!a.stale.empty()) out_ << " stale" << show(a.stale);
  }
  void show_body(const proto::Failed& f, const Outgoing&) { out_ << "failed attempts=" << f.attempts << (f.dead ? " dead" : ""); }
  void show_body(const proto::Resumed& r, const Outgoing&) {
    out_ << "resumed";
    for (const proto::ResumedRange& g : r.granted)
      out_ << " granted " << g.held.first.value << "+" << g.held.count << " slot=" << g.slot.value << " token=" << show(g.token);
    for (const proto::HeldRange& l : r.lost) out_ << " lost " << l.first.value << "+" << l.count;
  }
  void show_body(const proto::Topics& t, const Outgoing&) {
    out_ << "topics";
    for (const proto::TopicEntry& e : t.topics)
      out_ << " [" << e.topic << " messages=" << e.messages << " enqueued=" << e.enqueued << " groups=" << e.groups << "]";
  }
  void show_body(const proto::Groups& g, const Outgoing&) {
    out_ << "groups";
    for (const proto::GroupEntry& e : g.groups) {
      out_ << " [" << e.topic << "/" << e.group << " ready=" << e.ready << " leased=" << e.leased << " retrying=" << e.retrying
           << " held=" << e.held << " dead=" << e.dead << " done=" << e.done << " workers=" << e.workers << "]";
    }
  }
  void show_body(const proto::TopicDone& t, const Outgoing&) { out_ << (t.created ? "topic created" : "topic changed"); }
  void show_body(const proto::GroupDone& g, const Outgoing&) { out_ << (g.created ? "group created" : "group changed"); }
  void show_body(const proto::TopicDeleted&, const Outgoing&) { out_ << "topic deleted"; }
  void show_body(const proto::GroupDeleted&, const Outgoing&) { out_ << "group deleted"; }
  void show_body(const proto::Peeked& p, const Outgoing& o) {
    out_ << "peeked next=" << p.next.value << " end=" << p.end.value << show(payloads_of(o.slices));
  }
  void show_body(const proto::DeadListed& d, const Outgoing&) {
    out_ << "dead";
    for (const proto::DeadEntry& e : d.entries) {
      out_ << " [offset=" << e.place.offset.value << " attempts=" << e.attempts << " reason=" << static_cast<int>(e.reason)
           << " time=" << since_began(e.time_ms);
      for (const proto::FailureEntry& f : e.failures)
        out_ << " (" << since_began(f.time_ms) << " " << f.worker << " " << f.code << " " << f.text << ")";
      out_ << "]";
    }
    show_next(d.next);
  }
  void show_body(const proto::DeadChanged& d, const Outgoing&) {
    out_ << "changed " << d.messages << " end=" << d.end.value;
    show_next(d.next);
  }
  void show_next(const std::optional<proto::Place>& next) {
    if (next) out_ << " next=" << next->offset.value;
  }
  std::int64_t since_began(std::uint64_t ms) const { return static_cast<std::int64_t>(ms) - began_.time_since_epoch().count(); }
  void show_body(const proto::Deliver& d, const Outgoing& o) {
    out_ << "deliver sub=" << d.subscription.value;
    for (const proto::DeliveredRange& r : d.ranges) {
      out_ << " [slot=" << r.slot.value << " token=" << show(r.token) << " 0-" << r.stretch.first_position.value
           << " offset=" << r.stretch.first_offset.value << "+" << r.stretch.count
           << (r.lane.value > 0 ? " lane=" + std::to_string(r.lane.value) : "")
           << (r.attempt > 1 ? " attempt=" + std::to_string(r.attempt) : "") << "]";
    }
    out_ << show(payloads_of(o.slices));
    for (const proto::RecordMetadata& metadata : metadata_of(o.slices))
      if (metadata.schedule) out_ << " " << *metadata.schedule << "@" << show_ms(to_ms(*metadata.planned));
  }
  /// Ms since the transcript began.
  std::string show_ms(std::optional<std::uint64_t> ms) const {
    return ms ? std::to_string(static_cast<std::int64_t>(*ms - to_ms(began_))) : "none";
  }
  std::string show_past(const proto::PastOccurrence& o) const {
    static constexpr std::array names{"on-time", "late", "manual", "buffered", "missed", "overlap", "waits"};
    return show_ms(o.planned_ms) + "@" + show_ms(o.decided_ms) + " " + names.at(static_cast<std::size_t>(o.outcome) - 1) +
           (o.count > 1 ? " x" + std::to_string(o.count) : "") + (o.message ? " 0-" + std::to_string(o.message->value) : "");
  }
  std::string show_entry(const proto::ScheduleEntry& e) const {
    std::string due = e.next_due_ms != e.next_ms ? " due=" + show_ms(e.next_due_ms) : "";
    return " [" + e.schedule + " " + e.topic + " next=" + show_ms(e.next_ms) + due + " fired=" + std::to_string(e.fired) +
           " skipped=" + std::to_string(e.skipped) + (e.paused ? " paused" : "") + (e.waits ? " waits" : "") + "]";
  }
  void show_body(const proto::MessagesChanged& m, const Outgoing&) {
    out_ << "messages";
    for (const proto::MessageStatus& s : m.messages) {
      out_ << " [0-" << s.position.value << " " << name_of(s.state) << (s.changed ? " changed" : "");
      if (!s.topic.empty()) out_ << " " << s.topic;
      if (s.due_ms) out_ << " due=" << show_ms(s.due_ms);
      if (s.offset) out_ << " offset=" << s.offset->value;
      for (const proto::GroupStatus& g : s.groups) {
        out_ << " (" << g.group << " " << name_of(g.state) << (g.worker.empty() ? "" : " " + g.worker);
        if (g.attempts > 0) out_ << " attempts=" << g.attempts;
        if (g.time_ms) out_ << " " << show_ms(g.time_ms);
        out_ << ")";
      }
      out_ << "]";
    }
  }
  void show_body(const proto::ScheduleDone& s, const Outgoing&) {
    out_ << "schedule "
         << (s.outcome == proto::PutOutcome::kCreated   ? "created"
             : s.outcome == proto::PutOutcome::kChanged ? "changed"
                                                        : "unchanged")
         << " next=" << show_ms(s.next_ms);
  }
  void show_body(const proto::ScheduleDeleted&, const Outgoing&) { out_ << "schedule deleted"; }
  void show_body(const proto::SchedulePaused& s, const Outgoing&) {
    out_ << "schedule " << (s.changed ? "changed" : "unchanged") << " next=" << show_ms(s.next_ms);
  }
  void show_body(const proto::ScheduleTriggered& s, const Outgoing&) { out_ << "triggered " << show_past(s.occurrence); }
  void show_body(const proto::Schedules& s, const Outgoing&) {
    out_ << "schedules";
    for (const proto::ScheduleEntry& e : s.schedules) out_ << show_entry(e);
  }
  void show_body(const proto::ScheduleShown& s, const Outgoing&) {
    out_ << "schedule" << show_entry(s.entry) << " upcoming";
    for (const std::uint64_t at : s.upcoming) out_ << " " << show_ms(at);
    out_ << " history";
    for (const proto::PastOccurrence& past : s.history) out_ << " (" << show_past(past) << ")";
  }
  void show_body(const proto::Error& e, const Outgoing&) { out_ << "refused " << error_label(e.code); }
  template <class Other>
  void show_body(const Other&, const Outgoing&) {
    out_ << "?";
  }

  const WallTime began_;
  std::ostringstream out_;
};

}  // namespace

std::string words_of(const Outgoing& outgoing, WallTime began) { return Words(began).of(outgoing); }

}  // namespace takt::core::test
