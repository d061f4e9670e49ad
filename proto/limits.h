#pragma once
// Bounds of one frame and one message. The broker may be configured below the hard ones, never above.

#include <cstddef>
#include <cstdint>

namespace takt::limits {

inline constexpr std::size_t frames_max = 3;                              // envelope, metadata section, payload section
inline constexpr std::size_t envelope_bytes_max = 256 * 1024;             // an Ack of 65,536 runs fits
inline constexpr std::size_t depth_max = 8;                               // deepest nesting any of our messages has is 5
inline constexpr std::size_t tokens_max = 200'000;                        // msgpack values in one envelope
inline constexpr std::size_t name_bytes_max = 200;                        // topic, group: [A-Za-z0-9._-]
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
inline constexpr std::uint32_t lease_range_max = 1024;                    // offsets in one lease range, one slab

}  // namespace takt::limits
