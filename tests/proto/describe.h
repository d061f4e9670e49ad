#pragma once
// Messages in words, from fields.h: for golden files and for the comparison with docs/protocol.md.

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "proto/fields.h"
#include "proto/shared_bytes.h"

namespace takt::proto {

/// The name of a nested part in docs/protocol.md.
template <class M>
constexpr std::string_view part_name() {
  if constexpr (std::same_as<M, IndexRun>) return "index_run";
  if constexpr (std::same_as<M, FollowUp>) return "follow_up";
  if constexpr (std::same_as<M, AckEntry>) return "ack_entry";
  if constexpr (std::same_as<M, HeldRange>) return "held_range";
  if constexpr (std::same_as<M, TopicSettings>) return "topic_settings";
  if constexpr (std::same_as<M, RetryPolicy>) return "retry_policy";
  if constexpr (std::same_as<M, MessagePolicy>) return "message_policy";
  if constexpr (std::same_as<M, GroupSettings>) return "group_settings";
  if constexpr (std::same_as<M, PartitionEntry>) return "partition_entry";
  if constexpr (std::same_as<M, ResumedRange>) return "resumed_range";
  if constexpr (std::same_as<M, TopicEntry>) return "topic_entry";
  if constexpr (std::same_as<M, GroupEntry>) return "group_entry";
  if constexpr (std::same_as<M, Place>) return "place";
  if constexpr (std::same_as<M, DeadSelection>) return "dead_selection";
  if constexpr (std::same_as<M, FailureEntry>) return "failure_entry";
  if constexpr (std::same_as<M, DeadEntry>) return "dead_entry";
  if constexpr (std::same_as<M, ScheduleSettings>) return "schedule_settings";
  if constexpr (std::same_as<M, PastOccurrence>) return "past_occurrence";
  if constexpr (std::same_as<M, ScheduleEntry>) return "schedule_entry";
  if constexpr (std::same_as<M, GroupStatus>) return "group_status";
  if constexpr (std::same_as<M, MessageStatus>) return "message_status";
  if constexpr (std::same_as<M, Stretch>) return "stretch";
  if constexpr (std::same_as<M, DeliveredRange>) return "delivered_range";
  return "";
}

/// `{name: value, ...}`
class DescribeValues {
 public:
  template <class M>
  static std::string of(const M& message) {
    DescribeValues describe;
    fields(describe, message);
    return describe.text_.empty() ? "{}" : "{" + describe.text_ + "}";
  }

  template <class T, class Rule = Any>
  void operator()(std::string_view name, const T& field, const Rule& = {}) {
    if (!text_.empty()) text_ += ", ";
    text_.append(name).append(": ").append(show(field));
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  static std::string show(bool value) { return value ? "true" : "false"; }
  template <std::unsigned_integral T>
  static std::string show(T value) {
    return std::to_string(value);
  }
  template <class Tag, class Rep>
  static std::string show(StrongId<Tag, Rep> id) {
    return std::to_string(id.value);
  }
  template <class E>
    requires std::is_enum_v<E>
  static std::string show(E value) {
    return std::to_string(static_cast<unsigned>(value));
  }
  static std::string show(const std::string& value) { return '"' + value + '"'; }
  template <class T>
  static std::string show(const std::optional<T>& value) {
    return value ? show(*value) : "nil";
  }
  template <class T>
  static std::string show(const std::vector<T>& list) {
    std::string text;
    for (const T& entry : list) text += (text.empty() ? "" : ", ") + show(entry);
    return "[" + text + "]";
  }
  template <class M>
    requires requires(DescribeValues& f, const M& m) { fields(f, m); }
  static std::string show(const M& part) {
    return of(part);
  }

  std::string text_;
};

struct FieldShape {
  std::string name;
  std::string type;
  friend bool operator==(const FieldShape&, const FieldShape&) = default;
};

/// Names and wire types of the fields of M, in order.
class DescribeShape {
 public:
  template <class M>
  static std::vector<FieldShape> of() {
    DescribeShape describe;
    const M message{};
    fields(describe, message);
    return describe.shapes_;
  }

  template <class T, class Rule = Any>
  void operator()(std::string_view name, const T&, const Rule& = {}) {
    shapes_.push_back({std::string(name), type(static_cast<const T*>(nullptr))});
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  static std::string type(const bool*) { return "bool"; }
  template <std::unsigned_integral T>
  static std::string type(const T*) {
    return "u" + std::to_string(sizeof(T) * 8);
  }
  template <class Tag, class Rep>
  static std::string type(const StrongId<Tag, Rep>*) {
    return type(static_cast<const Rep*>(nullptr));
  }
  template <class E>
    requires std::is_enum_v<E>
  static std::string type(const E*) {
    return type(static_cast<const std::underlying_type_t<E>*>(nullptr));
  }
  static std::string type(const std::string*) { return "text"; }
  template <class T>
  static std::string type(const std::optional<T>*) {
    return type(static_cast<const T*>(nullptr)) + " or nil";
  }
  template <class T>
  static std::string type(const std::vector<T>*) {
    return "array of " + type(static_cast<const T*>(nullptr));
  }
  template <class M>
    requires requires(DescribeShape& f, const M& m) { fields(f, m); }
  static std::string type(const M*) {
    return std::string(part_name<M>());
  }

  std::vector<FieldShape> shapes_;
};

/// Pairs of hexadecimal digits, 32 bytes a line.
inline std::string hex_of(ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char pair[4];
    std::snprintf(pair, sizeof(pair), "%02x", static_cast<unsigned>(bytes[i]));
    text += (i == 0 ? "" : i % 32 == 0 ? "\n" : " ");
    text += pair;
  }
  return text;
}

/// "0x1b"
inline std::string hex_of(std::uint64_t number, int digits) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%0*llx", digits, static_cast<unsigned long long>(number));
  return text;
}

}  // namespace takt::proto
