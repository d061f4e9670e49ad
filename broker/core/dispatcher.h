#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "broker/core/block_cache.h"
#include "broker/core/group_work.h"
#include "broker/core/journal.h"
#include "broker/core/outbox.h"
#include "broker/core/partition.h"
#include "broker/core/sessions.h"
#include "broker/core/unreadable.h"
#include "scheduler/deadline_queue.h"

namespace takt::core {

/// Hands messages to workers and takes them back: credits, leases, acks, failures, and who held what before a restart.
/// Everything here is the leader's memory; what must outlive it is staged in the journal.
class Dispatcher {
 public:
  Dispatcher(const PartitionSettings& settings, Journal& journal, Outbox& outbox, BlockCache& cache)
      : settings_(settings),
        journal_(journal),
        outbox_(outbox),
        cache_(cache) {}

  /// The term begins; what the state says may be out with workers waits for them from `now` on.
  void start(Now now);

  void open_session(const SessionUp& up);
  void end_session(const SessionLost& lost, Now now);
  Session* find_session(SessionId id);
  std::size_t session_count() const { return sessions_.size(); }
  std::size_t subscription_count() const { return subscription_count_; }
  std::uint64_t leased() const { return leased_; }
  /// How often a subscription with credit had to wait because as many leases were out as may be, its session's or all.
  std::uint64_t times_at_bound() const { return times_at_bound_; }
  /// Every lease from now on has this token or a later one.
  LeaseToken next_token() const { return make_token(journal_.state().epoch(), next_token_); }

  /// The group must be there. The caller has checked that `id` is unused in the session.
  Subscription& subscribe(Session& session, SubscriptionId id, TopicId topic, GroupId group, Now now);
  void unsubscribe(Subscription& subscription, Now now);
  void set_credit(Subscription& subscription, std::uint32_t messages, std::uint32_t bytes);
  /// Refused when another pull of the subscription still waits.
  Result<void, Refusal> pull(Subscription& subscription, CorrelationId correlation, const proto::Credit& credit, Now now);

  proto::Acked ack(Subscription& subscription, const std::vector<proto::AckEntry>& entries);
  /// Whether all of `runs` are open in the range: a Complete is all or nothing.
  bool holds(Subscription& subscription, Slot slot, LeaseToken token, const std::vector<proto::IndexRun>& runs);
  /// None: the lease is stale.
  std::optional<proto::Failed> fail(Subscription& subscription, const proto::Fail& fail, Now now);
  proto::Resumed resume(Subscription& subscription, const std::vector<proto::HeldRange>& held, Now now);

  /// The runs are of dead messages, which are owed again.
  void redrive(TopicId topic, GroupId group, Lane lane, const std::vector<OffsetRun>& runs, Now now);
  /// The runs are of dead messages, which are kept no longer.
  void purge(TopicId topic, GroupId group, Lane lane, std::vector<OffsetRun> runs, Now now);

  /// Messages of this lane became durable.
  void wake(TopicId topic);
  /// Offsets [from, until) of a lane that no block holds are gone: settled for every group that still has them open, but
  /// for those that a worker holds.
  void settle_missing(TopicId topic, Lane lane, Offset from, Offset until);
  /// The message is given up for the group, unless that has done it: what a worker makes of it is stale. Cost: where one has it, a
  /// look at every lease of the sessions.
  void withdraw(TopicId topic, GroupId group, Lane lane, Offset offset, Now now);
  /// What waits to be tried again waits no longer. False: it does not wait.
  bool hurry(TopicId topic, GroupId group, Lane lane, Offset offset, Now now);
  /// How the message stands with the group; its worker name_workers() knows.
  proto::GroupStatus status(const Topic& topic, const Group& group, Lane lane, Offset offset, Now now) const;
  /// Who has these leased messages, and since when. Cost: a look at every lease.
  struct LeasedMessage {
    TopicId topic;
    GroupId group;
    Lane lane;
    Offset offset;
    proto::GroupStatus* status = nullptr;
    friend bool operator<(const LeasedMessage& a, const LeasedMessage& b) {
      return std::tie(a.topic, a.group, a.lane, a.offset) < std::tie(b.topic, b.group, b.lane, b.offset);
    }
  };
  void name_workers(std::vector<LeasedMessage> leased, Now now) const;
  /// The stored bytes of [from, until) are damaged: nobody is lent them in this term.
  void pass_over(TopicId topic, Lane lane, Offset from, Offset until) { unreadable_.add(topic, lane, from, until); }
  const Unreadable& unreadable() const { return unreadable_; }
  /// The topic's groups have been dropped.
  void drop_topic(TopicId topic) { unreadable_.drop(topic); }
  /// Group or topic is about to be deleted: its subscriptions end and its leases become stale.
  void drop_group(TopicId topic, GroupId group);

  /// Lends what can be lent. Call when everything that is ready has been told.
  void serve(Time now);
  void tick(Now now);
  std::optional<Time> next_deadline() const { return timers_.next(); }

  /// Acks are staged, or a group stands at its lent hint: a commit is wanted.
  bool wants_commit() const { return !dirty_.empty(); }
  /// A group with credit and messages at hand stands at its lent hint.
  bool is_starving() const { return is_starving_; }
  /// Stages the Done events of the open commit, with their lent hints.
  void flush(Now now);

  const GroupWork* find_work(TopicId topic, GroupId group) const;
  /// How long the group has had no worker, counted from the term's start at the earliest; 0 when it has one.
  Duration alone_for(TopicId topic, GroupId group, Time now) const;

  /// As Partition's.
  std::optional<std::string> broken_invariant() const;

  /// Asks for a block unless it was asked for already.
  void request_load(TopicId topic, Lane lane, Offset from);
  void load_answered(TopicId topic, Lane lane, Offset from) { loading_.erase({topic, lane, from}); }

 private:
  struct TimerKey {
    enum class Kind : std::uint8_t { kRetry, kPull, kGrace, kHeld, kOldLeases };
    Kind kind;
    std::uint64_t a = 0, b = 0, c = 0, d = 0;
    friend bool operator==(const TimerKey&, const TimerKey&) = default;
  };
  struct TimerKeyHash {
    std::size_t operator()(const TimerKey& k) const noexcept;
  };
  struct Pick {
    OffsetRun run;
    std::uint32_t attempt = 1;
    Position after{};
    BlockPtr block;
    bool fresh = false;
    bool is_suspect = false;
  };
  enum class Nothing { kNoMessages, kLoading };
  struct Grant {
    std::uint32_t messages = 0;
    bool blocked = false;      ///< there is more, but not in memory yet or not under the lent hint
    bool too_large = false;    ///< there is more, but the next one is larger than the bytes of credit that are left
  };

  GroupWork& work(TopicId topic, GroupId group, Now now);
  void begin_lane(GroupWork& work, Lane lane, const TopicLane& topic_lane, Now now);
  void free_uncertain(LaneWork& lane, GroupLane& owed, Now now);
  void wake(GroupWork& work);
  void mark_dirty(GroupWork& work);

  void serve_woken(Time now);
  std::uint32_t lease_room(const Session& session) const;
  bool may_be_served_soon(const GroupWork& work) const;
  void serve(GroupWork& work, Time now);
  /// What to choose from: all that came back and what is fresh, or what is lent alone.
  enum class Among { kOrdinary, kSuspects };
  Grant grant(Subscription& subscription, std::uint32_t quantum, Among among, Time now);
  bool has_to_wait(GroupWork& work, Subscription& subscription);
  tl::expected<Pick, Nothing> pick(LaneWork& lane, GroupLane& owed, std::uint32_t limit, Among among, Time now);
  void choose_returned(LaneWork& lane, GroupLane& owed, std::uint32_t limit, Among among, Pick& pick);
  std::uint32_t fitting(const Pick& pick, std::uint32_t limit, std::uint64_t bytes, bool at_least_one) const;
  struct Given {
    Slot slot;
    LeaseToken token;
  };
  Given give(Subscription& subscription, LaneWork& lane, LeaseRange range, Time now);
  proto::DeliveredRange lend(Subscription& subscription, LaneWork& lane, const Pick& pick, std::uint64_t bytes, Time now);
  void end_pull(Subscription& subscription);
  void queue_for_credit(Subscription& subscription);

  void close_offsets(LeaseRange& range, std::uint32_t count);
  void release(Slot slot, LeaseRange& range);
  void revoke(LaneWork& lane, Offset offset);
  void lose(Slot slot, LeaseRange& range, Now now);
  bool is_void(const Group& group, LeaseToken token) const;
  /// How a delivery ended that did not finish its message.
  struct Ending {
    std::uint32_t code = 0;
    std::string text;
    std::string worker;
  };
  void fail_offset(LeaseRange& range, Offset offset, const Ending& ending, std::optional<std::chrono::milliseconds> delay,
                   const proto::MessagePolicy& policy, Now now);
  void lose_offset(LeaseRange& range, Offset offset, const Ending& ending, Now now);
  void postpone(LeaseRange& range, Offset offset, std::uint32_t attempts, const Ending& ending, std::chrono::milliseconds delay, Now now);
  void bury(LeaseRange& range, Offset offset, const Ending& ending, proto::DeadReason reason, Now now);
  void give_back(LaneWork& lane, OffsetRun run);
  void park(LaneWork& lane, Offset offset, WallTime due, Now now);
  void unpark(LaneWork& lane, Offset offset, Now now);
  void log_old_leases(Session& session, Now now);
  std::optional<std::string> broken_sum(const Session& session) const;
  std::optional<std::string> broken_lane(const LaneWork& lane, const std::map<Offset, SlabBits>& held) const;
  std::optional<std::string> broken_owing(const LaneWork& lane) const;
  Group& group_of(const GroupWork& work);
  GroupLane& owed_of(const LaneWork& lane);
  std::uint64_t ahead(const LaneWork& lane, Time now) const;
  /// What dues are measured by: the wall clock, but never before what the log has seen.
  WallTime partition_time(Now now) const { return std::max(now.wall, journal_.state().time()); }

  const PartitionSettings& settings_;
  Journal& journal_;
  Outbox& outbox_;
  BlockCache& cache_;

  Time started_{};
  WallTime term_time_{};       ///< partition time when the term began
  Epoch reclaimed_at_start_;   ///< what the state said when the term began
  std::uint64_t next_token_ = 1;
  std::unordered_map<SessionId, std::unique_ptr<Session>> sessions_;
  std::map<std::pair<TopicId, GroupId>, std::unique_ptr<GroupWork>> works_;
  std::deque<GroupWork*> woken_;
  std::deque<Subscription*> at_bound_;   ///< with credit, but as many leases are out as may be; in the order of their turns
  std::uint64_t times_at_bound_ = 0;
  bool room_made_ = false;               ///< a lease has ended since they were last gone through
  std::vector<GroupWork*> dirty_;
  bool is_starving_ = false;                  ///< since the last flush
  std::set<std::tuple<TopicId, Lane, Offset>> loading_;
  Unreadable unreadable_;
  DeadlineQueue<TimerKey, Time, TimerKeyHash> timers_;
  std::size_t subscription_count_ = 0;
  std::uint64_t leased_ = 0;
};

}  // namespace takt::core
