#pragma once
// The inside of Partition, split over partition.cpp (its life), decide.cpp (requests), listing.cpp (what people see)
// and retention.cpp (what the log's front still owes).

#include <array>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "broker/core/dispatcher.h"
#include "broker/core/partition.h"

namespace takt::core {

Refusal unknown_topic(const std::string& topic);

class Partition::Body {
 public:
  explicit Body(const PartitionSettings& settings)
      : settings_(settings),
        cache_(settings.tail_cache_bytes),
        dispatcher_(settings_, journal_, outbox_, cache_) {}

  // The rest of Partition's members, one for one.
  Result<void, Corruption> load_row(Table table, std::string_view key, std::string_view value) {
    return journal_.state().load_row(table, key, value);
  }
  Result<void, Corruption> replay(const CommitView& commit);
  void start(Now now);
  void handle(Command&& command, Now now);
  void tick(Now now);
  std::optional<Time> next_deadline() const;
  std::size_t staged_bytes() const;
  std::optional<Time> seal_due() const;
  std::optional<Commit> seal(Now now);
  void committed(Position end, Now now);
  Position end() const { return journal_.next(); }
  Position committed_end() const { return outbox_.committed(); }
  std::optional<WallTime> time() const { return end() == Position() ? std::nullopt : std::optional(journal_.state().time()); }
  std::vector<Effect> take_effects();
  Checkpoint freeze();
  std::size_t made() const { return journal_.state().made(); }
  bool wants_freeze() const { return journal_.state().wheel().wants_freeze(); }
  bool is_behind() const { return journal_.state().wheel().is_behind(); }
  std::uint64_t waiting() const { return journal_.state().wheel().armed(); }
  const std::optional<Corruption>& damage() const { return damage_; }
  void checkpointed();
  std::vector<LiveStretch> live(std::span<const FrontRun> runs, Now now);
  std::vector<Effect> abandon();
  void store_room(StoreRoom room) { room_ = room; }
  PartitionStats stats() const;
  std::uint64_t digest() const { return journal_.state().digest(); }
  std::optional<std::string> broken_invariant() const;
  void loaded_to(Position end) { journal_.resume_at(end); }

 private:
  struct PendingPeek {
    SessionId session;
    CorrelationId correlation;
    TopicId topic;
    Lane lane;
    Offset from;
    std::uint32_t messages_max = 0;
    std::uint64_t bytes_max = 0;
  };
  /// Thousands may wait for one message, and whoever wants something else must not wait for them: they are gone through
  /// some at a time, in the order in which they came.
  struct PeekPass {
    std::uint64_t next = 0;
    bool is_wanted_again = false;   ///< more came meanwhile
  };
  struct TopicCounters {
    std::uint64_t enqueued = 0, enqueued_bytes = 0, deduplicated = 0, fired = 0, cancelled = 0, rescheduled = 0;
  };
  /// `count` messages that were due then.
  struct FiredDue {
    WallTime due;
    std::uint64_t count = 0;
    Position commit_end;
  };
  struct SealedLane {
    Position commit_end;
    TopicId topic;
    Lane lane;
    Offset end;
  };

  // partition.cpp
  void close_commit(Now now);
  void leave_old_commit(Now now);
  void on(SessionUp&& up, Now now);
  void on(SessionLost&& lost, Now now);
  void on(BlocksLoaded&& loaded, Now now);
  void on(TimersLoaded&& loaded, Now now);
  void on(MessagesFound&& found, Now now);   // steering.cpp
  void on(ClientRequest&& request, Now now);

  // decide.cpp: one per request type; `request` gives the address and the sections.
  void decide(Session&, ClientRequest& request, proto::Publish& publish, Now now);
  void decide(Session&, ClientRequest& request, proto::Complete& complete, Now now);
  void decide(Session&, ClientRequest& request, proto::Subscribe& subscribe, Now now);
  void decide(Session&, ClientRequest& request, proto::Unsubscribe& unsubscribe, Now now);
  void decide(Session&, ClientRequest& request, proto::Credit& credit, Now now);
  void decide(Session&, ClientRequest& request, proto::Ack& ack, Now now);
  void decide(Session&, ClientRequest& request, proto::Fail& fail, Now now);
  void decide(Session&, ClientRequest& request, proto::Resume& resume, Now now);
  void decide(Session&, ClientRequest& request, proto::ListTopics& list, Now now);
  void decide(Session&, ClientRequest& request, proto::PutTopic& put, Now now);
  void decide(Session&, ClientRequest& request, proto::DeleteTopic& remove, Now now);
  void decide(Session&, ClientRequest& request, proto::ListGroups& list, Now now);
  void decide(Session&, ClientRequest& request, proto::PutGroup& put, Now now);
  void decide(Session&, ClientRequest& request, proto::DeleteGroup& remove, Now now);
  void decide(Session&, ClientRequest& request, proto::Peek& peek, Now now);
  void decide(Session&, ClientRequest& request, proto::ListDead& list, Now now);      // dead_letters.cpp
  void decide(Session&, ClientRequest& request, proto::ChangeDead& change, Now now);
  void decide(Session&, ClientRequest& request, proto::ChangeMessages& change, Now now);   // steering.cpp
  // schedule_requests.cpp
  void decide(Session&, ClientRequest& request, proto::PutSchedule& put, Now now);
  void decide(Session&, ClientRequest& request, proto::DeleteSchedule& remove, Now now);
  void decide(Session&, ClientRequest& request, proto::ListSchedules& list, Now now);
  void decide(Session&, ClientRequest& request, proto::ShowSchedule& show, Now now);
  void decide(Session&, ClientRequest& request, proto::PauseSchedule& pause, Now now);
  void decide(Session&, ClientRequest& request, proto::TriggerSchedule& trigger, Now now);
  template <class Answered>   // by the gateway
  void decide(Session&, ClientRequest& request, Answered&, Now) {
    refuse(request, {ErrorCode::kUnknownType, "this request is answered by the gateway"});
  }

  /// Leaves when all that is staged now is durable; at once when nothing is.
  enum class Haste { kNow, kWithAcks };
  void answer(const ClientRequest& request, proto::Reply reply, Haste haste = Haste::kNow);
  /// Counts, and answers a request that has replies.
  void refuse(const ClientRequest& request, Refusal refusal);
  Result<void, Refusal> check_room(const std::string& topic, std::size_t bytes) const;
  Result<TopicId, Refusal> ensure_topic(const std::string& name, Now now);
  /// Asked before topics, groups and producers are made.
  Result<void, Refusal> check_made(std::size_t count = 1) const;
  /// A producer that is not known yet needs a place among those that are remembered.
  Result<void, Refusal> ensure_producer_room(ProducerId producer, Now now);
  /// Asked before its topic is made, so that a refusal leaves none behind.
  Result<void, Refusal> check_group_room(const std::string& topic, const std::string& group);
  struct NamedGroup {
    Topic* topic;
    const Group* group;
  };
  Result<NamedGroup, Refusal> find_group(const std::string& topic, const std::string& group);
  GroupId ensure_group(TopicId topic, const std::string& name, proto::StartFrom from, Now now);
  /// The subscription that a request names in this session, or null after refusing.
  Subscription* subscription_of(Session& session, const ClientRequest& request, SubscriptionId id);
  /// The earlier answer's place when this sequence was seen, none when it is new.
  Result<std::optional<RememberedBatch>, Refusal> seen_before(ProducerId producer, std::uint32_t epoch, Sequence sequence) const;
  void count_fired(TopicId topic, WallTime due);
  /// For the lateness, once it is durable.
  void note_fired(WallTime due);
  void count_enqueued(TopicId topic, std::uint64_t messages, std::uint64_t bytes);
  bool answer_peek(const PendingPeek& peek, bool waited_out);
  void retry_peeks(TopicId topic, Lane lane);
  /// Goes on where it stopped, for at most `room` peeks; true when it has come through.
  bool go_on(std::pair<TopicId, Lane> lane, PeekPass& pass, std::size_t& room);
  void tick_peeks(Time now);
  void forget_peek(std::uint64_t id);
  void forget_peeks(SessionId session);
  void drop_topic_memory(TopicId topic);

  // firing.cpp
  void turn_wheel(Now now);
  void load_timers();
  std::optional<Time> next_firing() const;
  /// What dues are measured by: the wall clock, but never before what the log has seen.
  WallTime partition_time(Now now) const { return std::max(now.wall, journal_.state().time()); }

  // recurring.cpp
  void start_schedules(Now now);
  void turn_schedules(Now now);
  bool take_turn(ScheduleId id, Now now);
  Result<CronFire, Refusal> stage_occurrence(const Schedule& schedule, CronFire fire, Now now);
  Result<FiredMessage, Refusal> send_occurrence(const Schedule& schedule, WallTime planned, Now now);
  static std::vector<std::byte> occurrence_record(const std::string& schedule, const std::string& message, WallTime planned);
  bool is_done(const FiredMessage& message, const std::string& group);
  void give_up(const FiredMessage& message, const std::string& group, Now now);
  proto::Outcome beside_the_last(const Schedule& schedule, proto::Outcome wanted);

  // retention.cpp
  void retain_fired();

  // steering.cpp
  /// A request about messages, while the stores are asked for them.
  struct Search {
    ClientRequest request;
    Position end;                     ///< behind the last message: it begins when that is durable
    bool is_under_way = false;
    std::uint64_t checkpoints = 0;    ///< so many were written when it began
  };
  struct FoundPlaces;
  void begin_search(std::uint64_t number, Search& search);
  void begin_searches();
  proto::MessageStatus steer(const proto::ChangeMessages& change, const FoundMessage& found, FoundPlaces& places, Now now);
  void steer_scheduled(const proto::ChangeMessages& change, const FoundMessage& found, proto::MessageStatus& status, Now now);
  void steer_queued(const proto::ChangeMessages& change, const Topic& topic, proto::MessageStatus& status, Now now);

  // listing.cpp
  proto::GroupEntry group_entry(const Topic& topic, const Group& group) const;

  PartitionSettings settings_;
  Journal journal_;
  Outbox outbox_;
  BlockCache cache_;
  Dispatcher dispatcher_;

  std::deque<Commit> closed_;                 ///< wait for seal()
  std::set<std::pair<TopicId, Lane>> fired_lanes_;   ///< in the open commit
  std::deque<SealedLane> sealed_lanes_;       ///< in order of their commits
  std::vector<FiredDue> fired_dues_;          ///< in the open commit
  std::deque<FiredDue> sealed_dues_;          ///< in order of their commits
  Lateness lateness_;
  DeadlineQueue<ScheduleId, Time> schedule_turns_;   ///< that are due, or whose waiting occurrence may be
  std::array<std::uint64_t, proto::outcome_count> occurrences_{};   ///< since the start, by what became of them
  std::map<std::uint64_t, PendingPeek> peeks_;
  std::set<std::tuple<TopicId, Lane, std::uint64_t>> peeks_by_lane_;   ///< all of them
  std::set<std::pair<SessionId, std::uint64_t>> peeks_by_session_;     ///< all of them
  std::map<std::pair<TopicId, Lane>, PeekPass> peek_passes_;           ///< that are not through
  std::pair<TopicId, Lane> last_pass_;                                 ///< that had its turn
  DeadlineQueue<std::uint64_t, Time> peek_deadlines_;
  std::uint64_t next_peek_ = 1;
  std::optional<Time> staged_since_;          ///< the first ack of the open commit
  bool is_awaited_ = false;                   ///< an answer other than an ack's waits for the open commit
  StoreRoom room_ = StoreRoom::kEnough;
  std::optional<Corruption> damage_;          ///< what was read back cannot be right
  Now now_{};                                 ///< of the latest call that told it

  std::map<ErrorCode, std::uint64_t> refusals_;
  std::map<TopicId, TopicCounters> counters_;
  std::uint64_t commits_ = 0;
  std::map<std::uint64_t, Search> searches_;
  std::uint64_t last_search_ = 0;
  std::uint64_t checkpoints_ = 0;             ///< that were written
};

}  // namespace takt::core
