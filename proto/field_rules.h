#pragma once
// What a field of a message may hold. fields.h gives each field one of these.

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "proto/limits.h"
#include "proto/messages.h"

namespace takt::proto {

/// A number or enumerator, both ends included.
struct Between {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};
/// Entries of a list, both ends included.
struct Entries {
  std::size_t least = 0;
  std::size_t most = 0;
};
/// Entries of a list of numbers, each with a rule of its own.
struct Each {
  Entries entries;
  Between rule;
};
/// What check_name takes; `what` is "topic", "group" or "schedule".
struct Name {
  std::string_view what;
};
struct NameOrEmpty {
  std::string_view what;
};
/// UTF-8 of at most so many bytes.
struct Text {
  std::size_t bytes_max = 0;
};
/// Every value of the field's type.
struct Any {};

template <class T, class M>
concept Of = std::same_as<std::remove_const_t<T>, M>;

inline constexpr Between dead_reasons{1, dead_reason_count};
inline constexpr Between lanes{0, lane_count - 1};
inline constexpr Between batch_class{1, 2};
inline constexpr Between batch_count{1, limits::batch_messages_hard};
inline constexpr Between span_ms{0, limits::span_ms_max};
inline constexpr Name topic_name{"topic"};
inline constexpr Name group_name{"group"};
inline constexpr Name schedule_name{"schedule"};
inline constexpr Between instant_ms{1, limits::due_ms_max};
inline constexpr Between outcomes{1, outcome_count};
inline constexpr Between message_states{1, message_state_count};
inline constexpr Between group_states{1, group_state_count};
inline constexpr Entries no_more_than_entries{0, limits::entries_max};
inline constexpr Entries some_entries{1, limits::entries_max};
inline constexpr Entries any_entries{0, limits::reply_tokens_max};
inline constexpr Entries index_runs{1, limits::lease_range_max};

}  // namespace takt::proto
