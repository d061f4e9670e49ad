// Attacks by not reading: what was asked for has to wait in the broker.

#include <takt/client.h>

#include <stdexcept>

#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;

constexpr PartitionId partition{0};

/// Some 48 MB that everybody may ask for.
void hoard(Attacker& me) {
  auto client = Client::open({.server = me.arena.options().server});
  const Bytes payload(100'000, std::byte{'h'});
  const std::vector<RawMessage> messages(500, RawMessage{"hoard", payload});
  if (!client || client->send_many_async(messages, {.topic = "hoard"}).count != messages.size() || !client->flush(60s))
    throw std::runtime_error("the attack cannot store what it wants to ask for");
}

/// Connections that say `request` and never read.
void ask_and_never_read(Attacker& me, std::size_t connections, const std::function<Bytes(std::size_t)>& request) {
  std::vector<Connection> held(connections);
  while (me.goes_on()) {
    for (std::size_t i = 0; i < held.size() && me.goes_on(); ++i) {
      if (!held[i]) held[i] = me.hello();
      if (!me.send(held[i], request(i))) held[i].reset();
    }
    me.arena.linger(100ms);
  }
}

void slow_workers(Attacker& me) {
  ask_and_never_read(me, 100, [&](std::size_t i) {
    Bytes bytes = me.wire(proto::Subscribe{partition, SubscriptionId(1), "hoard", "g" + std::to_string(i), proto::StartFrom::kEarliest});
    append(bytes, me.wire(proto::Credit{partition, SubscriptionId(1), proto::CreditKind::kStanding, 65'536, 1u << 30, 0}));
    return bytes;
  });
}

void slow_subscriptions(Attacker& me) {
  std::uint32_t next = 0;
  ask_and_never_read(me, 10, [&](std::size_t) {
    Bytes bytes;
    for (int i = 0; i < 100; ++i, ++next) {
      const SubscriptionId id(next);
      append(bytes, me.wire(proto::Subscribe{partition, id, "hoard", "g" + std::to_string(next % 900), proto::StartFrom::kEarliest}));
      append(bytes, me.wire(proto::Credit{partition, id, proto::CreditKind::kStanding, 65'536, 1u << 30, 0}));
    }
    return bytes;
  });
}

void slow_peeks(Attacker& me) {
  ask_and_never_read(me, 100,
                     [&](std::size_t) { return me.wire(proto::Peek{partition, "hoard", Lane(0), Offset(0), 10'000, 1u << 20, 0}); });
}

void many_topics(Attacker& me) {
  const Connection socket = me.hello();
  for (int i = 0; i < 2'000; i += 100) {
    Bytes chunk;
    for (int k = i; k < i + 100; ++k) append(chunk, me.wire(proto::PutTopic{std::to_string(k) + std::string(190, 't'), {}}));
    if (!me.send(socket, chunk)) throw std::runtime_error("the attack cannot make the topics that it wants to list");
    socket->receive(4u << 20, 20ms);
  }
}

/// Listings of many topics with long names: a small question, a large answer.
void slow_listings(Attacker& me) {
  ask_and_never_read(me, 20, [&](std::size_t) {
    Bytes bytes;
    for (int i = 0; i < 20; ++i) append(bytes, me.wire(proto::ListTopics{}));
    return bytes;
  });
}

void unread_replies(Attacker& me) {
  Bytes requests;
  for (int i = 0; i < 5'000; ++i) append(requests, me.wire(proto::Metadata{}));
  while (me.goes_on()) {
    const Connection socket = me.hello();
    while (me.send(socket, requests)) {}
  }
}

const Counter slow{"takt_slow_peers_dropped_total"};
const Counter handed_out{"takt_messages_delivered_total", {"topic=\"hoard\""}};

}  // namespace

std::vector<Attack> reader_attacks() {
  const std::vector<std::string> room{"store.map_bytes=8GiB", "store.bytes_max=4GiB"};
  // A worker's share of what may wait for all is small: where the kernel's buffers hold it, nobody need be dropped or refused.
  return {
      {.name = "slow_workers",
       .what = "100 workers with all the credit there is that read nothing",
       .run = slow_workers,
       .counted = {handed_out},
       .settings = room,
       .prepare = hoard},
      {.name = "slow_subscriptions",
       .what = "10 workers with 100 subscriptions and more that read nothing",
       .run = slow_subscriptions,
       .counted = {handed_out},
       .settings = room,
       .prepare = hoard},
      {.name = "slow_peeks",
       .what = "100 connections that peek 1 MiB at a time and read nothing",
       .run = slow_peeks,
       .counted = {one_of(refused("busy"), {slow})},
       .settings = room,
       .prepare = hoard},
      {.name = "slow_listings",
       .what = "20 connections that list 2,000 topics and read nothing",
       .run = slow_listings,
       .counted = {one_of(refused("busy"), {slow})},
       .settings = room,
       .prepare = many_topics},
      {"unread_replies",
       "requests without end whose replies nobody reads",
       unread_replies,
       {one_of(slow, {refused("busy"), {"takt_endless_messages_total"}})},
       2},
  };
}

}  // namespace takt::attack
