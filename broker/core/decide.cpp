// Requests: each looks at the state, stages what it changes, and answers when that is durable.

#include <algorithm>
#include <set>

#include "broker/core/partition_body.h"
#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::size_t peeks_at_once = 256;              // a fraction of a millisecond
constexpr std::chrono::milliseconds made_retry_after{50};   // a checkpoint is on its way
constexpr std::chrono::hours producer_silence_min{1};   // far longer than any client repeats a batch

std::string number(std::uint64_t n) { return std::to_string(n); }

Refusal unknown_group(const std::string& topic, const std::string& group) {
  return {ErrorCode::kUnknownGroup,
          "group '" + group + "' of topic '" + topic + "' does not exist; it is made by its first worker or by `takt groups create`"};
}
Refusal too_many_topics(const std::string& topic, std::uint64_t bound) {
  return {ErrorCode::kTooManyTopics,
          "topic '" + topic + "' cannot be made: there are " + number(bound) + " already; delete unused ones or raise limits.topics"};
}
Refusal stale_lease() {
  return {ErrorCode::kStaleLease, "the lease is over: the message was given to another worker, or is done; drop the result"};
}

}  // namespace

Refusal unknown_topic(const std::string& topic) {
  return {ErrorCode::kUnknownTopic, "topic '" + topic + "' does not exist; it is made by the first message or by `takt topics create`"};
}

void Partition::Body::answer(const ClientRequest& request, proto::Reply reply, Haste haste) {
  Outgoing outgoing{request.session, request.correlation, std::move(reply), {}};
  if (!journal_.empty() || dispatcher_.wants_commit()) {
    outbox_.send_after_open_commit(std::move(outgoing));
    is_awaited_ = is_awaited_ || haste == Haste::kNow;
  } else if (journal_.next().value == 0) {
    outbox_.send_now(std::move(outgoing));
  } else {
    outbox_.send_after(Position(journal_.next().value - 1), std::move(outgoing));
  }
}

void Partition::Body::refuse(const ClientRequest& request, Refusal refusal) {
  ++refusals_[refusal.code];
  if (!is_answered(request.body)) return;
  const auto retry_ms = std::chrono::duration_cast<std::chrono::milliseconds>(refusal.retry_after).count();
  answer(request, proto::Error{refusal.code, std::move(refusal.message), static_cast<std::uint32_t>(retry_ms)});
}

Result<void, Refusal> Partition::Body::check_made(std::size_t count) const {
  const std::size_t made = journal_.state().made();
  if (made == 0 || made + count <= settings_.made_max) return {};
  return failed(Refusal{
      ErrorCode::kBusy,
      number(settings_.made_max) + " topics, groups, producers and schedules are new and not in a checkpoint yet: send again in a moment",
      made_retry_after});
}

Result<TopicId, Refusal> Partition::Body::ensure_topic(const std::string& name, Now now) {
  State& state = journal_.state();
  if (const Topic* topic = state.find_topic(name)) return topic->id;
  if (state.topics().size() >= settings_.topics_max) return failed(too_many_topics(name, settings_.topics_max));
  if (auto room = check_made(); !room) return failed(std::move(room.error()));
  const TopicId id = state.next_topic();
  journal_.stage(TopicPut{id, name, {}}, now.wall);
  return id;
}

Result<void, Refusal> Partition::Body::check_group_room(const std::string& topic_name, const std::string& name) {
  State& state = journal_.state();
  Topic* topic = state.find_topic(topic_name);
  if (topic != nullptr && topic->find_group(name) != nullptr) return {};
  const auto full = [&](const std::string& who, std::uint64_t bound, const std::string& key) {
    return failed(Refusal{ErrorCode::kTooManyGroups, "group '" + name + "' cannot be made: " + who + " " + number(bound) +
                                                         " already; delete unused ones or raise " + key});
  };
  if (topic != nullptr && topic->groups.size() >= settings_.groups_per_topic_max)
    return full("topic '" + topic_name + "' has", settings_.groups_per_topic_max, "limits.groups_per_topic");
  if (state.group_count() >= settings_.groups_max) return full("there are", settings_.groups_max, "limits.groups");
  return check_made();
}

Result<Partition::Body::NamedGroup, Refusal> Partition::Body::find_group(const std::string& topic_name, const std::string& name) {
  Topic* topic = journal_.state().find_topic(topic_name);
  if (topic == nullptr) return failed(unknown_topic(topic_name));
  const Group* group = topic->find_group(name);
  if (group == nullptr) return failed(unknown_group(topic_name, name));
  return NamedGroup{topic, group};
}

GroupId Partition::Body::ensure_group(TopicId topic_id, const std::string& name, proto::StartFrom from, Now now) {
  Topic& topic = *journal_.state().find_topic(topic_id);
  if (const Group* group = topic.find_group(name)) return group->id;
  GroupPut put{topic_id, journal_.state().next_group(), name, {}, {}, dispatcher_.next_token()};
  topic.lanes.each([&](Lane lane, const TopicLane&) { put.starts.push_back({lane, topic.start(lane, from)}); });
  const GroupId id = put.group;
  journal_.stage(std::move(put), now.wall);
  return id;
}

Result<void, Refusal> Partition::Body::check_room(const std::string& name, std::size_t bytes) const {
  using std::chrono::seconds;
  switch (room_) {
    case StoreRoom::kEnough: break;
    case StoreRoom::kFull:
      return failed(Refusal{ErrorCode::kStoreFull,
                            "the store is at 90 % of its bound; workers must finish messages, or raise store.bytes_max", seconds(1)});
    case StoreRoom::kDiskFull:
      return failed(Refusal{ErrorCode::kStoreFull, "the broker's disk is nearly full; free some space there, or lower store.disk_free_min",
                            seconds(1)});
  }
  const Topic* topic = const_cast<Journal&>(journal_).state().find_topic(name);
  if (topic != nullptr && topic->settings.bytes_max != 0) {
    if (bytes > topic->settings.bytes_max) {
      return failed(Refusal{ErrorCode::kTopicFull,
                            "topic '" + name + "' may hold " + number(topic->settings.bytes_max) + " bytes, and this batch alone has " +
                                number(bytes) + "; send smaller batches or raise its bytes_max",
                            seconds(1)});
    }
    const std::uint64_t used = topic->retained_messages() * topic->mean_bytes();
    if (used + bytes > topic->settings.bytes_max) {
      return failed(Refusal{ErrorCode::kTopicFull,
                            "topic '" + name + "' is full: about " + number(used) + " of " + number(topic->settings.bytes_max) +
                                " bytes are waiting; start workers or raise its bytes_max",
                            seconds(1)});
    }
  }
  return {};
}

Result<void, Refusal> Partition::Body::ensure_producer_room(ProducerId producer, Now now) {
  const ProducerTable& producers = journal_.state().producers();
  if (producers.knows(producer)) return {};
  if (producers.size() < settings_.producers_max) return check_made();
  const WallTime lately = std::max(now.wall, journal_.state().time()) - producer_silence_min;
  const std::vector<ProducerId> silent = producers.idle_since(lately, 1);
  if (silent.empty()) {
    return failed(Refusal{ErrorCode::kTooManyProducers,
                          "as many producers as limits.producers allows (" + number(settings_.producers_max) +
                              ") have sent within the last hour; keep one client per process, or raise the limit",
                          std::chrono::seconds(60)});
  }
  journal_.stage(ProducerPut{silent.front(), 0}, now.wall);
  return {};
}

Result<std::optional<RememberedBatch>, Refusal> Partition::Body::seen_before(ProducerId producer, std::uint32_t epoch,
                                                                             Sequence sequence) const {
  const ProducerTable::Answer answer = journal_.state().producers().find(producer, epoch, sequence);
  if (const auto* batch = std::get_if<RememberedBatch>(&answer)) return *batch;
  if (std::holds_alternative<ProducerTable::New>(answer)) return std::nullopt;
  if (std::holds_alternative<ProducerTable::OutOfSequence>(answer)) {
    return failed(Refusal{ErrorCode::kOutOfSequence, "sequence " + number(sequence.value) +
                                                         " was passed and is not stored; send the batch again under a new sequence"});
  }
  if (std::holds_alternative<ProducerTable::Fenced>(answer))
    return failed(Refusal{ErrorCode::kProducerFenced, "a later epoch of this producer is writing; stop this one"});
  return failed(Refusal{ErrorCode::kUnknownOutcome, "sequence " + number(sequence.value) + " lies before the last " +
                                                        number(ProducerTable::window) +
                                                        " batches; whether it was stored is not known any more"});
}

void Partition::Body::count_enqueued(TopicId topic, std::uint64_t messages, std::uint64_t bytes) {
  TopicCounters& counters = counters_[topic];
  counters.enqueued += messages;
  counters.enqueued_bytes += bytes;
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::Publish& publish, Now now) {
  const auto seen = seen_before(publish.producer, publish.producer_epoch, publish.sequence);
  if (!seen) return refuse(request, seen.error());
  if (const auto& batch = *seen) {
    if (const Topic* topic = journal_.state().find_topic(publish.topic)) counters_[topic->id].deduplicated += publish.count;
    if (publish.acks == proto::Acks::kNone) return;
    return answer(request, proto::Published{settings_.partition, batch->first_position, batch->first_offset, batch->count, true});
  }
  const std::size_t bytes = request.metadata.size() + request.payload.size();
  if (auto room = check_room(publish.topic, bytes); !room) return refuse(request, std::move(room.error()));
  if (auto room = ensure_producer_room(publish.producer, now); !room) return refuse(request, std::move(room.error()));
  const auto topic = ensure_topic(publish.topic, now);
  if (!topic) return refuse(request, topic.error());
  PendingRun run;
  run.topic = *topic;
  run.lane = publish.lane;
  run.run_class = publish.run_class;
  run.count = publish.count;
  run.stamp = {publish.producer, publish.producer_epoch, publish.sequence, publish.count};
  run.metadata = std::move(request.metadata);
  run.payload = std::move(request.payload);
  run.metadata_checksum = publish.metadata_checksum;
  run.payload_checksum = publish.payload_checksum;
  if (journal_.bytes() > 0 && journal_.bytes() + stored_bytes(run) > commit_bytes_target) close_commit(now);
  const Journal::Stored stored = journal_.stage(std::move(run), now.wall);
  count_enqueued(*topic, publish.count, bytes);
  if (publish.acks != proto::Acks::kNone)
    answer(request, proto::Published{settings_.partition, stored.position, stored.offset, publish.count, false});
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Complete& complete, Now now) {
  const auto seen = seen_before(complete.producer, complete.producer_epoch, complete.sequence);
  if (!seen) return refuse(request, seen.error());
  if (const auto& batch = *seen) return answer(request, proto::Completed{settings_.partition, batch->first_position, batch->count, true});
  Subscription* subscription = subscription_of(session, request, complete.subscription);
  if (subscription == nullptr) return;
  if (!dispatcher_.holds(*subscription, complete.slot, complete.token, complete.done)) return refuse(request, stale_lease());
  std::size_t meta_at = 0;
  std::size_t payload_at = 0;
  for (const proto::FollowUp& batch : complete.follow_ups) {
    if (batch.metadata_length > request.metadata.size() - meta_at || batch.payload_length > request.payload.size() - payload_at) {
      return refuse(request, {ErrorCode::kBadSection, "complete: the follow-ups name more bytes than the sections have"});
    }
    meta_at += batch.metadata_length;
    payload_at += batch.payload_length;
    if (auto room = check_room(batch.topic, batch.metadata_length + batch.payload_length); !room)
      return refuse(request, std::move(room.error()));
  }
  std::set<std::string_view> missing;   // counted first, so that a refusal leaves none of them behind
  for (const proto::FollowUp& batch : complete.follow_ups)
    if (journal_.state().find_topic(batch.topic) == nullptr) missing.insert(batch.topic);
  if (!missing.empty() && journal_.state().topics().size() + missing.size() > settings_.topics_max)
    return refuse(request, too_many_topics(std::string(*missing.begin()), settings_.topics_max));
  if (auto room = check_made(missing.size() + 1); !missing.empty() && !room) return refuse(request, std::move(room.error()));
  if (auto room = ensure_producer_room(complete.producer, now); !room) return refuse(request, std::move(room.error()));
  std::vector<TopicId> topics;
  for (const proto::FollowUp& batch : complete.follow_ups) {
    const auto topic = ensure_topic(batch.topic, now);
    if (!topic) return refuse(request, topic.error());
    topics.push_back(*topic);
  }
  // From here on nothing can refuse, and the open commit is not closed: all or nothing.
  proto::Completed done{settings_.partition, {}, 0, false};
  meta_at = payload_at = 0;
  for (std::size_t i = 0; i < complete.follow_ups.size(); ++i) {
    const proto::FollowUp& batch = complete.follow_ups[i];
    PendingRun run;
    run.topic = topics[i];
    run.lane = batch.lane;
    run.run_class = batch.run_class;
    run.count = batch.count;
    run.stamp = {complete.producer, complete.producer_epoch, complete.sequence, batch.count};
    run.metadata = request.metadata.slice(meta_at, batch.metadata_length);
    run.payload = request.payload.slice(payload_at, batch.payload_length);
    run.metadata_checksum = batch.metadata_checksum;
    run.payload_checksum = batch.payload_checksum;
    meta_at += batch.metadata_length;
    payload_at += batch.payload_length;
    const Journal::Stored stored = journal_.stage(std::move(run), now.wall);
    if (i == 0) done.first_position = stored.position;
    done.count += batch.count;
    count_enqueued(topics[i], batch.count, batch.metadata_length + batch.payload_length);
  }
  if (planted(PlantedBug::kFollowUpsApartFromAck)) close_commit(now);
  const proto::Acked acked = dispatcher_.ack(*subscription, {{complete.slot, complete.token, complete.done}});
  check(acked.stale.empty(), "a complete acks all of its messages or is refused");
  answer(request, done);
}

Subscription* Partition::Body::subscription_of(Session& session, const ClientRequest& request, SubscriptionId id) {
  const auto it = session.subscriptions.find(id);
  if (it != session.subscriptions.end()) return it->second.get();
  refuse(request, {ErrorCode::kUnknownSubscription, "subscription " + number(id.value) + " is not known in this session; subscribe again"});
  return nullptr;
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Subscribe& subscribe, Now now) {
  if (session.subscriptions.contains(subscribe.subscription)) {
    return refuse(request, {ErrorCode::kSubscriptionInUse,
                            "subscription " + number(subscribe.subscription.value) + " is in use in this session; choose another number"});
  }
  if (session.subscriptions.size() >= settings_.subscriptions_per_session_max) {
    return refuse(request, {ErrorCode::kTooManySubscriptions,
                            "the session has " + number(session.subscriptions.size()) + " subscriptions, the bound; unsubscribe some"});
  }
  if (auto room = check_group_room(subscribe.topic, subscribe.group); !room) return refuse(request, std::move(room.error()));
  const auto topic = ensure_topic(subscribe.topic, now);
  if (!topic) return refuse(request, topic.error());
  const GroupId group = ensure_group(*topic, subscribe.group, subscribe.from, now);
  dispatcher_.subscribe(session, subscribe.subscription, *topic, group, now);
  answer(request, proto::Subscribed{subscribe.subscription, journal_.state().epoch(), settings_.in_flight_per_worker_max});
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Unsubscribe& unsubscribe, Now now) {
  Subscription* subscription = subscription_of(session, request, unsubscribe.subscription);
  if (subscription == nullptr) return;
  dispatcher_.unsubscribe(*subscription, now);
  answer(request, proto::Unsubscribed{unsubscribe.subscription});
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Credit& credit, Now now) {
  Subscription* subscription = subscription_of(session, request, credit.subscription);
  if (subscription == nullptr) return;
  if (credit.kind == proto::CreditKind::kStanding) return dispatcher_.set_credit(*subscription, credit.messages, credit.bytes);
  if (auto pulled = dispatcher_.pull(*subscription, request.correlation, credit, now); !pulled) refuse(request, std::move(pulled.error()));
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Ack& ack, Now) {
  Subscription* subscription = subscription_of(session, request, ack.subscription);
  if (subscription == nullptr) return;
  proto::Acked acked = dispatcher_.ack(*subscription, ack.entries);
  if (!acked.stale.empty()) ++refusals_[ErrorCode::kStaleLease];
  answer(request, std::move(acked), Haste::kWithAcks);
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Fail& fail, Now now) {
  Subscription* subscription = subscription_of(session, request, fail.subscription);
  if (subscription == nullptr) return;
  const auto failed = dispatcher_.fail(*subscription, fail, now);
  if (!failed) return refuse(request, stale_lease());
  answer(request, *failed);
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Resume& resume, Now now) {
  Subscription* subscription = subscription_of(session, request, resume.subscription);
  if (subscription == nullptr) return;
  answer(request, dispatcher_.resume(*subscription, resume.held, now));
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::PutTopic& put, Now now) {
  const Topic* topic = journal_.state().find_topic(put.topic);
  const bool created = topic == nullptr;
  const auto id = ensure_topic(put.topic, now);
  if (!id) return refuse(request, id.error());
  if (created || topic->settings != put.settings) journal_.stage(TopicPut{*id, put.topic, put.settings}, now.wall);
  answer(request, proto::TopicDone{created});
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::DeleteTopic& remove, Now now) {
  const Topic* topic = journal_.state().find_topic(remove.topic);
  if (topic == nullptr) return refuse(request, unknown_topic(remove.topic));
  const TopicId id = topic->id;
  drop_topic_memory(id);
  journal_.stage(TopicDel{id}, now.wall);
  answer(request, proto::TopicDeleted{});
}

void Partition::Body::drop_topic_memory(TopicId id) {
  std::vector<GroupId> groups;
  for (const auto& [group, entry] : journal_.state().find_topic(id)->groups) groups.push_back(group);
  for (const GroupId group : groups) dispatcher_.drop_group(id, group);
  dispatcher_.drop_topic(id);
  cache_.drop(id);
  counters_.erase(id);
  std::vector<std::uint64_t> waiting;
  for (auto it = peeks_by_lane_.lower_bound({id, Lane(0), 0}); it != peeks_by_lane_.end() && std::get<TopicId>(*it) == id; ++it)
    waiting.push_back(std::get<std::uint64_t>(*it));
  for (const std::uint64_t peek : waiting) {
    outbox_.send_now(Outgoing{peeks_.at(peek).session,
                              peeks_.at(peek).correlation,
                              proto::Error{ErrorCode::kUnknownTopic, "the topic was deleted while this waited", 0},
                              {}});
    forget_peek(peek);
  }
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::PutGroup& put, Now now) {
  if (auto room = check_group_room(put.topic, put.group); !room) return refuse(request, std::move(room.error()));
  const auto topic = ensure_topic(put.topic, now);
  if (!topic) return refuse(request, topic.error());
  const bool created = journal_.state().find_topic(*topic)->find_group(put.group) == nullptr;
  const GroupId group = ensure_group(*topic, put.group, put.from, now);
  if (journal_.state().find_topic(*topic)->groups.at(group).settings != put.settings) {
    journal_.stage(GroupPut{*topic, group, put.group, put.settings, {}, {}}, now.wall);
  }
  answer(request, proto::GroupDone{created});
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::DeleteGroup& remove, Now now) {
  const auto found = find_group(remove.topic, remove.group);
  if (!found) return refuse(request, found.error());
  const GroupId id = found->group->id;
  dispatcher_.drop_group(found->topic->id, id);
  journal_.stage(GroupDel{found->topic->id, id}, now.wall);
  answer(request, proto::GroupDeleted{});
}

void Partition::Body::decide(Session& session, ClientRequest& request, proto::Peek& peek, Now now) {
  const Topic* topic = journal_.state().find_topic(peek.topic);
  if (topic == nullptr) return refuse(request, unknown_topic(peek.topic));
  const TopicLane* lane = topic->lanes.find(peek.lane);
  const Offset end = lane == nullptr ? Offset(0) : lane->committed;
  const Offset from = peek.from ? std::max(*peek.from, topic->pinned(peek.lane)) : end;
  PendingPeek pending{session.id,
                      request.correlation,
                      topic->id,
                      peek.lane,
                      from,
                      std::max(peek.messages_max, 1u),
                      std::max<std::uint64_t>(peek.bytes_max, 1)};
  if (answer_peek(pending, from >= end && peek.wait_ms == 0)) return;
  const std::uint64_t id = next_peek_++;
  peeks_.emplace(id, pending);
  peeks_by_lane_.emplace(pending.topic, pending.lane, id);
  peeks_by_session_.emplace(pending.session, id);
  // A read from disk may take a moment even when the caller does not want to wait for messages.
  const Duration wait = std::max<Duration>(std::chrono::milliseconds(peek.wait_ms), std::chrono::seconds(1));
  peek_deadlines_.set(id, now.mono + wait);
}

/// Answers with what is in memory; asks for more and gives false when that is nothing and there is time left.
bool Partition::Body::answer_peek(const PendingPeek& peek, bool waited_out) {
  Topic& topic = *journal_.state().find_topic(peek.topic);
  const TopicLane* lane = topic.lanes.find(peek.lane);
  const Offset end = lane == nullptr ? Offset(0) : lane->committed;
  proto::Peeked peeked{peek.from, end, {}};
  std::vector<BlockSlice> slices;
  std::uint64_t bytes = 0;
  std::uint32_t messages = 0;
  while (peeked.next < end && messages < peek.messages_max && bytes < peek.bytes_max) {
    const BlockPtr block = cache_.find(peek.topic, peek.lane, peeked.next);
    if (!block) {
      if (messages == 0) dispatcher_.request_load(peek.topic, peek.lane, peeked.next);
      break;
    }
    const auto first = static_cast<std::uint32_t>(peeked.next.value - block->first_offset.value);
    auto n = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({peek.messages_max - messages, block->count - first, end.value - peeked.next.value}));
    while (n > 1 && bytes + slice_bytes({block, first, n}) > peek.bytes_max) n /= 2;
    const BlockSlice slice{block, first, n};
    peeked.stretches.push_back({peeked.next, block->first_position.plus(first), n});
    bytes += slice_bytes(slice);
    messages += n;
    peeked.next = peeked.next.plus(n);
    slices.push_back(slice);
  }
  if (messages == 0 && !waited_out) return false;
  outbox_.send_now(Outgoing{peek.session, peek.correlation, std::move(peeked), std::move(slices)});
  return true;
}

void Partition::Body::retry_peeks(TopicId topic, Lane lane) {
  const auto [pass, is_new] = peek_passes_.try_emplace({topic, lane});
  if (!is_new) {
    pass->second.is_wanted_again = true;
    return;
  }
  std::size_t room = peeks_at_once;
  if (go_on(pass->first, pass->second, room)) peek_passes_.erase(pass);
}

bool Partition::Body::go_on(std::pair<TopicId, Lane> lane, PeekPass& pass, std::size_t& room) {
  const auto is_here = [&](auto it) {
    return it != peeks_by_lane_.end() && std::get<TopicId>(*it) == lane.first && std::get<Lane>(*it) == lane.second;
  };
  for (;;) {
    auto it = peeks_by_lane_.lower_bound({lane.first, lane.second, pass.next});
    for (; room > 0 && is_here(it); --room) {
      const std::uint64_t id = std::get<std::uint64_t>(*it++);
      pass.next = id + 1;
      if (answer_peek(peeks_.at(id), false)) forget_peek(id);
    }
    if (is_here(it)) return false;
    if (!std::exchange(pass.is_wanted_again, false)) return true;
    pass.next = 0;
  }
}

void Partition::Body::tick_peeks(Time now) {
  std::size_t room = peeks_at_once;
  for (std::size_t n = peek_passes_.size(); n > 0 && room > 0; --n) {
    auto pass = peek_passes_.upper_bound(last_pass_);
    if (pass == peek_passes_.end()) pass = peek_passes_.begin();
    last_pass_ = pass->first;
    if (go_on(pass->first, pass->second, room)) peek_passes_.erase(pass);
  }
  for (std::size_t n = peeks_at_once; n > 0; --n) {
    const auto id = peek_deadlines_.pop_due(now);
    if (!id) return;
    answer_peek(peeks_.at(*id), true);
    forget_peek(*id);
  }
}

void Partition::Body::forget_peek(std::uint64_t id) {
  const PendingPeek& peek = peeks_.at(id);
  peek_deadlines_.cancel(id);
  peeks_by_lane_.erase({peek.topic, peek.lane, id});
  peeks_by_session_.erase({peek.session, id});
  peeks_.erase(id);
}

void Partition::Body::forget_peeks(SessionId session) {
  for (;;) {
    const auto next = peeks_by_session_.lower_bound({session, 0});
    if (next == peeks_by_session_.end() || next->first != session) return;
    forget_peek(next->second);
  }
}

}  // namespace takt::core
