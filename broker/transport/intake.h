#pragma once
// From frames to a checked request. Pure; one per gateway thread, because the decoder keeps its memory.

#include <span>

#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/section.h"
#include "proto/shared_bytes.h"

namespace takt::transport {

struct IntakeLimits {
  std::size_t message_bytes_max = limits::message_bytes_default;
  std::size_t batch_bytes_max = limits::batch_bytes_default;
  std::uint32_t batch_messages_max = limits::batch_messages_default;
  std::uint32_t partitions = 1;
};

/// One message as it came in, its envelope read. The sections are empty for types that have none.
struct Incoming {
  CorrelationId correlation;
  proto::Request body;
  bool has_sections = false;
  SharedBytes metadata;
  SharedBytes payload;
  std::size_t envelope_bytes = 0;   ///< without the sections, wherever they stood

  std::size_t section_bytes() const { return metadata.size() + payload.size(); }
};

class Intake {
 public:
  explicit Intake(const IntakeLimits& limits) : limits_(limits) {}

  /// Reads the envelope and finds the sections, in it or in frames 2 and 3. What they hold is not looked at: that costs,
  /// and the request may be refused for cheaper reasons first.
  /// Refusals: the decoder's, kFrameCount, kFrameTooLarge.
  Result<Incoming, proto::DecodeFailure> envelope(std::span<const SharedBytes> frames);

  /// Checks what stands in the body and in the sections: partition, class, counts, sizes, checksums, messages. Cost: one
  /// pass over metadata and payload.
  /// Refusals: kUnknownPartition, kUnsupportedField, kBadField, kBatchTooLarge, kChecksumMismatch, and check_sections'.
  Result<void, Refusal> content(const Incoming& request) const;

 private:
  Result<void, Refusal> publish(const proto::Publish& publish, const Incoming& request) const;
  Result<void, Refusal> put_schedule(const proto::PutSchedule& put, const Incoming& request) const;
  Result<void, Refusal> complete(const proto::Complete& complete, const Incoming& request) const;
  Result<void, Refusal> batch(proto::RunClass run_class, std::uint32_t count, ByteView metadata, ByteView payload,
                              std::uint64_t metadata_checksum, std::uint64_t payload_checksum) const;

  const IntakeLimits limits_;
  proto::Decoder decoder_;
};

}  // namespace takt::transport
