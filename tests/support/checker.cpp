#include "tests/support/checker.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <ostream>
#include <tuple>

#include "tests/support/overlap.h"
#include "tests/support/witness.h"

namespace takt::testing {
namespace {

using Kind = Violation::Kind;

constexpr std::string_view follow_prefix = "follow:";

bool is_answer(const Saying& saying) {
  return saying.event == LedgerEvent::kSent || saying.event == LedgerEvent::kRefused || saying.event == LedgerEvent::kUnknown;
}

class Judge {
 public:
  Judge(const History& history, const CheckerOptions& options)
      : history_(history),
        witness_(history),
        options_(options),
        bounds_(options.session_timeout, options.heartbeat) {
    for (const auto& group : options.groups) groups_.push_back(history.group_index(group));
  }

  Verdict judge() {
    verdict_.entries = history_.entries();
    verdict_.confirmed = history_.confirmations();
    for (const MessageHistory& message : history_.messages()) judge_message(message);
    for (const auto& [from, messages] : history_.sendings()) judge_order(messages);
    for (const SharedId& shared : history_.shared_ids()) judge_shared_id(shared);
    for (const Confirmation& stray : history_.stray_confirmations())
      violation(Kind::kConfirmedUnasked, stray.id.text() + " to " + history_.actor(stray.actor), {witness_.confirmed(stray)});
    return std::move(verdict_);
  }

 private:
  using HandOuts = std::span<const HandOut>;

  void violation(Kind kind, std::string what, Lines witness) { verdict_.violations.push_back({kind, std::move(what), std::move(witness)}); }

  // The message as a whole.

  void judge_message(const MessageHistory& message) {
    count_answers(message);
    judge_answers(message);
    judge_ids(message);
    if (message.was(LedgerEvent::kSent)) judge_lost(message);
    const bool once = !options_.run_once_marker.empty() && message.payload.find(options_.run_once_marker) != std::string_view::npos;
    verdict_.run_once += once ? 1 : 0;
    for_each_group(message, [&](HandOuts hand_outs) {
      verdict_.begun += hand_outs.size();
      verdict_.begun_again += hand_outs.size() - 1;
      verdict_.never_ended +=
          static_cast<std::size_t>(std::ranges::count_if(hand_outs, [](const HandOut& hand_out) { return !hand_out.ended; }));
      if (once && hand_outs.size() > 1) run_twice(message, hand_outs);
      judge_leases(message, hand_outs);
    });
    if (message.payload.starts_with(follow_prefix)) judge_follow_up(message);
    judge_delay(message);
  }

  /// The broker counts in whole milliseconds of its own clock, which goes a little faster or slower than the ledgers'.
  void judge_delay(const MessageHistory& message) {
    const auto delay = delay_of(message.payload);
    if (!delay || message.hand_outs.empty()) return;
    ++verdict_.delayed;
    const auto sent = std::ranges::find(message.sayings, LedgerEvent::kSending, &Saying::event);
    const HandOut& first = *std::ranges::min_element(message.hand_outs, {}, &HandOut::begun);
    const auto inexact = std::chrono::milliseconds(1) + *delay / 1000;
    if (sent != message.sayings.end() && first.begun < sent->at + *delay - inexact)
      violation(Kind::kTooEarly, text_of(message), {witness_.said(message, *sent), witness_.begun(message, first)});
  }
  std::optional<std::chrono::microseconds> delay_of(std::string_view payload) const {
    const std::size_t at = options_.delay_marker.empty() ? std::string_view::npos : payload.find(options_.delay_marker);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view digits = payload.substr(at + options_.delay_marker.size());
    std::int64_t ms = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), ms).ec != std::errc()) return std::nullopt;
    return std::chrono::milliseconds(ms);
  }

  void count_answers(const MessageHistory& message) {
    const bool answered = message.was(LedgerEvent::kSent) || message.was(LedgerEvent::kRefused);
    const bool unknown = !answered && (message.was(LedgerEvent::kUnknown) || message.was(LedgerEvent::kSending));
    verdict_.acknowledged += message.was(LedgerEvent::kSent) ? 1 : 0;
    verdict_.refused += message.was(LedgerEvent::kRefused) ? 1 : 0;
    verdict_.unknown += unknown ? 1 : 0;
    verdict_.unknown_but_stored += unknown && !message.hand_outs.empty() ? 1 : 0;
  }

  void judge_answers(const MessageHistory& message) {
    if (message.sayings.empty()) return violation(Kind::kNeverSent, text_of(message), witness_.begun(message));
    if (message.was(LedgerEvent::kRefused) && !message.hand_outs.empty())
      violation(Kind::kStoredThoughRefused, text_of(message),
                joined(witness_.said(message, LedgerEvent::kRefused), witness_.begun(message)));
    const auto answers = std::ranges::count_if(message.sayings, is_answer);
    if (answers < 2) return;
    Lines witness;
    for (const Saying& saying : message.sayings) {
      if (is_answer(saying)) witness.push_back(witness_.said(message, saying));
    }
    violation(Kind::kAnsweredTwice, text_of(message), std::move(witness));
  }

  void judge_ids(const MessageHistory& message) {
    if (message.hand_outs.empty()) return;
    const HandOut& first = message.hand_outs.front();
    const auto other = std::ranges::find_if(message.hand_outs, [&](const HandOut& hand_out) { return hand_out.id != first.id; });
    if (other != message.hand_outs.end())
      return violation(Kind::kStoredTwice, text_of(message) + " as " + first.id.text() + " and " + other->id.text(),
                       {witness_.begun(message, first), witness_.begun(message, *other)});
    for (const Saying& saying : message.sayings) {
      if (saying.id && *saying.id != first.id)
        violation(Kind::kOtherId, text_of(message) + " as " + first.id.text() + ", the receipt says " + saying.id->text(),
                  {witness_.said(message, saying), witness_.begun(message, first)});
    }
  }

  /// The hand-out that counts is the newest: what older ones finished may have been refused as stale.
  void judge_lost(const MessageHistory& message) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const HandOut* newest = nullptr;
      bool done = false;
      for (const HandOut& hand_out : message.hand_outs) {
        if (hand_out.group != groups_[i]) continue;
        newest = &hand_out;
        done = done || !hand_out.confirmed.empty();
      }
      if (done || (newest != nullptr && newest->finished())) continue;
      Lines witness = witness_.said(message, LedgerEvent::kSent);
      if (newest != nullptr) witness.push_back(witness_.begun(message, *newest));
      violation(Kind::kLost, text_of(message) + " was acknowledged and not finished by group " + options_.groups[i], std::move(witness));
    }
  }

  void run_twice(const MessageHistory& message, HandOuts hand_outs) {
    violation(Kind::kRunTwice,
              text_of(message) + " began " + std::to_string(hand_outs.size()) + " times in group " + history_.group(hand_outs[0].group),
              {witness_.begun(message, hand_outs[0]), witness_.begun(message, hand_outs[1])});
  }

  // Its leases in one group, by token.

  void judge_leases(const MessageHistory& message, HandOuts hand_outs) {
    for (const HandOut& hand_out : hand_outs) {
      if (hand_out.confirmed.size() > 1)
        violation(Kind::kConfirmedTwice, witness_.text(message, hand_out),
                  {witness_.confirmed(hand_out, 0), witness_.confirmed(hand_out, 1)});
    }
    for (std::size_t i = 0; i + 1 < hand_outs.size(); ++i) judge_pair(message, hand_outs[i], hand_outs[i + 1]);
  }

  void judge_pair(const MessageHistory& message, const HandOut& older, const HandOut& newer) {
    if (older.token == newer.token)
      return violation(Kind::kTokenGivenTwice, witness_.text(message, older),
                       {witness_.begun(message, older), witness_.begun(message, newer)});
    if (older.finished() && *older.ended > newer.begun) ++verdict_.late_finishes;
    if (!older.confirmed.empty()) judge_confirmed(message, older, newer);
    if (older.ended && *older.ended <= newer.begun) return;
    if (may_overlap(older, newer.begun, history_.absences_of(older.actor), history_.broker(), bounds_)) return;
    Lines witness{witness_.begun(message, older), witness_.begun(message, newer)};
    const bool went_back = older.begun > newer.begun;
    if (went_back) std::ranges::reverse(witness);
    if (older.ended) witness.push_back(witness_.ended(message, older));
    violation(went_back ? Kind::kTokenWentBack : Kind::kTwoLiveLeases, witness_.text(message, older), std::move(witness));
  }

  void judge_confirmed(const MessageHistory& message, const HandOut& older, const HandOut& newer) {
    const Instant confirmed = older.confirmed.front();
    if (newer.begun > confirmed)
      return violation(Kind::kCameAgain, witness_.text(message, newer), {witness_.confirmed(older), witness_.begun(message, newer)});
    violation(Kind::kStaleAckAccepted, witness_.text(message, older),
              {witness_.begun(message, older), witness_.begun(message, newer), witness_.confirmed(older)});
  }

  // Several messages.

  void judge_follow_up(const MessageHistory& message) {
    if (!message.hand_outs.empty()) ++verdict_.follow_ups;
    const MessageHistory* parent = history_.find(message.payload.substr(follow_prefix.size()));
    if (parent == nullptr) return;
    const auto confirmed = std::ranges::find_if(parent->hand_outs, [](const HandOut& hand_out) { return !hand_out.confirmed.empty(); });
    const bool parent_finished = std::ranges::any_of(parent->hand_outs, &HandOut::finished);
    const bool finished = std::ranges::any_of(message.hand_outs, &HandOut::finished);
    if (confirmed != parent->hand_outs.end() && !finished)
      violation(Kind::kFollowUpLost, text_of(message), {witness_.confirmed(*confirmed)});
    if (!message.hand_outs.empty() && !parent_finished)
      violation(Kind::kFollowUpWithoutAck, text_of(message), joined(witness_.said(message, LedgerEvent::kFollow), witness_.begun(message)));
  }

  void judge_order(const std::vector<MessageIndex>& sent) {
    std::map<std::uint32_t, std::pair<Place, const MessageHistory*>> last;   // by partition
    for (const MessageIndex index : sent) {
      const MessageHistory& message = history_.messages()[index];
      const auto place = place_of(message);
      if (!place) continue;
      const auto [at, is_first] = last.try_emplace(place->partition, *place, &message);
      if (is_first) continue;
      if (*place < at->second.first)
        violation(Kind::kOutOfOrder, text_of(message) + " (" + place->text() + ") was sent after " + text_of(*at->second.second),
                  {witness_.named(*at->second.second), witness_.named(message)});
      at->second = {*place, &message};
    }
  }

  void judge_shared_id(const SharedId& shared) {
    const MessageHistory& first = history_.messages()[shared.first];
    const MessageHistory& second = history_.messages()[shared.second];
    violation(Kind::kIdGivenTwice, shared.id.text() + " to " + text_of(first) + " and " + text_of(second),
              {witness_.named(first), witness_.named(second)});
  }

  /// A message that was stored twice is two.
  template <class Fn>
  static void for_each_group(const MessageHistory& message, Fn fn) {
    for (auto from = message.hand_outs.begin(); from != message.hand_outs.end();) {
      const auto to = std::find_if(from, message.hand_outs.end(), [&](const HandOut& hand_out) {
        return std::tie(hand_out.group, hand_out.id) != std::tie(from->group, from->id);
      });
      fn(HandOuts(from, to));
      from = to;
    }
  }

  static std::optional<Place> place_of(const MessageHistory& message) {
    for (const Saying& saying : message.sayings) {
      if (saying.id) return saying.id;
    }
    if (message.hand_outs.empty()) return std::nullopt;
    return message.hand_outs.front().id;
  }

  static std::string text_of(const MessageHistory& message) { return std::string(message.payload); }

  const History& history_;
  const Witness witness_;
  const CheckerOptions& options_;
  const SessionBounds bounds_;
  std::vector<std::optional<GroupIndex>> groups_;       ///< of options_.groups; none: nobody of it was heard of
  Verdict verdict_;
};

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kLost: return "lost";
    case Kind::kStoredTwice: return "stored twice";
    case Kind::kIdGivenTwice: return "id given twice";
    case Kind::kStoredThoughRefused: return "stored though refused";
    case Kind::kAnsweredTwice: return "answered twice";
    case Kind::kOtherId: return "other id";
    case Kind::kNeverSent: return "never sent";
    case Kind::kOutOfOrder: return "out of order";
    case Kind::kCameAgain: return "came again";
    case Kind::kStaleAckAccepted: return "stale ack accepted";
    case Kind::kConfirmedTwice: return "confirmed twice";
    case Kind::kConfirmedUnasked: return "confirmed unasked";
    case Kind::kTwoLiveLeases: return "two live leases";
    case Kind::kTokenWentBack: return "token went back";
    case Kind::kTokenGivenTwice: return "token given twice";
    case Kind::kTooEarly: return "too early";
    case Kind::kRunTwice: return "run twice";
    case Kind::kFollowUpLost: return "follow-up lost";
    case Kind::kFollowUpWithoutAck: return "follow-up without ack";
  }
  return "?";
}

Verdict judge(const History& history, const CheckerOptions& options) { return Judge(history, options).judge(); }

Verdict judge(std::span<const LedgerEntry> entries, const CheckerOptions& options) {
  History history;
  for (const LedgerEntry& entry : entries) history.enter(entry);
  history.close();
  return judge(history, options);
}

Verdict judge_folder(const std::filesystem::path& folder, const CheckerOptions& options) {
  History history;
  for (const auto& file : ledgers_in(folder)) for_each_entry(file, [&](const LedgerEntry& entry) { history.enter(entry); });
  history.close();
  return judge(history, options);
}

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  out << "entries=" << verdict.entries << " acknowledged=" << verdict.acknowledged << " refused=" << verdict.refused
      << " unknown=" << verdict.unknown << " unknown_but_stored=" << verdict.unknown_but_stored << " begun=" << verdict.begun
      << " begun_again=" << verdict.begun_again << " never_ended=" << verdict.never_ended << " late_finishes=" << verdict.late_finishes
      << " confirmed=" << verdict.confirmed << " run_once=" << verdict.run_once << " delayed=" << verdict.delayed
      << " follow_ups=" << verdict.follow_ups << " violations=" << verdict.violations.size();
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, verdict.violations.size()); ++i) {
    const Violation& violation = verdict.violations[i];
    out << "\n  " << name_of(violation.kind) << ": " << violation.what;
    for (const auto& line : violation.witness) out << "\n    " << line;
  }
  return out;
}

}  // namespace takt::testing
