#include "worker-sdk/cpp/src/record_encoder.h"

#include "proto/record.h"
#include "worker-sdk/cpp/src/stream.h"

namespace takt::sdk {

ByteView RecordEncoder::encode(std::string_view kind, const SendOptions& options) {
  if (options.tags.empty() && options.attributes.empty() && options.content_type.empty() && !is_scheduled(options)) {
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
  full_.clear();
  proto::append_record(full_, record);
  return full_;
}

}  // namespace takt::sdk
