#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/failing.h"
#include "proto/shared_bytes.h"
#include "takt/client.h"

namespace takt::sdk {

/// `policy` has passed check_retry().
proto::RetryPolicy to_wire(const RetryPolicy& policy);

/// Makes a message's metadata. Most messages have a kind and nothing else, often the same one many times: that form is
/// kept. The view lives until the next call. Thread: one at a time.
class RecordEncoder {
 public:
  ByteView encode(std::string_view kind, const SendOptions& options);

 private:
  std::string plain_kind_;
  std::vector<std::byte> plain_;
  std::vector<std::byte> full_;
};

}  // namespace takt::sdk
