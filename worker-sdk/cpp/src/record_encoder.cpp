#include "worker-sdk/cpp/src/record_encoder.h"

#include "proto/record.h"
#include "worker-sdk/cpp/src/stream.h"

namespace takt::sdk {

proto::RetryPolicy to_wire(const RetryPolicy& policy) {
  const auto ms = [](std::chrono::milliseconds span) { return static_cast<std::uint64_t>(span.count()); };
  proto::RetryPolicy wire;
  wire.backoff = static_cast<proto::Backoff>(static_cast<int>(policy.kind) + 1);
  wire.base_ms = ms(policy.base);
  wire.cap_ms = ms(policy.cap);
  for (const std::chrono::milliseconds delay : policy.delays) wire.delays_ms.push_back(ms(delay));
  wire.jitter_percent = policy.jitter_percent;
  wire.give_up_ms = ms(policy.give_up);
  wire.deaths_max = policy.deaths_max;
  return wire;
}

ByteView RecordEncoder::encode(std::string_view kind, const SendOptions& options) {
  if (options.tags.empty() && options.attributes.empty() && options.content_type.empty() && !is_scheduled(options) &&
      !options.attempts_max && !options.retry) {
    if (plain_.empty() || plain_kind_ != kind) {
      plain_kind_ = kind;
      plain_.clear();
      proto::RecordMetadata record;
      record.kind = plain_kind_;
      proto::append_record(plain_, record);
    }
    return plain_;
  }
  proto::RecordMetadata record;
  record.kind = kind;
  record.tags = options.tags;
  record.attributes = options.attributes;
  if (!options.content_type.empty()) record.content_type = options.content_type;
  if (options.delay.count() > 0) record.delay = options.delay;
  if (options.at) record.due = options.at->time;
  record.policy.attempts_max = options.attempts_max;
  if (options.retry) record.policy.retry = to_wire(*options.retry);
  full_.clear();
  proto::append_record(full_, record);
  return full_;
}

}  // namespace takt::sdk
