#include "broker/core/partition.h"

#include <algorithm>

#include "broker/core/partition_body.h"
#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {

Partition::Partition(const PartitionSettings& settings) : body_(std::make_unique<Body>(settings)) {}
Partition::~Partition() = default;
Partition::Partition(Partition&&) noexcept = default;
Partition& Partition::operator=(Partition&&) noexcept = default;

Result<void, Corruption> Partition::load_row(Table table, std::string_view key, std::string_view value) {
  return body_->load_row(table, key, value);
}
void Partition::loaded_to(Position applied) { body_->loaded_to(applied); }
Result<void, Corruption> Partition::replay(const CommitView& commit) { return body_->replay(commit); }
void Partition::start(Now now) { body_->start(now); }
void Partition::handle(Command&& command, Now now) { body_->handle(std::move(command), now); }
void Partition::tick(Now now) { body_->tick(now); }
std::optional<Time> Partition::next_deadline() const { return body_->next_deadline(); }
std::size_t Partition::staged_bytes() const { return body_->staged_bytes(); }
std::optional<Time> Partition::seal_due() const { return body_->seal_due(); }
std::optional<Commit> Partition::seal(Now now) { return body_->seal(now); }
void Partition::committed(Position end, Now now) { body_->committed(end, now); }
Position Partition::end() const { return body_->end(); }
Position Partition::committed_end() const { return body_->committed_end(); }
std::optional<WallTime> Partition::time() const { return body_->time(); }
std::vector<Effect> Partition::take_effects() { return body_->take_effects(); }
Checkpoint Partition::freeze() { return body_->freeze(); }
std::size_t Partition::made() const { return body_->made(); }
bool Partition::wants_freeze() const { return body_->wants_freeze(); }
bool Partition::is_behind() const { return body_->is_behind(); }
std::uint64_t Partition::waiting() const { return body_->waiting(); }
const std::optional<Corruption>& Partition::damage() const { return body_->damage(); }
void Partition::checkpointed() { body_->checkpointed(); }
std::vector<Partition::LiveStretch> Partition::live(std::span<const FrontRun> runs, Now now) { return body_->live(runs, now); }
std::vector<Effect> Partition::abandon() { return body_->abandon(); }
void Partition::store_room(StoreRoom room) { body_->store_room(room); }
PartitionStats Partition::stats() const { return body_->stats(); }
std::uint64_t Partition::digest() const { return body_->digest(); }
std::optional<std::string> Partition::broken_invariant() const { return body_->broken_invariant(); }

Result<void, Corruption> Partition::Body::replay(const CommitView& commit) {
  if (commit.header.first != journal_.next()) {
    return failed(Corruption{"commit " + std::to_string(commit.header.first.value) + " does not follow position " +
                             std::to_string(journal_.next().value)});
  }
  State& state = journal_.state();
  state.open_commit(commit.header.time);
  for (const RunView& run : commit.runs) {
    if (run.run_class != proto::RunClass::kControl) {
      if (auto applied = state.apply(run, commit.header.time); !applied) return applied;
      continue;
    }
    auto events = decode_events(as_text(run.metadata), run.count);
    if (!events) return failed(events.error());
    Position at = run.first_position;
    for (const Event& event : *events) {
      if (auto applied = state.apply(event, at, commit.header.time); !applied) return applied;
      at = at.plus(1);
    }
  }
  journal_.resume_at(commit.end());
  return {};
}

void Partition::Body::start(Now now) {
  now_ = now;
  outbox_.committed(journal_.next());
  dispatcher_.start(now);
  if (planted(PlantedBug::kEpochNotRaised) && journal_.state().epoch() != Epoch(0)) return;
  journal_.stage(EpochBegun{journal_.state().epoch().plus(1)}, now.wall);
  start_schedules(now);
}

void Partition::Body::handle(Command&& command, Now now) {
  now_ = now;
  leave_old_commit(now);
  std::visit([&](auto&& c) { on(std::forward<decltype(c)>(c), now); }, std::move(command));
  if (journal_.bytes() >= commit_bytes_target) close_commit(now);
  if (!staged_since_ && dispatcher_.wants_commit()) staged_since_ = now.mono;
}

void Partition::Body::on(SessionUp&& up, Now) { dispatcher_.open_session(up); }

void Partition::Body::on(SessionLost&& lost, Now now) {
  forget_peeks(lost.session);
  // Each lease may become a Retry event: a commit of their own, when they would make this one too large.
  constexpr std::size_t event_bytes = 40;   // and the worker's name
  const Session* session = dispatcher_.find_session(lost.session);
  if (session != nullptr && journal_.bytes() + session->leased * (event_bytes + session->name.size()) > commit_bytes_target)
    close_commit(now);
  dispatcher_.end_session(lost, now);
}

void Partition::Body::on(BlocksLoaded&& loaded, Now) {
  dispatcher_.load_answered(loaded.topic, loaded.lane, loaded.from);
  if (journal_.state().find_topic(loaded.topic) == nullptr) return;
  for (const OffsetRun& run : loaded.unreadable) dispatcher_.pass_over(loaded.topic, loaded.lane, run.first, run.end());
  std::vector<OffsetRun> there = loaded.unreadable;
  for (const BlockPtr& block : loaded.blocks) there.push_back({block->first_offset, block->count});
  std::ranges::sort(there, {}, &OffsetRun::first);
  Offset covered = loaded.from;
  for (const OffsetRun& run : there) {
    if (run.first > covered) dispatcher_.settle_missing(loaded.topic, loaded.lane, covered, run.first);
    covered = std::max(covered, run.end());
  }
  if (covered < loaded.until) dispatcher_.settle_missing(loaded.topic, loaded.lane, covered, loaded.until);
  for (auto it = peeks_by_lane_.lower_bound({loaded.topic, loaded.lane, 0});
       it != peeks_by_lane_.end() && std::get<TopicId>(*it) == loaded.topic && std::get<Lane>(*it) == loaded.lane; ++it) {
    PendingPeek& peek = peeks_.at(std::get<std::uint64_t>(*it));
    if (peek.from < loaded.from || peek.from >= loaded.until) continue;
    Offset next = loaded.until;
    for (const BlockPtr& block : loaded.blocks)
      if (peek.from < block->end()) next = std::min(next, std::max(peek.from, block->first_offset));
    peek.from = next;
  }
  // The first one is wanted first: inserted last, it is the last to be pushed out.
  for (auto block = loaded.blocks.rbegin(); block != loaded.blocks.rend(); ++block) cache_.insert(std::move(*block));
  dispatcher_.wake(loaded.topic);
  retry_peeks(loaded.topic, loaded.lane);
}

void Partition::Body::on(ClientRequest&& request, Now now) {
  Session* session = dispatcher_.find_session(request.session);
  if (session == nullptr)
    return refuse(request, {ErrorCode::kUnknownSession,
                            "the session is not known to partition " + std::to_string(settings_.partition.value) + "; say Hello again"});
  std::visit(
      [&](auto& body) {
        if constexpr (requires { body.partition; }) {
          if (body.partition != settings_.partition) {
            return refuse(request, {ErrorCode::kUnknownPartition,
                                    "partition " + std::to_string(body.partition.value) + " is not here; ask Metadata for the partitions"});
          }
        }
        decide(*session, request, body, now);
      },
      request.body);
}

void Partition::Body::tick(Now now) {
  now_ = now;
  leave_old_commit(now);
  dispatcher_.tick(now);
  turn_wheel(now);
  turn_schedules(now);
  if (journal_.bytes() >= commit_bytes_target) close_commit(now);
  tick_peeks(now.mono);
}

std::optional<Time> Partition::Body::next_deadline() const {
  std::optional<Time> next = dispatcher_.next_deadline();
  const auto earliest = [&next](std::optional<Time> other) {
    if (other) next = next ? std::min(*next, *other) : *other;
  };
  earliest(peek_passes_.empty() ? peek_deadlines_.next() : std::optional(now_.mono));
  earliest(next_firing());
  if (staged_bytes() < commit_bytes_target) {   // else a seal comes first
    earliest(schedule_turns_.next());
    if (journal_.state().schedules().has_settled()) earliest(now_.mono);
  }
  return next;
}

std::size_t Partition::Body::staged_bytes() const {
  std::size_t bytes = journal_.bytes() + (dispatcher_.wants_commit() ? 1 : 0);
  for (const Commit& commit : closed_) bytes += commit.value.size();
  return bytes;
}

std::optional<Time> Partition::Body::seal_due() const {
  if (staged_bytes() == 0) return std::nullopt;
  const bool is_patient = closed_.empty() && journal_.empty() && !is_awaited_ && !dispatcher_.is_starving();
  return is_patient && staged_since_ ? *staged_since_ + settings_.ack_patience : now_.mono;
}

std::optional<Commit> Partition::Body::seal(Now now) {
  now_ = now;
  if (closed_.empty()) close_commit(now);
  if (closed_.empty()) return std::nullopt;
  Commit commit = std::move(closed_.front());
  closed_.pop_front();
  return commit;
}

/// The open commit takes the staged acks and ends. Its messages are in the cache from now on, and deliverable once durable.
void Partition::Body::close_commit(Now now) {
  dispatcher_.flush(now);
  staged_since_.reset();
  is_awaited_ = false;
  if (journal_.empty()) return outbox_.sealed(journal_.next());
  CommitHeader header;
  header.partition = settings_.uuid;
  header.durable_to = outbox_.committed();
  Commit commit = journal_.seal(header);
  ++commits_;
  outbox_.sealed(commit.end);
  const auto view = CommitView::parse(commit.value.bytes, settings_.uuid, CommitView::Sections::kTrust);
  check(view.has_value(), "a sealed commit can be read");
  for (BlockPtr& block : blocks_of(*view, commit.value)) {
    sealed_lanes_.push_back({commit.end, block->topic, block->lane, block->end()});
    if (planted(PlantedBug::kDeliveredBeforeDurable))
      journal_.state().find_topic(block->topic)->lanes.find(block->lane)->committed = block->end();
    cache_.insert(std::move(block));
  }
  for (const auto& [topic, lane] : std::exchange(fired_lanes_, {}))
    if (const Topic* there = journal_.state().find_topic(topic))
      sealed_lanes_.push_back({commit.end, topic, lane, there->lanes.find(lane)->next});
  for (FiredDue& fired : std::exchange(fired_dues_, {})) {
    fired.commit_end = commit.end;
    sealed_dues_.push_back(fired);
  }
  closed_.push_back(std::move(commit));
}

/// Dues are told by the clock, and after a restart partition time goes on from the commits': a due that is staged now must
/// not lie much further after its commit's time than its delay, or a clock that is set back would hold it up.
void Partition::Body::leave_old_commit(Now now) {
  if (journal_.is_behind(now.wall) && !planted(PlantedBug::kOldCommitKept)) close_commit(now);
}

void Partition::Body::committed(Position end, Now now) {
  now_ = now;
  outbox_.committed(end);
  for (; !sealed_dues_.empty() && sealed_dues_.front().commit_end <= end; sealed_dues_.pop_front())
    lateness_.observe(std::max<std::chrono::milliseconds>(partition_time(now) - sealed_dues_.front().due, {}), sealed_dues_.front().count);
  for (; !sealed_lanes_.empty() && sealed_lanes_.front().commit_end <= end; sealed_lanes_.pop_front()) {
    const SealedLane& sealed = sealed_lanes_.front();
    Topic* topic = journal_.state().find_topic(sealed.topic);
    if (topic == nullptr) continue;   // deleted meanwhile
    topic->lanes.find(sealed.lane)->committed = sealed.end;
    dispatcher_.wake(sealed.topic);
    retry_peeks(sealed.topic, sealed.lane);
  }
  begin_searches();
}

std::vector<Effect> Partition::Body::take_effects() {
  dispatcher_.serve(now_.mono);
  return outbox_.take();
}

Checkpoint Partition::Body::freeze() {
  check(journal_.empty(), "a checkpoint is cut at a commit boundary");
  return journal_.state().freeze(journal_.next());
}

void Partition::Body::checkpointed() {
  State& state = journal_.state();
  state.frozen_written();
  ++checkpoints_;
  constexpr std::size_t at_once = 1000;
  const WallTime idle = state.time() - std::chrono::duration_cast<std::chrono::milliseconds>(settings_.producer_idle_expiry);
  for (const ProducerId producer : state.producers().idle_since(idle, at_once)) journal_.stage(ProducerPut{producer, 0}, state.time());
  retain_fired();
  load_timers();
}

std::vector<Effect> Partition::Body::abandon() {
  std::vector<Effect> answers = outbox_.take();
  for (const Effect& effect : outbox_.take_withheld()) {
    const auto* const outgoing = std::get_if<Outgoing>(&effect);
    if (outgoing == nullptr || std::holds_alternative<proto::Deliver>(outgoing->body)) continue;
    const auto* const published = std::get_if<proto::Published>(&outgoing->body);
    const std::uint32_t requests = published == nullptr || planted(PlantedBug::kRunRefusedOnce) ? 1 : published->requests;
    for (std::uint32_t i = 0; i < requests; ++i)
      answers.push_back(Outgoing{
          outgoing->session,
          outgoing->correlation.plus(i),
          proto::Error{ErrorCode::kUnknownOutcome, "the store failed before this was confirmed; ask again with the same sequence", 1000},
          {}});
  }
  return answers;
}

}  // namespace takt::core
