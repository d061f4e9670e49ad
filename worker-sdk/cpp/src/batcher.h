#pragma once
// Collects messages into batches, one open batch per stream.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/section.h"
#include "proto/time.h"
#include "takt/client.h"
#include "worker-sdk/cpp/src/events.h"
#include "worker-sdk/cpp/src/stream.h"

namespace takt::sdk {

struct OpenBatch {
  BatchId id;
  Stream stream;
  proto::SectionBuilder sections;
  std::vector<std::pair<std::uint32_t, SendCallback>> callbacks;  ///< of the messages that have one, by index
  std::size_t bytes = 0;                                          ///< what it counts for in the buffer
  Time opened;
  bool urgent = false;                                            ///< somebody waits: leaves at the next chance
};

/// Pure; not thread-safe, the client holds its lock.
class Batcher {
 public:
  struct Bounds {
    Duration linger = std::chrono::milliseconds(1);
    std::size_t bytes = 256 * 1024;
    std::uint32_t messages = 10'000;
  };
  explicit Batcher(Bounds bounds) : bounds_(bounds) {}

  enum class Urgency { kMayLinger, kNow };
  struct Added {
    BatchId batch;
    bool opened = false;   ///< it is the first of its batch
    bool sealed = false;   ///< a batch became ready
  };
  Added add(const Stream& stream, ByteView metadata, ByteView payload, SendCallback callback, Urgency urgency, Time now);
  /// Every open batch is due.
  void hurry();
  /// Batches that are full, urgent or have lingered long enough, in the order in which they were opened.
  /// What is ready next is collected in an empty `spare`: whoever gives back what it took before saves allocations.
  std::vector<OpenBatch> take_ready(Time now, std::vector<OpenBatch> spare = {});
  std::vector<OpenBatch> take_all(std::vector<OpenBatch> spare = {});
  /// When the next open batch will have lingered long enough.
  std::optional<Time> next_deadline() const;
  BatchId last_batch() const { return BatchId(last_id_); }
  void messages_max(std::uint32_t messages) { bounds_.messages = messages; }
  void bytes_max(std::size_t bytes) { bounds_.bytes = bytes; }
  /// Full or urgent batches only.
  std::vector<OpenBatch> take_full(std::vector<OpenBatch> spare = {});

  /// What one message takes in the buffer.
  static std::size_t message_bytes(ByteView metadata, ByteView payload) {
    return metadata.size() + payload.size() + proto::section_entry_bytes;
  }

 private:
  template <class Due>
  std::vector<OpenBatch> take_where(std::vector<OpenBatch> spare, Due due);

  Bounds bounds_;
  std::map<Stream, OpenBatch> open_;
  std::vector<OpenBatch> full_;
  std::uint64_t last_id_ = 0;
};

}  // namespace takt::sdk
