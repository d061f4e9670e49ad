#pragma once
// The envelope: one msgpack array [version, type, correlation id, body], the body a positional array of the message's
// fields in the order of messages.h. A request with sections may carry them as two more elements, [..., metadata, payload],
// instead of in frames of their own: a small message is then one frame, which costs both ends less than three. Decoding is
// strict: exact counts, exact types, exact end, canonical widths not required. Pure functions; any thread, each with its own
// Decoder.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "proto/messages.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"

namespace takt::proto {

struct SectionViews {
  ByteView metadata;
  ByteView payload;
};

struct DecodedRequest {
  CorrelationId correlation;
  Request body;
  std::optional<SectionViews> sections{};  ///< that stood in the envelope; they live as long as its bytes
};
struct DecodedReply {
  CorrelationId correlation;
  Reply body;
};

std::vector<std::byte> encode(const Request& request, CorrelationId correlation);
std::vector<std::byte> encode(const Reply& reply, CorrelationId correlation);
/// With its sections in the envelope; for types that have sections.
std::vector<std::byte> encode(const Request& request, CorrelationId correlation, const SectionViews& sections);

/// Why an envelope was refused; `correlation` is there when it could still be read, so that the refusal can be addressed.
struct DecodeFailure {
  Refusal refusal;
  std::optional<CorrelationId> correlation;
};

/// Reads envelopes without building an object tree: msgpack's visitor fills a token list that is kept between calls,
/// so a decoder in steady state allocates only what the message itself owns (names, run lists).
/// Refusals: kMalformedFrame, kUnsupportedVersion, kUnknownType, kFrameTooLarge, kTooDeep, kBadField, kBadName.
/// Declared counts are checked against the bytes that remain before anything is reserved.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  Result<DecodedRequest, DecodeFailure> request(ByteView envelope);
  Result<DecodedReply, DecodeFailure> reply(ByteView envelope);

 private:
  struct Tokens;
  std::unique_ptr<Tokens> tokens_;
};

/// Frames that `type` has on the wire, envelope included, unless that carries the sections: 3 for Publish, Complete,
/// PutSchedule, Deliver and Peeked, else 1.
std::size_t frame_count(MessageType type);
MessageType type_of(const Request& request);
MessageType type_of(const Reply& reply);

/// The name of a topic, group or schedule: 1 to 200 bytes of [A-Za-z0-9._-]. `what` it is the name of, for the message.
Result<void, Refusal> check_name(std::string_view what, std::string_view name);

}  // namespace takt::proto
