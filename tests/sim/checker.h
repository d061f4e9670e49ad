#pragma once
// What must hold, whatever happens. Compares what clients did and were told, what leaves and enters the broker, what its
// durable log says, and what goes from its disk. checker.cpp has the clients and the end, checker_edges.cpp what leaves
// and enters, checker_log.cpp the log and the disk.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/command.h"
#include "broker/core/stats.h"
#include "proto/codec.h"
#include "proto/section.h"
#include "tests/sim/counts.h"
#include "tests/sim/lease_book.h"
#include "tests/sim/log_view.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"
#include "worker-sdk/cpp/src/events.h"

namespace takt::sim {

/// One batch as its producer knows it.
struct BatchRecord {
  ProducerId producer;
  std::uint32_t epoch = 1;
  std::string topic;
  Lane lane;
  std::vector<Value> values;
  bool is_relaxed = false;                            ///< acks=0: nothing is promised
  enum class Fate : std::uint8_t { kOpen, kStored, kRefused, kUnknown } fate = Fate::kOpen;
  std::set<Sequence> sequences;                       ///< under which it reached the shard
  bool is_repeated = false;                           ///< the network sent it again: its producer's last answer is not the last word
};

class Checker {
 public:
  Checker(World& world, const Options& options);

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
  /// The network repeats a request, of which the client knows nothing.
  void repeating(const std::vector<SharedBytes>& frames);
  void stored(std::uint64_t batch, const sdk::BatchStored& answer);
  void not_stored(std::uint64_t batch, ErrorOutcome outcome);
  void executing(Value value, const GroupName& group);
  void handled(Value value, const GroupName& group) { handled_.insert({value, group}); }
  void completed(Value parent, const GroupName& group);
  /// kChanging: new settings of the topic were asked for and are not confirmed; the broker goes by them before they are durable.
  enum class Settings : std::uint8_t { kConfirmed, kChanging };
  void peeked(const proto::Peek& peek, const proto::Peeked& answer, const proto::SectionView& messages, Settings settings);
  void listed(const proto::Topics& topics);
  void listed(const proto::Groups& groups);
  void listed(const proto::ListDead& asked, const proto::DeadListed& dead);
  /// Asked when the log ended at `end`.
  void steering(const proto::ChangeMessages& change);
  void changing(const proto::ChangeDead& change);
  void steered(const proto::MessagesChanged& answer, Position end);

  // ---- the broker's edges
  void departing(ConnectionId connection, const std::vector<SharedBytes>& frames);
  void arrived(ConnectionId connection, const std::vector<SharedBytes>& frames);
  void command(const core::Command& command);
  void durable(const core::Commit& commit, const core::PartitionUuid& partition);
  /// The log's front goes up to `until`; `is_carried` tells whether the tables have a message.
  void freeing(Position until, const std::function<bool(TopicId, Lane, Offset)>& is_carried);
  void process_ends() { book_.process_ends(); }
  void term_ends() { book_.term_ends(); }
  void term_begins();
  /// Counts of a partition where everything is committed.
  void audit(const core::PartitionStats& stats);

  const std::vector<core::Commit>& log() const { return log_; }
  const LogView& view() const { return view_; }
  /// Every group has everything done.
  bool is_drained() const { return view_.is_drained(); }
  std::string leftovers() const;
  /// Faults are over, queues are drained: what was promised has happened.
  void finish();

 private:
  // checker.cpp
  /// Every group has done it, or somebody is on the way to say so.
  bool is_handled(const TopicView& topic, Lane lane, std::uint64_t offset) const;

  // checker_edges.cpp
  void on(ConnectionId connection, CorrelationId, const proto::HelloReply& reply) { book_.greeted(connection, reply.session); }
  void on(ConnectionId, CorrelationId, const proto::Published& reply);
  void on(ConnectionId, CorrelationId, const proto::Completed& reply);
  void on(ConnectionId connection, CorrelationId, const proto::Subscribed& reply) { book_.subscribed(connection, reply.subscription); }
  void on(ConnectionId connection, CorrelationId correlation, const proto::Unsubscribed& reply);
  void on(ConnectionId connection, CorrelationId, const proto::Acked& reply);
  void on(ConnectionId connection, CorrelationId, const proto::Resumed& reply);
  void on(ConnectionId, CorrelationId, const proto::Error& reply);
  void on(ConnectionId connection, const proto::Deliver& reply, const std::vector<SharedBytes>& frames);
  void deliver(const GroupName& name, const Spot* spot, Lane lane, Offset offset, Position position, ByteView payload,
               std::uint32_t attempt);
  void hand_out(ConnectionId connection, const Spot& spot, LeaseToken token);
  template <class Each>
  void each_acked(ConnectionId connection, const std::vector<proto::AckEntry>& entries, Each each);
  std::string text_of(const Spot& spot) const;
  std::string ack_of(const Spot& spot) const { return "the ack of " + text_of(spot); }

  // checker_log.cpp
  /// What one commit ends: messages, and groups with all they owed.
  struct Ended {
    std::set<std::pair<Value, GroupName>> done;
    std::set<GroupName> groups;
  };
  bool may_follow_again(Value value, LogTime stored) const;
  void durable_run(const core::RunView& run, Ended& ended);
  void on_batch(const core::RunView& run);
  void on_event(const core::Event& event, Position position, Ended& ended);
  void on_done(TopicId topic, GroupId group, Lane lane, Offset offset);
  void on_group_made(const core::GroupPut& e);
  /// Too young to go, or among the newest, as its topic's settings have been at all times.
  bool is_kept(const TopicView& topic, const TopicLog& log, std::uint64_t offset) const;
  void check_follow_ups(const core::RunView& run, const Ended& ended);
  bool is_excused(const Stored& message, const GroupView& group) const { return message.freeable != 0 && message.freeable < group.made; }

  World& world_;
  const Options& options_;
  std::optional<std::string> violation_;
  proto::Decoder decoder_;
  LogView view_;
  LeaseBook book_{view_};
  std::vector<core::Commit> log_;
  Position freed_;

  Value last_value_ = 0;
  std::unordered_map<std::uint64_t, BatchRecord> batches_;
  std::unordered_map<Value, std::uint64_t> batch_of_;
  struct Parent {
    Value value;
    GroupName group;
  };
  std::map<std::pair<Value, GroupName>, std::vector<Value>> follow_ups_;
  std::unordered_map<Value, Parent> parent_of_;
  std::set<std::pair<Value, GroupName>> handled_;
  std::set<std::pair<Value, GroupName>> executed_;
  std::set<Spot> confirmed_;                           ///< the worker knows that its ack is durable
  std::set<std::pair<ConnectionId, LeaseToken>> arrived_;
  /// In the log, not renumbered; scheduled ones have an order of their own.
  std::map<std::tuple<ProducerId, std::uint32_t, std::string, Lane, proto::RunClass>, std::uint64_t> last_batch_;
  std::set<Position> may_be_cancelled_, may_be_hurried_;   ///< people asked for it
  std::set<GroupName> may_be_purged_;
  /// With which `from` a group was ever asked for.
  std::set<GroupName> asked_from_earliest_, asked_from_now_;
};

}  // namespace takt::sim
