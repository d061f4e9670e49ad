#include "broker/transport/intake.h"

#include <string>

namespace takt::transport {
namespace {

using proto::DecodeFailure;

Refusal frame_count_refusal(std::size_t is, std::size_t should) {
  return {ErrorCode::kFrameCount, "this message has " + std::to_string(is) + " frames and its type asks for " + std::to_string(should)};
}

}  // namespace

Result<Incoming, DecodeFailure> Intake::envelope(std::span<const SharedBytes> frames) {
  if (frames.empty() || frames.front().size() == 0)
    return failed(DecodeFailure{{ErrorCode::kMalformedFrame, "the envelope, frame 1, is empty"}, std::nullopt});
  if (frames.front().size() > limits::envelope_bytes_max)
    return failed(DecodeFailure{{ErrorCode::kFrameTooLarge, "the envelope, frame 1, has " + std::to_string(frames.front().size()) +
                                                                " bytes and may have " + std::to_string(limits::envelope_bytes_max)},
                                std::nullopt});
  auto decoded = decoder_.request(frames.front().bytes);
  if (!decoded) return failed(std::move(decoded.error()));
  const std::size_t should = decoded->sections ? 1 : proto::frame_count(proto::type_of(decoded->body));
  if (frames.size() != should) return failed(DecodeFailure{frame_count_refusal(frames.size(), should), decoded->correlation});

  Incoming incoming{decoded->correlation, std::move(decoded->body), should == 3 || decoded->sections, {}, {}, frames.front().size()};
  if (const auto& sections = decoded->sections) {
    incoming.metadata = {frames.front().owner, sections->metadata};
    incoming.payload = {frames.front().owner, sections->payload};
    incoming.envelope_bytes -= incoming.section_bytes();
  } else if (should == 3) {
    incoming.metadata = frames[1];
    incoming.payload = frames[2];
  }
  return incoming;
}

Result<void, Refusal> Intake::content(const Incoming& request) const {
  const auto partition = std::visit(
      [](const auto& body) -> std::optional<PartitionId> {
        if constexpr (requires { body.partition; }) return body.partition;
        return std::nullopt;
      },
      request.body);
  if (partition && partition->value >= limits_.partitions)
    return failed(Refusal{ErrorCode::kUnknownPartition, "there is no partition " + std::to_string(partition->value) + ": this broker has " +
                                                            std::to_string(limits_.partitions) + ", counted from 0; ask for Metadata"});
  if (request.section_bytes() > limits_.batch_bytes_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the batch has " + std::to_string(request.section_bytes()) + " bytes and may have " +
                                                         std::to_string(limits_.batch_bytes_max) + ": send less at once"});
  if (const auto* body = std::get_if<proto::Publish>(&request.body)) return publish(*body, request);
  if (const auto* body = std::get_if<proto::Complete>(&request.body)) return complete(*body, request);
  if (const auto* body = std::get_if<proto::PutSchedule>(&request.body)) return put_schedule(*body, request);
  return {};
}

Result<void, Refusal> Intake::put_schedule(const proto::PutSchedule& body, const Incoming& request) const {
  if (request.payload.size() > limits::schedule_payload_bytes_max)
    return failed(Refusal{ErrorCode::kMessageTooLarge, "the schedule's payload has " + std::to_string(request.payload.size()) +
                                                           " bytes and may have " + std::to_string(limits::schedule_payload_bytes_max)});
  return batch(proto::RunClass::kImmediate, 1, request.metadata.bytes, request.payload.bytes, body.metadata_checksum,
               body.payload_checksum);
}

Result<void, Refusal> Intake::publish(const proto::Publish& body, const Incoming& request) const {
  return batch(body.run_class, body.count, request.metadata.bytes, request.payload.bytes, body.metadata_checksum, body.payload_checksum);
}

Result<void, Refusal> Intake::complete(const proto::Complete& body, const Incoming& request) const {
  const ByteView metadata = request.metadata.bytes;
  const ByteView payload = request.payload.bytes;
  std::size_t metadata_at = 0;
  std::size_t payload_at = 0;
  std::uint64_t messages = 0;
  for (const proto::FollowUp& part : body.follow_ups) {
    if (part.metadata_length > metadata.size() - metadata_at || part.payload_length > payload.size() - payload_at)
      return failed(Refusal{ErrorCode::kBadSection, "the follow-ups' lengths pass the end of a section"});
    auto checked = batch(part.run_class, part.count, metadata.subspan(metadata_at, part.metadata_length),
                         payload.subspan(payload_at, part.payload_length), part.metadata_checksum, part.payload_checksum);
    if (!checked) return checked;
    metadata_at += part.metadata_length;
    payload_at += part.payload_length;
    messages += part.count;
  }
  if (metadata_at != metadata.size() || payload_at != payload.size())
    return failed(Refusal{ErrorCode::kBadSection, "a section has bytes behind the last follow-up"});
  if (messages > limits_.batch_messages_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the follow-ups are " + std::to_string(messages) + " messages and may be " +
                                                         std::to_string(limits_.batch_messages_max)});
  return {};
}

Result<void, Refusal> Intake::batch(proto::RunClass run_class, std::uint32_t count, ByteView metadata, ByteView payload,
                                    std::uint64_t metadata_checksum, std::uint64_t payload_checksum) const {
  if (count == 0) return failed(Refusal{ErrorCode::kBadField, "field count is 0: a batch has at least one message"});
  if (count > limits_.batch_messages_max)
    return failed(Refusal{ErrorCode::kBatchTooLarge, "the batch has " + std::to_string(count) + " messages and may have " +
                                                         std::to_string(limits_.batch_messages_max) + ": send fewer at once"});
  if (proto::section_checksum(metadata) != metadata_checksum)
    return failed(Refusal{ErrorCode::kChecksumMismatch, "the metadata section does not match its checksum: send it again"});
  if (proto::section_checksum(payload) != payload_checksum)
    return failed(Refusal{ErrorCode::kChecksumMismatch, "the payload section does not match its checksum: send it again"});
  const auto scheduled = proto::check_sections(metadata, payload, count, limits_.message_bytes_max);
  if (!scheduled) return failed(scheduled.error());
  if (*scheduled == (run_class == proto::RunClass::kScheduled ? count : 0)) return {};
  return failed(Refusal{ErrorCode::kBadField, "field run_class: " + std::to_string(*scheduled) + " of " + std::to_string(count) +
                                                  " messages say when they are due; all do in class 2, none in class 1"});
}

}  // namespace takt::transport
