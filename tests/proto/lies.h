#pragma once
// Requests as the frames of their messages: whole, and with sections in every way in which they can be wrong.

#include <string>
#include <vector>

#include "tests/proto/samples.h"

namespace takt::proto {

using Frames = std::vector<std::vector<std::byte>>;

/// request_samples(), each of which a broker with one partition may accept.
std::vector<DecodedRequest> requests_of_every_kind();

/// The whole message; a type with sections has section_sample() in frames of their own.
Frames in_frames(const DecodedRequest& request);
/// With section_sample() in the envelope: wrong for a type without sections.
Frames in_envelope(const DecodedRequest& request);

/// A message that is refused for its sections, whoever sends it.
struct Lie {
  std::string what;    ///< the type, and what is wrong
  ErrorCode refusal;   ///< of a client with a session
  Frames frames;

  /// Whether the sections themselves had to be looked at, which nobody does for a client without a session.
  bool is_in_content() const { return refusal == ErrorCode::kChecksumMismatch || refusal == ErrorCode::kBadSection; }
};

/// Of every request, under its sample's correlation id.
std::vector<Lie> section_lies();

}  // namespace takt::proto
