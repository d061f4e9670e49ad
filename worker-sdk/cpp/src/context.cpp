// What a handler sees: Delivered and Context.

#include "proto/limits.h"
#include "proto/record.h"
#include "worker-sdk/cpp/src/follow_ups.h"
#include "worker-sdk/cpp/src/refusal.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

constexpr std::size_t follow_up_batches_max = 64;

std::size_t byte_at(std::span<const std::byte> bytes, std::size_t at) { return std::to_integer<std::size_t>(bytes[at]); }

/// The first element of the record's array, which is its kind; empty when the bytes are no record.
std::string_view first_string(std::span<const std::byte> record) {
  std::size_t at = 0;
  if (record.empty()) return {};
  if ((byte_at(record, 0) & 0xF0) == 0x90) {
    at = 1;
  } else if (byte_at(record, 0) == 0xDC) {
    at = 3;
  } else {
    return {};
  }
  if (at >= record.size()) return {};
  const std::size_t head = byte_at(record, at++);
  std::size_t length = 0;
  if ((head & 0xE0) == 0xA0) {
    length = head & 0x1F;
  } else if (head == 0xD9 && at < record.size()) {
    length = byte_at(record, at++);
  } else if (head == 0xDA && at + 1 < record.size()) {
    length = byte_at(record, at) << 8 | byte_at(record, at + 1);
    at += 2;
  } else {
    return {};
  }
  if (at + length > record.size()) return {};
  return as_text(record.subspan(at, length));
}

proto::RecordMetadata decode(std::span<const std::byte> metadata) {
  auto record = proto::decode_record(metadata);
  return record ? std::move(*record) : proto::RecordMetadata{};
}

auto too_many(std::size_t at_most, std::string_view unit) {
  return tl::make_unexpected(sdk::make_error(ErrorCode::kBatchTooLarge,
                                             "the follow-ups of one message may be " + std::to_string(at_most) + " " + std::string(unit) +
                                                 " together; send the rest as their follow-ups",
                                             ErrorOutcome::kRefused));
}

}  // namespace

std::string_view Delivered::kind() const { return first_string(metadata_); }
std::vector<std::string> Delivered::tags() const { return decode(metadata_).tags; }
Attributes Delivered::attributes() const { return decode(metadata_).attributes; }
std::string Delivered::content_type() const { return decode(metadata_).content_type.value_or(""); }

std::optional<Occurrence> Delivered::occurrence() const {
  proto::RecordMetadata record = decode(metadata_);
  if (!record.schedule || !record.planned) return std::nullopt;
  return Occurrence{std::move(*record.schedule), *record.planned};
}

std::string Occurrence::id() const {
  const auto day = std::chrono::floor<std::chrono::days>(planned.time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(planned.time - day);
  char text[64];
  std::snprintf(text, sizeof(text), "@%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  std::string id = schedule + text;
  if (const auto ms = time.subseconds().count(); ms != 0) {
    std::snprintf(text, sizeof(text), ".%03d", static_cast<int>(ms));
    id += text;
  }
  return id + "Z";
}

std::optional<Attribute> Delivered::attribute(std::string_view name) const {
  for (auto& [key, value] : decode(metadata_).attributes) {
    if (key == name) return std::move(value);
  }
  return std::nullopt;
}

void Context::FollowUpsDelete::operator()(FollowUps* follow_ups) const { delete follow_ups; }

Result<void> Context::send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options) {
  static const Bounds of_no_worker;  // a handler may be tried with a context of its own
  const Bounds& bounds = bounds_ == nullptr ? of_no_worker : *bounds_;
  if (auto error = sdk::check_message(kind, payload.size(), options, bounds.message_bytes_max))
    return tl::make_unexpected(std::move(*error));
  if (!follow_ups_) follow_ups_.reset(new FollowUps);
  const sdk::Stream key = sdk::stream_of(options);
  if (follow_ups_->batches.size() == follow_up_batches_max && !follow_ups_->batches.contains(key)) {
    return tl::make_unexpected(
        sdk::bad_option("SendOptions.topic", "the follow-ups of one message go to at most 64 topics and priorities"));
  }
  const ByteView metadata = follow_ups_->encoder.encode(kind, options);
  if (auto error = sdk::check_metadata(metadata.size())) return tl::make_unexpected(std::move(*error));
  const std::size_t bytes = metadata.size() + payload.size() + proto::section_entry_bytes;
  if (follow_ups_->bytes + bytes > bounds.batch_bytes_max) return too_many(bounds.batch_bytes_max, "bytes");
  if (follow_ups_->count >= bounds.messages_max) return too_many(bounds.messages_max, "messages");
  follow_ups_->bytes += bytes;
  ++follow_ups_->count;
  follow_ups_->batches[key].add(metadata, payload);
  return {};
}

std::vector<sdk::FollowUpBatch> ContextAccess::take_follow_ups(Context& context) {
  std::vector<sdk::FollowUpBatch> batches;
  if (!context.follow_ups_) return batches;
  for (auto& [key, builder] : context.follow_ups_->batches) {
    const std::uint32_t count = builder.count();
    proto::Sections sections = builder.take();
    batches.push_back({key, count, std::move(sections.metadata), std::move(sections.payload)});
  }
  context.follow_ups_.reset();
  return batches;
}

}  // namespace takt
