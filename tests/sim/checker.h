#pragma once
// What must hold, whatever happens. Compares what clients did and were told, what leaves and enters the broker, and what
// its durable log says.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/stats.h"
#include "proto/codec.h"
#include "tests/sim/lease_book.h"
#include "tests/sim/log_view.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt::sim {

/// One batch as its producer knows it.
struct BatchRecord {
  ProducerId producer;
  std::string topic;
  Lane lane;
  std::vector<Value> values;
  bool is_relaxed = false;                            ///< acks=0: nothing is promised
  enum class Fate : std::uint8_t { kOpen, kStored, kRefused, kUnknown } fate = Fate::kOpen;
  std::set<Sequence> sequences;                       ///< under which it reached the shard
};

struct Counts {
  std::uint64_t batches = 0, messages = 0, stored = 0, refused = 0, unknown = 0;
  std::uint64_t delivered = 0, executed = 0, acked = 0, stale = 0, completed = 0, failed = 0, dead = 0;
  std::uint64_t crashes = 0, reloads = 0, drains = 0, cuts = 0, worker_deaths = 0, freezes = 0, leaves = 0, producer_deaths = 0;
  std::uint64_t held_back = 0, resumed = 0, repeats = 0, commits = 0, checkpoints = 0, frees = 0, carried = 0, loads = 0;
};

class Checker {
 public:
  Checker(World& world, const Options& options) : world_(world), options_(options) {}

  /// The first thing that did not hold.
  const std::optional<std::string>& violation() const { return violation_; }
  void fail(const std::string& what);
  Counts counts;

  // ---- clients
  Value new_value() { return ++last_value_; }
  /// The messages that finishing `parent` in `group` sends: the same however often it is tried.
  std::vector<Value> follow_ups(Value parent, const GroupName& group);
  /// Gives the batch's number: batches of one producer, topic and lane are sent in the order of their numbers.
  std::uint64_t sending(BatchRecord batch);
  void stored(std::uint64_t batch, const sdk::BatchStored& answer);
  void not_stored(std::uint64_t batch, ErrorOutcome outcome);
  void executing(Value value, const GroupName& group);
  void handled(Value value, const GroupName& group) { handled_.insert({value, group}); }
  void completed(Value parent, const GroupName& group);

  // ---- the broker's edges
  void departing(ConnectionId connection, const std::vector<SharedBytes>& frames);
  void arrived(ConnectionId connection, const std::vector<SharedBytes>& frames);
  void command(const core::Command& command);
  void durable(const core::Commit& commit, const core::PartitionUuid& partition);
  void process_ends() { book_.process_ends(); }
  void term_ends() { book_.term_ends(); }
  void term_begins();
  /// Counts of a partition where everything is committed.
  void audit(const core::PartitionStats& stats);

  const std::vector<core::Commit>& log() const { return log_; }
  const LogView& view() const { return view_; }
  /// Every group has everything done.
  bool is_drained() const;
  std::string leftovers() const;
  /// Faults are over, queues are drained: what was promised has happened.
  void finish();

 private:
  void on(ConnectionId connection, CorrelationId, const proto::HelloReply& reply) { book_.greeted(connection, reply.session); }
  void on(ConnectionId, CorrelationId, const proto::Published& reply);
  void on(ConnectionId, CorrelationId, const proto::Completed& reply);
  void on(ConnectionId connection, CorrelationId, const proto::Acked& reply);
  void on(ConnectionId connection, CorrelationId, const proto::Resumed& reply);
  void on(ConnectionId connection, const proto::Deliver& reply, const std::vector<SharedBytes>& frames);
  void hand_out(ConnectionId connection, const Spot& spot, LeaseToken token);
  void on_batch(const core::RunView& run);
  void on_done(TopicId topic, GroupId group, Lane lane, Offset offset);
  void durable_run(const core::RunView& run, std::set<Spot>& done);
  template <class Each>
  void each_acked(ConnectionId connection, const std::vector<proto::AckEntry>& entries, Each each);
  std::string ack_of(const Spot& spot) const { return "the ack of " + text_of(spot); }

  World& world_;
  const Options& options_;
  std::optional<std::string> violation_;
  proto::Decoder decoder_;
  LogView view_;
  LeaseBook book_;
  std::vector<core::Commit> log_;

  Value last_value_ = 0;
  std::map<std::uint64_t, BatchRecord> batches_;
  std::map<Value, std::uint64_t> batch_of_;
  struct Parent {
    Value value;
    GroupName group;
  };
  std::map<std::pair<Value, GroupName>, std::vector<Value>> follow_ups_;
  std::map<Value, Parent> parent_of_;
  std::set<std::pair<Value, GroupName>> handled_;
  std::set<std::pair<Value, GroupName>> executed_;
  std::set<Spot> confirmed_;                           ///< the worker knows that its ack is durable
  std::set<std::pair<ConnectionId, LeaseToken>> arrived_;
  std::map<std::tuple<ProducerId, std::string, Lane>, std::uint64_t> last_batch_;   ///< in the log, not renumbered
};

}  // namespace takt::sim
