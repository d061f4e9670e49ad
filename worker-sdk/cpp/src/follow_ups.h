#pragma once

#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/limits.h"
#include "proto/section.h"
#include "takt/worker.h"
#include "worker-sdk/cpp/src/consumer.h"
#include "worker-sdk/cpp/src/record_encoder.h"

namespace takt {

/// What the broker takes as the follow-ups of one message; written when it greets, read by handlers.
struct Context::Bounds {
  std::atomic<std::size_t> message_bytes_max{limits::message_bytes_default};
  std::atomic<std::size_t> batch_bytes_max{limits::batch_bytes_default};
  std::atomic<std::uint32_t> messages_max{limits::batch_messages_default};
};

/// What a handler sends with its ack: one batch per stream.
struct Context::FollowUps {
  std::map<sdk::Stream, proto::SectionBuilder> batches;
  std::size_t bytes = 0;      ///< of both sections
  std::uint32_t count = 0;
  sdk::RecordEncoder encoder;
};

/// Makes and empties contexts.
class ContextAccess {
 public:
  using Bounds = Context::Bounds;
  static Context make(const Delivered& message, std::string_view topic, std::string_view group, std::stop_token stop,
                      const Bounds& bounds) {
    Context context;
    context.message_ = message;
    context.topic_ = topic;
    context.group_ = group;
    context.stop_ = std::move(stop);
    context.bounds_ = &bounds;
    return context;
  }
  static std::vector<sdk::FollowUpBatch> take_follow_ups(Context& context);
};

class BatchOutcomeAccess {
 public:
  static std::vector<std::pair<std::size_t, Outcome>>& exceptions(BatchOutcome& outcome) { return outcome.exceptions_; }
};

}  // namespace takt
