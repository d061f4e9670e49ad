#pragma once
// One message's metadata: a positional msgpack array [kind, tag, value, tag, value, ...], tags strictly ascending.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/error_code.h"
#include "proto/failing.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"
#include "proto/time.h"

namespace takt::proto {

/// Numbers of the optional fields, all reserved by format version 1.
enum class RecordTag : std::uint8_t {
  kKey = 1,
  kTags = 2,
  kAttributes = 3,
  kDue = 4,
  kTtl = 5,
  kDeadline = 6,
  kDelay = 7,
  kUniqueKey = 8,
  kUniquePolicy = 9,
  kScheduleKey = 10,
  kAttempts = 11,
  kDedupId = 12,
  kTraceparent = 13,
  kParentId = 14,
  kContentType = 15,
  kSchedule = 16,
  kPlanned = 17,
  kRetry = 18,
};

using AttributeValue = std::variant<bool, std::int64_t, double, std::string>;

/// The fields that a producer of this version may set. Owned strings: for the SDK, tools and tests.
struct RecordMetadata {
  std::string kind{};
  std::vector<std::string> tags{};                                    ///< a set; at most 16 of 64 bytes
  std::vector<std::pair<std::string, AttributeValue>> attributes{};     ///< at most 32, names unique
  std::optional<std::string> traceparent{};                             ///< W3C, 55 bytes
  std::optional<std::string> parent_id{};                               ///< message id in text
  std::optional<std::string> content_type{};
  std::optional<WallTime> due{};                                         ///< not before then; of a scheduled message
  std::optional<std::chrono::milliseconds> delay{};                      ///< in its place: so long after it is stored
  std::optional<std::string> schedule{};                                 ///< of which this is an occurrence,
  std::optional<WallTime> planned{};                                     ///< and which: the two name it for ever
  MessagePolicy policy{};                                                ///< its retries; deaths_max is not kept
  friend bool operator==(const RecordMetadata&, const RecordMetadata&) = default;
};

/// Appends the msgpack form of `metadata` to `out`.
void append_record(std::vector<std::byte>& out, const RecordMetadata& metadata);
/// Reads one record's metadata. Same refusals as check_record.
Result<RecordMetadata, Refusal> decode_record(ByteView record);

struct RecordSummary {
  std::uint32_t tags_present = 0;            ///< which optional fields the record carries, as bits 1 << tag
  std::uint64_t due_ms = 0;                  ///< since 1970; 0 without the field
  std::uint64_t delay_ms = 0;
  bool is_scheduled() const;
  bool is_occurrence() const;                ///< of a schedule
  bool has_policy() const;                   ///< of its own, about retries
  /// When a scheduled message that is stored at `stored` is due.
  WallTime due(WallTime stored) const;
};
/// Checks one record in a single pass without allocating: msgpack's visitor, exact end, types and bounds of every field
/// that version 1 defines, tags ascending. Refusals: kMalformedFrame, kTooDeep, kBadField, kMessageTooLarge (metadata
/// over its bound), kUnsupportedField for fields whose meaning this version does not provide yet (key, ttl,
/// deadline, unique key and policy, schedule key, dedup id).
Result<RecordSummary, Refusal> check_record(ByteView record);

}  // namespace takt::proto
