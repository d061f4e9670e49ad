#pragma once

#include <compare>
#include <string>

#include "proto/ids.h"
#include "proto/messages.h"
#include "takt/client.h"

namespace takt::sdk {

/// What messages of one batch have in common.
struct Stream {
  std::string topic;
  Lane lane;
  proto::RunClass run_class = proto::RunClass::kImmediate;
  friend auto operator<=>(const Stream&, const Stream&) = default;
};

inline bool is_scheduled(const SendOptions& options) { return options.delay.count() > 0 || options.at.has_value(); }
inline proto::RunClass class_of(const SendOptions& options) {
  return is_scheduled(options) ? proto::RunClass::kScheduled : proto::RunClass::kImmediate;
}
inline Stream stream_of(const SendOptions& options) { return {options.topic, Lane(options.priority), class_of(options)}; }

}  // namespace takt::sdk
