// What leaves the broker, what its clients hear, and what enters its shard.

#include <algorithm>

#include "tests/sim/checker.h"

namespace takt::sim {

std::string Checker::text_of(const Spot& spot) const {
  const GroupName& name = view_.name_of(spot.group);
  return name.topic + "/" + name.group + " lane " + std::to_string(spot.lane.value) + " offset " + std::to_string(spot.offset.value);
}

void Checker::departing(ConnectionId connection, const std::vector<SharedBytes>& frames) {
  auto decoded = decoder_.reply(frames.front().bytes);
  if (!decoded) return fail("the broker sends a frame that cannot be read");
  if (const auto* deliver = std::get_if<proto::Deliver>(&decoded->body)) return on(connection, *deliver, frames);
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { on(connection, CorrelationId(0), body); }) on(connection, decoded->correlation, body);
      },
      decoded->body);
}

void Checker::on(ConnectionId, CorrelationId, const proto::Published& reply) {
  const std::uint64_t messages = std::uint64_t{reply.requests} * reply.count;
  if (reply.first_position.plus(messages) > view_.end()) fail("a publish is answered before it is durable");
  if (reply.requests > 1) ++counts.joined_answers;
}

void Checker::on(ConnectionId, CorrelationId, const proto::Completed& reply) {
  if (reply.first_position.plus(reply.count) > view_.end()) fail("a complete is answered before it is durable");
}

void Checker::on(ConnectionId, CorrelationId, const proto::Error& reply) {
  if (reply.code == ErrorCode::kTopicFull) ++counts.topic_full;
  if (reply.code == ErrorCode::kStoreFull) ++counts.store_full;
  if (reply.code == ErrorCode::kProducerFenced) ++counts.fenced;
}

// Without a correlation it is no answer: the group or its topic was deleted, which must be durable by now.
void Checker::on(ConnectionId connection, CorrelationId correlation, const proto::Unsubscribed& reply) {
  if (correlation != CorrelationId(0)) return;
  const auto* subscription = book_.subscription(connection, reply.subscription);
  if (subscription == nullptr) return fail("a subscription is ended that the session does not have");
  if (subscription->group && view_.find_group(*subscription->group) != nullptr) fail("a subscription is ended before its group is gone");
  book_.ended(connection, reply.subscription);
}

template <class Each>
void Checker::each_acked(ConnectionId connection, const std::vector<proto::AckEntry>& entries, Each each) {
  for (const proto::AckEntry& entry : entries) {
    const LeaseBook::Grant* grant = book_.find(connection, entry.slot, entry.token);
    if (grant == nullptr) return fail("an ack under a token that was never given is accepted");
    for (const proto::IndexRun& run : entry.runs) {
      if (run.first + run.count > grant->count) return fail("an ack beyond its lease is accepted");
      if (!grant->group) continue;
      for (std::uint32_t i = run.first; i < run.first + run.count; ++i)
        each(Spot{*grant->group, grant->lane, grant->first.plus(i)}, entry.token.plus(i));
    }
  }
}

void Checker::on(ConnectionId connection, CorrelationId, const proto::Acked& reply) {
  each_acked(connection, reply.done, [&](const Spot& spot, LeaseToken token) {
    ++counts.acked;
    if (const auto* last = book_.last(spot); last == nullptr || last->token != token)
      fail(ack_of(spot) + " is accepted from a stale lease");
    if (view_.find_group(spot.group) == nullptr) return;   // deleted meanwhile
    const LaneView* lane = view_.find_lane(spot.group, spot.lane);
    if (lane == nullptr || !lane->is_done(spot.offset.value)) fail(ack_of(spot) + " is answered before it is durable");
  });
  for (const proto::AckEntry& entry : reply.stale)
    for (const proto::IndexRun& run : entry.runs) counts.stale += run.count;
}

void Checker::on(ConnectionId connection, CorrelationId, const proto::Resumed& reply) {
  const auto* subscription = book_.subscription(connection, reply.subscription);
  if (subscription == nullptr) return fail("a Resumed for a subscription that the session does not have");
  for (const proto::ResumedRange& range : reply.granted) {
    counts.resumed += range.held.count;
    for (std::uint32_t i = 0; subscription->group && i < range.held.count; ++i) {
      const Spot spot{*subscription->group, range.held.lane, range.held.first.plus(i)};
      const auto* last = book_.last(spot);   // when it is the client itself, the answer was lost on the way
      // Its subscription was left before the answer was, and somebody was given the message since.
      if (subscription->is_left && last != nullptr && last->token > range.token.plus(i)) continue;
      if (last != nullptr && last->token > range.held.token.plus(i) && last->client != book_.client(connection) && !last->is_given_back)
        fail(text_of(spot) + " goes back to a worker, though another one has been given it since");
      hand_out(connection, spot, range.token.plus(i));
    }
    book_.grant(connection, range.slot, range.token,
                {subscription->group, range.held.lane, range.held.first, range.held.count, subscription->is_left});
  }
}

void Checker::on(ConnectionId connection, const proto::Deliver& frame, const std::vector<SharedBytes>& frames) {
  const auto* subscription = book_.subscription(connection, frame.subscription);
  if (subscription == nullptr || frames.size() != 3) return fail("a Deliver for a subscription that the session does not have");
  std::uint32_t count = 0;
  for (const proto::DeliveredRange& range : frame.ranges) count += range.stretch.count;
  const proto::SectionView messages(frames[1].bytes, frames[2].bytes, count);
  std::uint32_t index = 0;
  for (const proto::DeliveredRange& range : frame.ranges) {
    for (std::uint32_t i = 0; i < range.stretch.count; ++i, ++index) {
      const Offset offset = range.stretch.first_offset.plus(i);
      const auto spot = subscription->group ? std::optional(Spot{*subscription->group, range.lane, offset}) : std::nullopt;
      deliver(subscription->name, spot ? &*spot : nullptr, range.lane, offset, range.stretch.first_position.plus(i),
              messages.payload(index), range.attempt);
      if (!spot) continue;
      hand_out(connection, *spot, range.token.plus(i));
      if (const auto* waiting = book_.waiting(*spot); waiting != nullptr && world_.mono() < waiting->until)
        fail(text_of(*spot) + " is delivered while it waits for its worker after a restart");
    }
    book_.grant(connection, range.slot, range.token,
                {subscription->group, range.lane, range.stretch.first_offset, range.stretch.count, subscription->is_left});
  }
}

/// `spot` is null when the group cannot be told; the message can all the same.
void Checker::deliver(const GroupName& name, const Spot* spot, Lane lane, Offset offset, Position position, ByteView payload,
                      std::uint32_t attempt) {
  ++counts.delivered;
  const auto at = view_.at(position);
  const std::string what =
      name.topic + "/" + name.group + " lane " + std::to_string(lane.value) + " offset " + std::to_string(offset.value);
  if (!at) return fail(what + " is delivered before it is durable");
  if (!at->offset) return fail(what + " is delivered before its due, as far as the log says");
  if (at->lane != lane || at->offset != offset.value) return fail(what + " is delivered with another message's place");
  if (at->topic == nullptr) return;   // deleted meanwhile
  if (at->topic->name != name.topic || value_of(payload) != at->message->value)
    return fail(what + " is delivered with another message's payload");
  const GroupView* group = spot == nullptr ? nullptr : view_.find_group(spot->group);
  if (group == nullptr) return;
  const LaneView* view = view_.find_lane(spot->group, lane);
  if (view != nullptr && offset.value < view->start) fail(what + " is delivered, where its group does not reach");
  const auto failures = view == nullptr ? decltype(view->failures.begin())() : view->failures.find(offset.value);
  const bool has_failed = view != nullptr && failures != view->failures.end();
  if (attempt != (has_failed ? failures->second.count : 0) + 1)
    return fail(what + " is delivered as attempt " + std::to_string(attempt) + " after " +
                std::to_string(has_failed ? failures->second.count : 0) + " failures");
  // A clock that is set forward may end a delay early, at once or when the broker comes to believe it, and so may people; nothing else.
  const auto delay = book_.delay(*spot);
  constexpr Duration tick = std::chrono::milliseconds(1);   // of the dues in the log
  const bool may_leap =
      delay && (world_.forward_steps() > delay->forward_steps || (world_.forward_steps() > 0 && view_.time() >= delay->until_log));
  if (has_failed && delay && world_.mono() + tick < delay->until && !may_leap && !may_be_hurried_.contains(position))
    fail(what + " is delivered before the delay that its worker asked for is over");
}

void Checker::hand_out(ConnectionId connection, const Spot& spot, LeaseToken token) {
  const LaneView* lane = view_.find_lane(spot.group, spot.lane);
  if (lane != nullptr && lane->is_done(spot.offset.value)) fail(text_of(spot) + " is handed out after it was done");
  if (confirmed_.contains(spot)) fail(text_of(spot) + " is handed out after its ack was confirmed");
  if (lane != nullptr) {
    const auto failures = lane->failures.find(spot.offset.value);
    if (failures != lane->failures.end() && failures->second.due > view_.time())
      fail(text_of(spot) + " is handed out while it waits, as far as the log says");
  }
  if (const auto* last = book_.last(spot); last != nullptr && token <= last->token)
    fail(text_of(spot) + " is handed out under a token that is not above the last one");
  if (const auto* holder = book_.holder(spot); holder != nullptr && holder->connection != connection)
    fail(text_of(spot) + " is leased to two sessions at once");
  else if (holder != nullptr)
    fail(text_of(spot) + " is leased twice to one session");
}

// A client hears.
void Checker::arrived(ConnectionId connection, const std::vector<SharedBytes>& frames) {
  auto decoded = decoder_.reply(frames.front().bytes);
  if (!decoded) return fail("a client gets a frame that cannot be read");
  if (const auto* acked = std::get_if<proto::Acked>(&decoded->body)) {
    each_acked(connection, acked->done, [&](const Spot& spot, LeaseToken) { confirmed_.insert(spot); });
  } else if (const auto* deliver = std::get_if<proto::Deliver>(&decoded->body)) {
    for (const proto::DeliveredRange& range : deliver->ranges) {
      if (book_.find(connection, range.slot, range.token) == nullptr) return fail("a delivery arrives that was never sent");
      if (!arrived_.insert({connection, range.token}).second) fail("a delivery arrives twice");
    }
  }
}

void Checker::command(const core::Command& command) {
  book_.command(command, {world_.mono(), world_.forward_steps(), view_.time()});
  const auto* request = std::get_if<core::ClientRequest>(&command);
  if (request == nullptr) return;
  const auto asks = [&](const auto& body) {
    (body.from == proto::StartFrom::kNow ? asked_from_now_ : asked_from_earliest_).insert({body.topic, body.group});
  };
  if (const auto* subscribe = std::get_if<proto::Subscribe>(&request->body)) asks(*subscribe);
  if (const auto* put = std::get_if<proto::PutGroup>(&request->body)) asks(*put);
  const auto* publish = std::get_if<proto::Publish>(&request->body);
  if (publish == nullptr) return;
  const proto::SectionView messages(request->metadata.bytes, request->payload.bytes, publish->count);
  const auto value = value_of(messages.payload(0));
  if (!value || !batch_of_.contains(*value)) return fail("a batch enters that nobody sent");
  batches_.at(batch_of_.at(*value)).sequences.insert(publish->sequence);
}

void Checker::term_begins() {
  const Time now = world_.mono();
  book_.term_begins([&](const Spot& spot) -> std::optional<Time> {
    const LaneView* lane = view_.find_lane(spot.group, spot.lane);
    if (lane == nullptr || lane->is_done(spot.offset.value)) return std::nullopt;
    const Duration wait =
        lane->held.contains(spot.offset.value) ? std::max(options_.session_timeout, options_.recover_grace) : options_.recover_grace;
    if (wait == Duration::zero()) return std::nullopt;
    ++counts.held_back;
    return now + wait;
  });
}

}  // namespace takt::sim
