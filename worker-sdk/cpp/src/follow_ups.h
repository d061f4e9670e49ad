#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/section.h"
#include "takt/worker.h"
#include "worker-sdk/cpp/src/consumer.h"
#include "worker-sdk/cpp/src/record_encoder.h"

namespace takt {

/// What a handler sends with its ack: one batch per topic and lane.
struct Context::FollowUps {
  std::map<std::pair<std::string, Lane>, proto::SectionBuilder> batches;
  std::size_t bytes = 0;
  sdk::RecordEncoder encoder;
};

/// Makes and empties contexts.
class ContextAccess {
 public:
  static Context make(const Delivered& message, std::string_view topic, std::string_view group, std::stop_token stop) {
    Context context;
    context.message_ = message;
    context.topic_ = topic;
    context.group_ = group;
    context.stop_ = std::move(stop);
    return context;
  }
  static std::vector<sdk::FollowUpBatch> take_follow_ups(Context& context);
};

class BatchOutcomeAccess {
 public:
  static std::vector<std::pair<std::size_t, Outcome>>& exceptions(BatchOutcome& outcome) { return outcome.exceptions_; }
};

}  // namespace takt
