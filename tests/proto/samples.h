#pragma once
// One value of every message, with every field set to something telling: golden vectors and hostile tests start here.

#include <vector>

#include "proto/codec.h"
#include "proto/section.h"

namespace takt::proto {

std::vector<DecodedRequest> request_samples();
std::vector<DecodedReply> reply_samples();

/// A publish of section_sample(), to be encoded with it in one frame.
DecodedRequest publish_sample_in_one_frame();

/// Two messages: kind `thumbnail` with tags and attributes, and kind `crop` with nothing but its kind.
Sections schedule_section_sample();   ///< of put_schedule: one message
Sections section_sample();

}  // namespace takt::proto
