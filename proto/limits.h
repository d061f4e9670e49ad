#pragma once
// Bounds of one frame and one message. The broker may be configured below the hard ones, never above.

#include <cstddef>
#include <cstdint>

namespace takt::limits {

inline constexpr std::size_t frames_max = 3;                              // envelope, metadata section, payload section
inline constexpr std::size_t envelope_bytes_max = 2 * 1024 * 1024;        // a Resume of 65,536 single messages fits (1.4 MB)
inline constexpr std::size_t tokens_max = 400'000;                        // msgpack values in it (the same Resume has 330,000)
inline constexpr std::size_t reply_envelope_bytes_max = 64 * 1024 * 1024; // a list of 200,000 topics with long names fits
inline constexpr std::size_t reply_tokens_max = 8'000'000;
inline constexpr std::size_t depth_max = 8;                               // deepest nesting any of our messages has is 5
inline constexpr std::size_t name_bytes_max = 200;                        // topic, group, schedule: [A-Za-z0-9._-]
inline constexpr std::size_t kind_bytes_max = 200;
inline constexpr std::size_t message_bytes_default = 1024 * 1024;
inline constexpr std::size_t message_bytes_hard = 16 * 1024 * 1024;
inline constexpr std::size_t batch_bytes_default = 1024 * 1024;
inline constexpr std::size_t batch_bytes_hard = 16 * 1024 * 1024;
inline constexpr std::uint32_t batch_messages_default = 10'000;
inline constexpr std::uint32_t batch_messages_hard = 65'536;
inline constexpr std::size_t metadata_bytes_max = 8 * 1024;               // one record's metadata
inline constexpr std::size_t tags_max = 16;
inline constexpr std::size_t tag_bytes_max = 64;
inline constexpr std::size_t attributes_max = 32;
inline constexpr std::size_t attribute_name_bytes_max = 64;
inline constexpr std::size_t attribute_value_bytes_max = 1024;
inline constexpr std::size_t key_bytes_max = 256;                         // ordering, unique and schedule keys, dedup id
inline constexpr std::size_t error_text_bytes_max = 4 * 1024;
inline constexpr std::size_t client_name_bytes_max = 200;                 // Hello's name and software
inline constexpr std::size_t address_bytes_max = 300;                     // tcp://host:port
inline constexpr std::size_t content_type_bytes_max = 255;
inline constexpr std::size_t parent_id_bytes_max = 31;                    // two numbers of 32 and 64 bits and a hyphen
inline constexpr std::uint32_t lease_range_max = 1024;                    // offsets in one lease range, one slab
inline constexpr std::uint32_t entries_max = 65'536;  // of one Ack, Resume, Deliver, Peeked; also messages in one Deliver or Peeked
inline constexpr std::uint32_t follow_ups_max = 64;
inline constexpr std::uint32_t attempts_max = 1'000;
inline constexpr std::size_t retry_delays_max = 32;                        // of a list in a group's retry policy
inline constexpr std::size_t dead_at_once_max = 1'000;                     // dead messages that one request lists or changes
inline constexpr std::size_t messages_at_once_max = 1'000;                 // that one request looks at or changes, by position
inline constexpr std::size_t kept_failures_max = 5;                        // of a message: the last attempts
inline constexpr std::size_t schedule_rule_bytes_max = 256;
inline constexpr std::size_t zone_bytes_max = 64;                          // the longest name of the IANA database has 38
inline constexpr std::size_t schedule_payload_bytes_max = 64 * 1024;       // it is in each checkpoint that follows a change
inline constexpr std::uint64_t jitter_ms_max = 86'400'000;                 // a day
inline constexpr std::uint32_t catch_up_max = 100;
inline constexpr std::uint32_t upcoming_max = 1'000;
inline constexpr std::uint32_t routing_slots = 1'024;
inline constexpr std::uint64_t place_max = (std::uint64_t{1} << 63) - 1;  // positions and offsets: sums with a count never wrap
inline constexpr std::uint64_t due_ms_max = 253'402'300'799'999;  // the last instant of the year 9999
inline constexpr std::uint64_t span_ms_max = 3'155'760'000'000;  // 100 years: fits into nanoseconds with room to add

}  // namespace takt::limits
