#include "tests/support/checker.h"

#include <algorithm>
#include <map>
#include <optional>
#include <ostream>
#include <set>

namespace takt::testing {
namespace {

constexpr std::string_view follow_prefix = "follow:";

struct InGroup {
  std::size_t begun = 0;
  std::optional<std::chrono::nanoseconds> last_begun;
  bool finished = false;
};

struct Message {
  bool acknowledged = false;
  bool refused = false;
  bool unknown = false;
  bool follow = false;
  std::set<std::string> receipts;
  std::set<std::string> delivered_ids;
  std::map<std::string, InGroup> groups;

  bool was_sent() const { return acknowledged || refused || unknown || follow; }
};

class Books {
 public:
  explicit Books(const CheckerOptions& options) : options_(options) {}

  void enter(const LedgerEntry& entry) {
    switch (entry.event) {
      case LedgerEvent::kSent:
        messages_[entry.payload].acknowledged = true;
        messages_[entry.payload].receipts.insert(entry.id);
        break;
      case LedgerEvent::kRefused: messages_[entry.payload].refused = true; break;
      case LedgerEvent::kUnknown: messages_[entry.payload].unknown = true; break;
      case LedgerEvent::kFollow: messages_[entry.payload].follow = true; break;
      case LedgerEvent::kBegun: {
        Message& message = messages_[entry.payload];
        message.delivered_ids.insert(entry.id);
        InGroup& group = message.groups[entry.group];
        ++group.begun;
        if (!group.last_begun || *group.last_begun < entry.at) group.last_begun = entry.at;
        break;
      }
      case LedgerEvent::kFinished: messages_[entry.payload].groups[entry.group].finished = true; break;
      case LedgerEvent::kConfirmed:
        ++verdict_.confirmed;
        confirmed_.emplace(std::pair(entry.group, entry.id), entry.at);
        break;
      case LedgerEvent::kFailed:
      case LedgerEvent::kInterrupted:
      case LedgerEvent::kNote: break;
    }
  }

  Verdict close() {
    for (const auto& [payload, message] : messages_) judge_message(payload, message);
    return std::move(verdict_);
  }

 private:
  using Kind = Violation::Kind;

  void violation(Kind kind, std::string what) { verdict_.violations.push_back({kind, std::move(what)}); }

  void judge_message(const std::string& payload, const Message& message) {
    if (message.acknowledged) {
      ++verdict_.acknowledged;
      for (const auto& group : options_.groups) {
        const auto at = message.groups.find(group);
        if (at == message.groups.end() || !at->second.finished)
          violation(Kind::kLost, payload + " was acknowledged and not finished by group " + group);
      }
    }
    if (message.refused) ++verdict_.refused;
    if (message.unknown) ++verdict_.unknown;
    if (message.unknown && !message.delivered_ids.empty()) ++verdict_.unknown_but_stored;
    if (message.refused && !message.delivered_ids.empty()) violation(Kind::kStoredThoughRefused, payload);
    if (!message.was_sent()) violation(Kind::kNeverSent, payload);
    if (message.delivered_ids.size() > 1)
      violation(Kind::kStoredTwice, payload + " as " + *message.delivered_ids.begin() + " and " + *message.delivered_ids.rbegin());
    for (const auto& id : message.delivered_ids) {
      if (!message.receipts.empty() && !message.receipts.contains(id))
        violation(Kind::kOtherId, payload + " as " + id + ", the receipt says " + *message.receipts.begin());
    }
    const bool once = !options_.run_once_marker.empty() && payload.find(options_.run_once_marker) != std::string::npos;
    if (once) ++verdict_.run_once;
    for (const auto& [group, state] : message.groups) judge_group(payload, message, group, state, once);
    if (payload.starts_with(follow_prefix)) judge_follow_up(payload, message);
  }

  void judge_group(const std::string& payload, const Message& message, const std::string& group, const InGroup& state, bool once) {
    verdict_.begun += state.begun;
    verdict_.begun_again += state.begun > 1 ? state.begun - 1 : 0;
    if (once && state.begun > 1) violation(Kind::kRunTwice, payload + " began " + std::to_string(state.begun) + " times in group " + group);
    for (const auto& id : message.delivered_ids) {
      const auto confirmed = confirmed_.find({group, id});
      if (confirmed != confirmed_.end() && state.last_begun && confirmed->second < *state.last_begun) {
        violation(Kind::kCameAgain, payload + " (" + id + ") began after its ack was confirmed in group " + group);
      }
    }
  }

  void judge_follow_up(const std::string& payload, const Message& message) {
    const std::string parent = payload.substr(follow_prefix.size());
    const bool delivered = !message.delivered_ids.empty();
    if (delivered) ++verdict_.follow_ups;
    const bool finished = std::ranges::any_of(message.groups, [](const auto& group) { return group.second.finished; });
    const auto at = messages_.find(parent);
    if (at == messages_.end()) return;
    bool parent_finished = false;
    bool parent_confirmed = false;
    for (const auto& [group, state] : at->second.groups) {
      parent_finished = parent_finished || state.finished;
      for (const auto& id : at->second.delivered_ids) parent_confirmed = parent_confirmed || confirmed_.contains({group, id});
    }
    if (parent_confirmed && !finished) violation(Kind::kFollowUpLost, payload);
    if (delivered && !parent_finished) violation(Kind::kFollowUpWithoutAck, payload);
  }

  const CheckerOptions& options_;
  std::map<std::string, Message> messages_;
  std::map<std::pair<std::string, std::string>, std::chrono::nanoseconds> confirmed_;
  Verdict verdict_;
};

std::string_view name_of(Violation::Kind kind) {
  switch (kind) {
    case Violation::Kind::kLost: return "lost";
    case Violation::Kind::kCameAgain: return "came again";
    case Violation::Kind::kStoredTwice: return "stored twice";
    case Violation::Kind::kStoredThoughRefused: return "stored though refused";
    case Violation::Kind::kOtherId: return "other id";
    case Violation::Kind::kNeverSent: return "never sent";
    case Violation::Kind::kRunTwice: return "run twice";
    case Violation::Kind::kFollowUpLost: return "follow-up lost";
    case Violation::Kind::kFollowUpWithoutAck: return "follow-up without ack";
  }
  return "?";
}

}  // namespace

Verdict judge(std::span<const LedgerEntry> entries, const CheckerOptions& options) {
  Books books(options);
  for (const LedgerEntry& entry : entries) books.enter(entry);
  return books.close();
}

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  out << "acknowledged=" << verdict.acknowledged << " refused=" << verdict.refused << " unknown=" << verdict.unknown
      << " unknown_but_stored=" << verdict.unknown_but_stored << " begun=" << verdict.begun << " begun_again=" << verdict.begun_again
      << " confirmed=" << verdict.confirmed << " run_once=" << verdict.run_once << " follow_ups=" << verdict.follow_ups
      << " violations=" << verdict.violations.size();
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, verdict.violations.size()); ++i)
    out << "\n  " << name_of(verdict.violations[i].kind) << ": " << verdict.violations[i].what;
  return out;
}

}  // namespace takt::testing
