// Attacks with envelopes: malformed ones in every state of a session, floods of valid ones.

#include <array>

#include "proto/codec.h"
#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;
using takt::testing::append_frame;
using takt::testing::bytes_of;
using takt::testing::random_bytes;

constexpr PartitionId partition{0};
constexpr SubscriptionId subscription{1};

/// Reads away what has come, so that the broker is not asked to hold it.
void read_away(const Connection& socket) { socket->receive(4u << 20, 0ms); }

std::vector<proto::Request> every_kind() {
  return {
      proto::Subscribe{partition, subscription, "attack", "g", proto::StartFrom::kEarliest},
      proto::Credit{partition, subscription, proto::CreditKind::kOnce, 5, 1000, 0},
      proto::Ack{partition, subscription, {{Slot(3), LeaseToken(9), {{0, 1024}}}}},
      proto::Fail{partition, subscription, Slot(0), LeaseToken(9), 7, proto::FailOutcome::kRetry, ~std::uint64_t{0}, 9, "no"},
      proto::Resume{partition, subscription, {{Lane(7), Offset(0), 1024, LeaseToken(5)}}},
      proto::Unsubscribe{partition, subscription},
      proto::Peek{partition, "attack", Lane(0), Offset(0), 0xFFFFFFFF, 0xFFFFFFFF, 0},
      proto::PutGroup{"attack", "g", proto::StartFrom::kNow, {8}},
      proto::ListGroups{""},
      proto::Metadata{},
      proto::Heartbeat{},
  };
}

/// Valid requests with some bytes wrong, cut short, or with more behind them.
Bytes damaged(Attacker& me, const std::vector<proto::Request>& kinds, std::size_t count) {
  Bytes chunk;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes envelope = proto::encode(kinds[me.random() % kinds.size()], CorrelationId(i));
    for (std::size_t wrong = me.random() % 4; wrong > 0; --wrong)
      envelope[me.random() % envelope.size()] = static_cast<std::byte>(me.random());
    if (me.random() % 4 == 0) envelope.resize(me.random() % (envelope.size() + 1));
    if (me.random() % 4 == 0) append(envelope, random_bytes(me.random, me.random() % 50));
    append_frame(chunk, envelope);
  }
  return chunk;
}

/// In each state of a session: before Hello, after it, subscribed, while a Resume is on its way, after Goodbye.
void malformed_envelopes(Attacker& me) {
  const auto kinds = every_kind();
  while (me.goes_on()) {
    const Connection socket = me.shake_hands();
    const std::array<std::vector<proto::Request>, 5> states{{
        {},
        {proto::Hello{ClientId(me.any()), proto::ClientKind::kWorker, "attacker", "takt_attack"}},
        {kinds[0]},
        {kinds[4]},
        {proto::Goodbye{}},
    }};
    for (const auto& entry : states) {
      for (const proto::Request& request : entry)
        if (!me.send(socket, request)) break;
      if (!me.send(socket, damaged(me, kinds, 200))) break;
      read_away(socket);
    }
  }
}

void random_envelopes(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.hello();
    Bytes chunk;
    for (int i = 0; i < 200; ++i) {
      Bytes envelope = bytes_of({0x94, 1, static_cast<int>(me.random() % 64), static_cast<int>(me.random() % 128)});
      append(envelope, random_bytes(me.random, me.random() % 100));
      append_frame(chunk, envelope);
    }
    while (me.send(socket, chunk)) read_away(socket);
  }
}

/// Nesting without end, and arrays, maps, texts and binaries that declare up to 2^32 elements.
void deep_msgpack(Attacker& me) {
  Bytes chunk;
  for (const int opener : {0x91, 0x9F, 0x81, 0xDC}) append_frame(chunk, Bytes(60'000, static_cast<std::byte>(opener)));
  for (const int huge : {0xDD, 0xDF, 0xDB, 0xC6, 0xC9}) {
    Bytes envelope = bytes_of({0x94, 1, 4, 1});
    append(envelope, bytes_of({huge, 0xFF, 0xFF, 0xFF, 0xFF}));
    append_frame(chunk, envelope);
    append_frame(chunk, bytes_of({huge, 0xFF, 0xFF, 0xFF, 0xFF, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF}));
  }
  while (me.goes_on()) {
    const Connection socket = me.hello();
    while (me.send(socket, chunk)) read_away(socket);
  }
}

void lying_batches(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.hello();
    for (std::uint64_t i = 1; i < 1'000 && me.goes_on(); ++i) {
      Bytes batch = publish_frames("attack", 50, 200, me.number + 1, i, proto::Acks::kLeader);
      batch[batch.size() - 1 - me.random() % 10'000] ^= std::byte{1};
      if (!me.send(socket, batch)) break;
      read_away(socket);
    }
  }
}

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
    me.send(socket, every_kind()[0]);
    while (me.send(socket, chunk)) read_away(socket);
  }
}

void large_resumes(Attacker& me) {
  proto::Resume resume{partition, subscription, {}};
  for (std::uint64_t i = 0; i < 65'536; ++i) resume.held.push_back({Lane(static_cast<std::uint8_t>(i % 8)), Offset(i), 1, LeaseToken(i)});
  const Bytes chunk = me.wire(resume);
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, every_kind()[0]);
    while (me.send(socket, chunk)) read_away(socket);
  }
}

/// Sessions by the thousand: new ones on one connection, and one client's on many.
void hellos(Attacker& me) {
  Bytes fresh;
  for (int i = 0; i < 500; ++i)
    append(fresh, me.wire(proto::Hello{ClientId(me.any()), proto::ClientKind::kWorker, std::string(200, 'h'), std::string(200, 's')}));
  const Bytes same = me.wire(proto::Hello{ClientId(4711), proto::ClientKind::kWorker, "same", "takt_attack"});
  while (me.goes_on()) {
    const Connection socket = me.shake_hands();
    for (int i = 0; i < 20 && me.send(socket, fresh); ++i) read_away(socket);
    me.send(socket, same);
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
      {"malformed_envelopes",
       "damaged requests before Hello, after it, subscribed, during a Resume, after Goodbye",
       malformed_envelopes,
       {refused("malformed_frame"), refused("bad_field")},
       2},
      {"random_envelopes", "envelopes with random bodies", random_envelopes, {refused("bad_field"), refused("malformed_frame")}, 2},
      {"deep_msgpack", "deeply nested msgpack, and arrays that declare 2^32 elements", deep_msgpack, {refused("too_deep")}},
      {"lying_batches", "batches that do not match their checksums", lying_batches, {refused("checksum_mismatch")}, 2},
      {"stale_acks", "acks, fails and unsubscribes of what nobody was given", stale_acks, {refused("unknown_subscription")}},
      {"large_resumes", "resumes that name 65,536 leases", large_resumes, {{"takt_network_received_messages_total"}}, 2},
      {"hellos", "sessions by the thousand, on one connection and of one client", hellos, {{"takt_sessions_taken_over_total"}}},
      {"subscriptions", "subscribing and unsubscribing without end", subscriptions, {refused("subscription_in_use")}},
      {"waiting_peeks", "thousands of peeks that wait for the next honest message", waiting_peeks, {refused("busy")}, 2},
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
