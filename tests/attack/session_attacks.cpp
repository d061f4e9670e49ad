// Attacks with valid requests: floods of what is refused, and of what takes room.

#include <deque>
#include <stdexcept>

#include "proto/limits.h"
#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;

constexpr PartitionId partition{0};
constexpr SubscriptionId subscription{1};

proto::Subscribe own_subscription() { return {partition, subscription, "attack", "g", proto::StartFrom::kEarliest}; }

/// Acks, fails and resumes of leases that nobody gave, of subscriptions that are not there.
void stale_acks(Attacker& me) {
  std::vector<proto::AckEntry> entries;
  for (std::uint32_t i = 0; i < 1'000; ++i) entries.push_back({Slot(i), LeaseToken(me.any() >> 1), {{0, 1024}}});
  Bytes chunk;
  for (std::uint32_t i = 0; i < 20; ++i) {
    append(chunk, me.wire(proto::Ack{partition, SubscriptionId(i % 3), entries}, i));
    append(chunk, me.wire(proto::Fail{partition, SubscriptionId(i), Slot(1), LeaseToken(i), 0, proto::FailOutcome::kDead, 0, 1, "x"}, i));
    append(chunk, me.wire(proto::Unsubscribe{partition, SubscriptionId(77)}, i));
  }
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, own_subscription());
    while (me.send(socket, chunk)) read_away(socket);
  }
}

/// Places and tokens as an old broker has them, which take as many bytes as they can: 1.5 MB.
proto::Resume large_resume(SubscriptionId whose) {
  constexpr std::uint64_t first = std::uint64_t{1} << 33;
  constexpr std::uint64_t token = (std::uint64_t{1} << 63) - 1;
  proto::Resume resume{partition, whose, {}};
  for (std::uint64_t i = 0; i < limits::entries_max; ++i)
    resume.held.push_back({Lane(static_cast<std::uint8_t>(i % 8)), Offset(first + i * 1'024), 1'024, LeaseToken(token - i * 1'024)});
  return resume;
}

/// One is taken and answered in full: what was refused as malformed would attack nothing.
void one_large_resume(Attacker& me) {
  const Connection socket = me.hello();
  me.send(socket, own_subscription());
  me.send(socket, large_resume(subscription));
  if (socket->receive(1u << 20, 20s).size() < 1u << 20) throw std::runtime_error("the broker does not answer a large resume");
}

/// Every other one of a subscription that is not there, which nobody else names here.
void large_resumes(Attacker& me) {
  Bytes chunk = me.wire(large_resume(subscription));
  append(chunk, me.wire(large_resume(SubscriptionId(77))));
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, own_subscription());
    while (me.send(socket, chunk)) read_away(socket);
  }
}

/// Sessions by the thousand: new ones on one connection, and one client's on many.
void hellos(Attacker& me) {
  Bytes fresh;
  for (int i = 0; i < 500; ++i)
    append(fresh, me.wire(proto::Hello{ClientId(me.any()), proto::ClientKind::kWorker, std::string(200, 'h'), std::string(200, 's')}));
  const Bytes same = me.wire(proto::Hello{ClientId(4711), proto::ClientKind::kWorker, "same", "takt_attack"});
  std::deque<Connection> of_one_client;   // open while the next says Hello
  while (me.goes_on()) {
    of_one_client.push_back(me.shake_hands());
    me.send(of_one_client.back(), same);
    if (of_one_client.size() > 8) of_one_client.pop_front();
    const Connection socket = me.shake_hands();
    for (int i = 0; i < 20 && me.send(socket, fresh); ++i) read_away(socket);
  }
}

void subscriptions(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.hello();
    for (std::uint32_t round = 0; round < 100 && me.goes_on(); ++round) {
      Bytes chunk;
      for (std::uint32_t i = 0; i < 200; ++i) {
        const SubscriptionId id(round * 150 + i);   // some of them go again
        append(chunk, me.wire(proto::Subscribe{partition, id, "churn", "g" + std::to_string(i), proto::StartFrom::kEarliest}, i));
        append(chunk, me.wire(proto::Credit{partition, id, proto::CreditKind::kStanding, 65'536, 1u << 30, 0}, i));
        if (i < 150) append(chunk, me.wire(proto::Unsubscribe{partition, id}, i));
      }
      if (!me.send(socket, chunk)) break;
      read_away(socket);
    }
  }
}

/// Each honest message answers all that wait for it.
void waiting_peeks(Attacker& me) {
  Bytes chunk;
  for (std::uint64_t i = 0; i < 1'000; ++i)
    append(chunk, me.wire(proto::Peek{partition, "honest", Lane(0), std::nullopt, 1, 1, 60'000}, i));
  while (me.goes_on()) {
    const Connection socket = me.hello();
    while (me.send(socket, chunk)) read_away(socket);
  }
}

void silent_topic(Attacker& me) {
  const Connection socket = me.hello();
  if (!me.send(socket, proto::PutTopic{"silent", {}}))
    throw std::runtime_error("the attack cannot make the topic that it wants to wait for");
  socket->receive(4'096, 1s);   // who leaves earlier takes the request along
}

/// Clients that keep all replies taken that they may be owed, and ask at once for those that fall free, while others hold theirs
/// for a minute.
void owed_replies(Attacker& me) {
  constexpr std::size_t count = 64;
  std::vector<Connection> held(count);
  while (me.goes_on()) {
    for (std::size_t i = 0; i < count && me.goes_on(); ++i) {
      if (!held[i]) {
        held[i] = me.shake_hands();
        me.send(held[i], proto::Hello{ClientId(me.any()), proto::ClientKind::kTool, "owed", "takt_attack"});
      }
      Bytes chunk;
      for (std::uint64_t k = 0; k < 200; ++k)
        append(chunk, me.wire(proto::Peek{partition, "silent", Lane(0), std::nullopt, 1, 1, i % 2 == 0 ? 60'000u : 20u}, k + 1));
      if (!me.send(held[i], chunk))
        held[i].reset();
      else
        read_away(held[i]);
    }
  }
}

/// Topics and groups that are made on the fly, until none is made any more.
void topics(Attacker& me) {
  std::uint64_t next = 0;
  while (me.goes_on()) {
    const Connection socket = me.hello();
    for (;;) {
      Bytes chunk;
      for (int i = 0; i < 100; ++i, ++next)
        append(chunk, publish_frames("t-" + std::to_string(me.number) + "-" + std::to_string(next), 1, 1, me.number + 1, next + 1));
      if (!me.send(socket, chunk)) break;
      read_away(socket);
    }
  }
}

void groups(Attacker& me) {
  std::uint64_t next = 0;
  while (me.goes_on()) {
    const Connection socket = me.hello();
    for (;;) {
      Bytes chunk;
      for (int i = 0; i < 200; ++i, ++next)
        append(chunk, me.wire(proto::PutGroup{"t-" + std::to_string(next / 1'000),
                                              "g-" + std::to_string(next % 1'000) + std::string(180, 'g'),
                                              proto::StartFrom::kEarliest,
                                              {8}},
                              next));
      if (!me.send(socket, chunk)) break;
      read_away(socket);
    }
  }
}

void producers(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.hello();
    for (;;) {
      Bytes chunk;
      for (int i = 0; i < 100; ++i) append(chunk, publish_frames("attack", 1, 1, me.any(), 1));
      if (!me.send(socket, chunk)) break;
      read_away(socket);
    }
  }
}

/// Messages without an answer into a topic that is full.
void full_topic(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, proto::PutTopic{"full", {0, 0, 1u << 20}});
    for (std::uint64_t sequence = 1;; ++sequence)
      if (!me.send(socket, publish_frames("full", 1'000, 900, me.any(), sequence))) break;
  }
}

}  // namespace

std::vector<Attack> session_attacks() {
  return {
      {"stale_acks", "acks, fails and unsubscribes of what nobody was given", stale_acks, {refused("unknown_subscription")}},
      {.name = "large_resumes",
       .what = "resumes of 1.5 MB that name 65,536 ranges",
       .run = large_resumes,
       .counted = {refused("unknown_subscription")},
       .threads = 2,
       .prepare = one_large_resume},
      {"hellos", "sessions by the thousand, on one connection and of one client", hellos, {{"takt_sessions_taken_over_total"}}},
      {"subscriptions", "subscribing and unsubscribing without end", subscriptions, {refused("subscription_in_use")}},
      {"waiting_peeks", "thousands of peeks that wait for the next honest message", waiting_peeks, {refused("busy")}, 2},
      {.name = "owed_replies",
       .what = "128 clients keep all replies taken that they may be owed",
       .run = owed_replies,
       .counted = {refused("busy")},
       .threads = 2,
       .prepare = silent_topic},
      {"topics", "topics made on the fly", topics, {refused("too_many_topics")}, 2},
      {"groups", "groups made on the fly, with long names", groups, {refused("too_many_groups")}, 2},
      {"producers",
       "a new producer for each message",
       producers,
       {refused("too_many_producers")},
       2,
       {},
       {},
       HonestOptions::Newcomers::kShutOut},
      {"full_topic", "messages into a topic that is full", full_topic, {refused("topic_full")}},
  };
}

}  // namespace takt::attack
