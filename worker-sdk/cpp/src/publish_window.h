#pragma once
// The batches that were accepted and not yet answered: numbered, sent, sent again under the same number, given up.

#include <map>
#include <optional>
#include <set>

#include "proto/sorted_deque.h"
#include "worker-sdk/cpp/src/outlet.h"
#include "worker-sdk/cpp/src/stream.h"

namespace takt::sdk {

/// One batch, its sections already on the wire's form.
struct Batch {
  BatchId id;
  Stream stream;
  proto::Acks acks = proto::Acks::kAll;
  std::uint32_t count = 0;
  SharedBytes metadata;
  SharedBytes payload;
  Time deadline;              ///< of everything: then it is failed, or unknown when it may have been stored

  std::size_t bytes() const { return metadata.size() + payload.size(); }
};

/// Counts batches and completes per partition, from 1.
class Sequencer {
 public:
  Sequence next(PartitionId partition) { return Sequence(++last_[partition.value]); }

 private:
  std::map<std::uint32_t, std::uint64_t> last_;
};

/// Rules: a number is kept over every retry, because only the number tells a repeat from a new batch; it changes only
/// when the broker says out_of_sequence, which means that it was not stored. Batches leave in the order of publish(),
/// except that a refused one waits while those of other streams pass.
class PublishWindow {
 public:
  struct Bounds {
    std::uint32_t batches_max = 64;
    std::size_t bytes_max = 16u << 20;       ///< one batch is always let through
  };
  PublishWindow(ProducerId producer, Bounds bounds, Outlet& outlet, Sequencer& sequencer)
      : producer_(producer),
        bounds_(bounds),
        outlet_(outlet),
        sequencer_(sequencer) {}

  void publish(Batch batch);
  /// A live link with `partitions`; everything unanswered leaves again, in order.
  void link_up(std::uint32_t partitions);
  void link_down(std::string_view why);
  /// The requests from `first` on are stored; those that nobody waits for any more are passed over.
  void answered(CorrelationId first, const proto::Published& published);
  /// `ours`: it was one of these; `reconnect` asks for a new session.
  struct Refused {
    bool ours = false;
    bool reconnect = false;
  };
  Refused refused(CorrelationId correlation, const proto::Error& error, Time now);
  /// The network has taken every frame sent so far: batches with acks=0 are answered, which makes room for the next.
  void handed_over();
  /// Sends what may leave, gives up what is over its deadline.
  void advance(Time now);
  std::optional<Time> next_deadline() const;
  /// Fails all: unknown_outcome when it may have been stored, else `code`.
  void abandon(ErrorCode code, const std::string& message);

  std::size_t size() const { return pending_.size(); }
  std::uint64_t resent() const { return resent_; }

 private:
  using Order = std::uint64_t;
  struct Pending {
    Batch batch;
    PartitionId partition;
    std::optional<Sequence> sequence;
    std::uint64_t metadata_checksum = 0;
    std::uint64_t payload_checksum = 0;
    std::optional<CorrelationId> in_flight;  ///< of this link
    std::optional<Time> not_before;          ///< refused, waits
    unsigned tries = 0;
    bool ambiguous = false;                  ///< an attempt's fate is unknown: only its number's answer can tell
    std::optional<Error> refusal;            ///< the last one
  };

  struct Flying {
    CorrelationId correlation;
    Order order = 0;
    friend bool operator<(const Flying& a, const Flying& b) { return a.correlation < b.correlation; }
    friend bool operator<(const Flying& a, CorrelationId b) { return a.correlation < b; }
    friend bool operator<(CorrelationId a, const Flying& b) { return a < b.correlation; }
  };

  bool has_room(const Pending& next) const;
  bool held_back(const Pending& next) const;
  void send(Order order, Pending& one);
  void settle(Order order);
  void fail(Order order, Error error);
  void wait_until(Order order, Pending& one, Time when);
  void unfly(Pending& one);
  Error over_deadline(const Pending& one) const;

  const ProducerId producer_;
  const Bounds bounds_;
  Outlet& outlet_;
  Sequencer& sequencer_;

  std::map<Order, Pending> pending_;
  SortedDeque<Order> unsent_;
  std::set<Order> waiting_;
  SortedDeque<std::pair<Time, Order>> deadlines_;
  SortedDeque<Flying> in_flight_;
  std::vector<Order> unheard_;               ///< in flight with acks=0, frames not taken yet
  std::size_t bytes_in_flight_ = 0;
  Order last_order_ = 0;
  std::uint32_t partitions_ = 0;             ///< 0: no link
  std::uint32_t next_partition_ = 0;
  std::string link_trouble_ = "no connection yet";
  std::uint64_t resent_ = 0;
};

}  // namespace takt::sdk
