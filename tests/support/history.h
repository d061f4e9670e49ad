#pragma once
// What ledgers say, put together by message: every send, every lease with its end, every absence of a process. Ledgers of
// several processes may be entered one after the other; what one process wrote must come in its order.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/support/ledger.h"

namespace takt::testing {

using Instant = std::chrono::nanoseconds;   ///< as LedgerEntry::at

/// A message id as a number: its place in a partition's log.
struct Place {
  std::uint32_t partition = 0;
  std::uint64_t position = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
  std::string text() const { return std::to_string(partition) + "-" + std::to_string(position); }
};

using ActorIndex = std::uint32_t;
using GroupIndex = std::uint32_t;
using MessageIndex = std::uint32_t;

/// One hand-out of a message, as its worker saw it.
struct HandOut {
  GroupIndex group = 0;
  ActorIndex actor = 0;
  Place id;
  std::uint32_t attempt = 0;
  std::uint64_t token = 0;
  Instant begun{};
  std::optional<Instant> ended;                         ///< none: its worker died, or never came to an end
  LedgerEvent end = LedgerEvent::kNote;                 ///< kFinished, kFailed or kInterrupted, when it ended
  std::vector<Instant> confirmed;

  bool finished() const { return ended && end == LedgerEvent::kFinished; }
};

/// What a producer, or the handler that asked for a follow-up, said about a message.
struct Saying {
  LedgerEvent event = LedgerEvent::kSending;
  ActorIndex actor = 0;
  Instant at{};
  std::optional<Place> id;
};

struct MessageHistory {
  std::string_view payload;
  GroupIndex topic = 0;                                 ///< as its producer wrote it
  std::vector<Saying> sayings;
  std::vector<HandOut> hand_outs;                       ///< after History::close by group, id and token

  bool was(LedgerEvent event) const;
};

/// Where a worker or the broker was away. A process that was killed does not come back: its successor has another name.
struct Absences {
  struct Frozen {
    Instant from{};
    std::optional<Instant> to;
  };
  std::vector<Frozen> frozen;
  std::vector<Instant> started;                         ///< of the broker
  std::optional<Instant> killed;                        ///< not of the broker
};

/// A worker was told that its ack is durable.
struct Confirmation {
  ActorIndex actor = 0;
  GroupIndex group = 0;
  Place id;
  Instant at{};
};

/// Two messages under one id.
struct SharedId {
  Place id;
  MessageIndex first = 0;
  MessageIndex second = 0;
};

class History {
 public:
  History();

  /// Throws std::runtime_error for what makes a history unusable: a value that is sent twice, an end without a beginning,
  /// an id that is none.
  void enter(const LedgerEntry& entry);
  /// After the last entry: gives confirmations to their hand-outs and sorts. Cost: linear in the entries.
  void close();

  const std::deque<MessageHistory>& messages() const { return messages_; }
  const MessageHistory* find(std::string_view payload) const;
  /// Messages of one producer and topic in the order of sending.
  const std::map<std::pair<ActorIndex, GroupIndex>, std::vector<MessageIndex>>& sendings() const { return sendings_; }
  const Absences& absences_of(ActorIndex actor) const { return absences_[actor]; }
  const Absences& broker() const { return absences_[0]; }
  /// To workers that had not finished that message.
  const std::vector<Confirmation>& stray_confirmations() const { return strays_; }
  const std::vector<SharedId>& shared_ids() const { return shared_ids_; }
  std::size_t confirmations() const { return confirmations_.size(); }
  std::size_t entries() const { return entries_; }

  const std::string& actor(ActorIndex index) const { return actors_.names[index]; }
  const std::string& group(GroupIndex index) const { return groups_.names[index]; }
  std::optional<GroupIndex> group_index(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;   // NOLINT(readability-identifier-naming), the standard looks for it
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    std::size_t operator()(const Place& place) const { return std::hash<std::uint64_t>{}(place.position * 1'000'003 + place.partition); }
  };
  struct Names {
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> indexes;
    std::vector<std::string> names;
    std::uint32_t of(std::string_view name);
  };

  ActorIndex actor_of(std::string_view name);
  MessageIndex message_of(std::string_view payload);
  void say(const LedgerEntry& entry);
  void begin(const LedgerEntry& entry);
  void end(const LedgerEntry& entry);
  void learn_id(Place id, MessageIndex message);
  void give(const Confirmation& confirmation);

  std::size_t entries_ = 0;
  Names actors_;
  Names groups_;
  std::vector<Absences> absences_;                      ///< by actor; the broker is the first
  std::unordered_map<std::string, MessageIndex, Hash, std::equal_to<>> payloads_;
  std::deque<MessageHistory> messages_;
  std::unordered_map<Place, MessageIndex, Hash> ids_;
  std::map<std::pair<ActorIndex, GroupIndex>, std::vector<MessageIndex>> sendings_;
  std::vector<Confirmation> confirmations_;
  std::vector<Confirmation> strays_;
  std::vector<SharedId> shared_ids_;
};

}  // namespace takt::testing
