#pragma once
// ZMTP 3 byte by byte, for peers that do what no ZeroMQ library would. Frames and commands as RFC 23 has them.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt::testing {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values);
Bytes bytes_of(std::string_view text);
void append(Bytes& to, std::span<const std::byte> more);
Bytes random_bytes(std::mt19937& random, std::size_t count);

/// 64 bytes: signature, version 3.0, mechanism, as-server, filler.
Bytes zmtp_greeting(std::string_view mechanism = "NULL");
/// The command READY of a DEALER; an empty identity announces none.
Bytes zmtp_ready(std::string_view identity = {});
/// Any command: its name and what follows it.
Bytes zmtp_command(std::string_view name, std::span<const std::byte> rest);

enum class More : std::uint8_t { kLast, kFollows };
/// A frame of a message, with a short or a long length as its size asks for.
void append_frame(Bytes& to, std::span<const std::byte> body, More more = More::kLast);
Bytes zmtp_frame(std::span<const std::byte> body, More more = More::kLast);
/// The head of a frame that says it has so many bytes.
Bytes zmtp_long_head(std::uint64_t bytes, More more = More::kLast);

}  // namespace takt::testing
