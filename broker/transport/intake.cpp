#include "broker/transport/intake.h"

#include <string>

namespace takt::transport {
namespace {

using proto::DecodeFailure;

Refusal frame_count_refusal(std::size_t is, std::size_t should) {
  return {ErrorCode::kFrameCount, "this message has " + std::to_string(is) + " frames and its type asks for " + std::to_string(should)};
}

std::size_t content_bytes(std::span<const SharedBytes> frames) {
  std::size_t bytes = 0;
  for (const SharedBytes& frame : frames.subspan(1)) bytes += frame.size();
  return bytes;
}

}  // namespace

Result<proto::DecodedRequest, DecodeFailure> Intake::envelope(std::span<const SharedBytes> frames) {
  if (frames.empty() || frames.front().size() == 0)
    return failed(DecodeFailure{{ErrorCode::kMalformedFrame, "the envelope, frame 1, is empty"}, std::nullopt});
  if (frames.front().size() > limits::envelope_bytes_max)
    return failed(DecodeFailure{{ErrorCode::kFrameTooLarge, "the envelope, frame 1, has " + std::to_string(frames.front().size()) +
                                                                " bytes and may have " + std::to_string(limits::envelope_bytes_max)},
                                std::nullopt});
  auto decoded = decoder_.request(frames.front().bytes);
  if (!decoded) return decoded;
  const std::size_t should = proto::frame_count(proto::type_of(decoded->body));
  if (frames.size() != should) return failed(DecodeFailure{frame_count_refusal(frames.size(), should), decoded->correlation});
  return decoded;
}

Result<void, Refusal> Intake::content(const proto::Request& request, std::span<const SharedBytes> frames) const {
  const auto partition = std::visit(
      [](const auto& body) -> std::optional<PartitionId> {
        if constexpr (requires { body.partition; }) return body.partition;
        return std::nullopt;
      },
      request);
  if (partition && partition->value >= limits_.partitions)
    return failed(Refusal{ErrorCode::kUnknownPartition, "there is no partition " + std::to_string(partition->value) + ": this broker has " +
                                                            std::to_string(limits_.partitions) + ", counted from 0; ask for Metadata"});
  if (frames.size() == 3 && content_bytes(frames) > limits_.batch_bytes_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the batch has " + std::to_string(content_bytes(frames)) + " bytes and may have " +
                                                         std::to_string(limits_.batch_bytes_max) + ": send less at once"});
  if (const auto* body = std::get_if<proto::Publish>(&request)) return publish(*body, frames[1].bytes, frames[2].bytes);
  if (const auto* body = std::get_if<proto::Complete>(&request)) return complete(*body, frames[1].bytes, frames[2].bytes);
  return {};
}

Result<void, Refusal> Intake::publish(const proto::Publish& body, ByteView metadata, ByteView payload) const {
  if (body.run_class != proto::RunClass::kImmediate)
    return failed(Refusal{ErrorCode::kUnsupportedField, "field class: this version stores immediate messages only, class 1"});
  return batch(body.count, metadata, payload, body.metadata_checksum, body.payload_checksum);
}

Result<void, Refusal> Intake::complete(const proto::Complete& body, ByteView metadata, ByteView payload) const {
  std::size_t metadata_at = 0;
  std::size_t payload_at = 0;
  std::uint64_t messages = 0;
  for (const proto::FollowUp& part : body.follow_ups) {
    if (part.metadata_length > metadata.size() - metadata_at || part.payload_length > payload.size() - payload_at)
      return failed(Refusal{ErrorCode::kBadSection, "the follow-ups' lengths pass the end of frame 2 or 3"});
    auto checked = batch(part.count, metadata.subspan(metadata_at, part.metadata_length), payload.subspan(payload_at, part.payload_length),
                         part.metadata_checksum, part.payload_checksum);
    if (!checked) return checked;
    metadata_at += part.metadata_length;
    payload_at += part.payload_length;
    messages += part.count;
  }
  if (metadata_at != metadata.size() || payload_at != payload.size())
    return failed(Refusal{ErrorCode::kBadSection, "frame 2 or 3 has bytes behind the last follow-up"});
  if (messages > limits_.batch_messages_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the follow-ups are " + std::to_string(messages) + " messages and may be " +
                                                         std::to_string(limits_.batch_messages_max)});
  return {};
}

Result<void, Refusal> Intake::batch(std::uint32_t count, ByteView metadata, ByteView payload, std::uint64_t metadata_checksum,
                                    std::uint64_t payload_checksum) const {
  if (count == 0) return failed(Refusal{ErrorCode::kBadField, "field count is 0: a batch has at least one message"});
  if (count > limits_.batch_messages_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the batch has " + std::to_string(count) + " messages and may have " +
                                                         std::to_string(limits_.batch_messages_max) + ": send fewer at once"});
  if (proto::section_checksum(metadata) != metadata_checksum)
    return failed(Refusal{ErrorCode::kChecksumMismatch, "the metadata section, frame 2, does not match its checksum: send it again"});
  if (proto::section_checksum(payload) != payload_checksum)
    return failed(Refusal{ErrorCode::kChecksumMismatch, "the payload section, frame 3, does not match its checksum: send it again"});
  return proto::check_sections(metadata, payload, count, limits_.message_bytes_max);
}

}  // namespace takt::transport
