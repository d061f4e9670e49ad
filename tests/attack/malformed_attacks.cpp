// Attacks with requests that are not well-formed, in every state of a session.

#include <array>

#include "proto/codec.h"
#include "tests/attack/attacks.h"
#include "tests/proto/lies.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;
using takt::testing::append_frame;
using takt::testing::bytes_of;
using takt::testing::More;
using takt::testing::random_bytes;

constexpr PartitionId partition{0};
constexpr SubscriptionId subscription{1};

void append_message(Bytes& to, const proto::Frames& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) append_frame(to, frames[i], i + 1 < frames.size() ? More::kFollows : More::kLast);
}

/// Every kind of request, those with sections in both forms.
std::vector<proto::Frames> whole_requests() {
  std::vector<proto::Frames> all;
  for (const proto::DecodedRequest& request : proto::requests_of_every_kind()) {
    all.push_back(in_frames(request));
    if (all.back().size() > 1) all.push_back(in_envelope(request));
  }
  return all;
}

/// Some bytes wrong, cut short, or with more behind them.
void damage(Attacker& me, Bytes& frame) {
  for (std::size_t wrong = me.random() % 4; wrong > 0 && !frame.empty(); --wrong)
    frame[me.random() % frame.size()] = static_cast<std::byte>(me.random());
  if (me.random() % 4 == 0) frame.resize(me.random() % (frame.size() + 1));
  if (me.random() % 4 == 0) append(frame, random_bytes(me.random, me.random() % 50));
}

Bytes damaged(Attacker& me, const std::vector<proto::Frames>& wholes, std::size_t count) {
  Bytes chunk;
  for (std::size_t i = 0; i < count; ++i) {
    proto::Frames frames = wholes[me.random() % wholes.size()];
    damage(me, frames[me.random() % frames.size()]);
    append_message(chunk, frames);
  }
  return chunk;
}

/// In each state of a session, once: before Hello, after it, subscribed, while a Resume is on its way, after Goodbye.
template <class Harm>
void in_every_state(Attacker& me, Harm harm) {
  while (me.goes_on()) {
    const Connection socket = me.shake_hands();
    const std::array<std::vector<proto::Request>, 5> states{{
        {},
        {proto::Hello{ClientId(me.any()), proto::ClientKind::kWorker, "attacker", "takt_attack"}},
        {proto::Subscribe{partition, subscription, "attack", "g", proto::StartFrom::kEarliest}},
        {proto::Resume{partition, subscription, {{Lane(7), Offset(0), 1024, LeaseToken(5)}}}},
        {proto::Goodbye{}},
    }};
    for (const auto& entry : states) {
      for (const proto::Request& request : entry)
        if (!me.send(socket, request)) break;
      if (!me.send(socket, harm())) break;
      read_away(socket);
    }
  }
}

void malformed_envelopes(Attacker& me) {
  const auto wholes = whole_requests();
  in_every_state(me, [&] { return damaged(me, wholes, 200); });
}

void lying_sections(Attacker& me) {
  Bytes lies;
  for (const proto::Lie& lie : proto::section_lies()) append_message(lies, lie.frames);
  in_every_state(me, [&]() -> const Bytes& { return lies; });
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

}  // namespace

std::vector<Attack> malformed_attacks() {
  return {
      {"malformed_envelopes",
       "damaged requests of every kind before Hello, after it, subscribed, during a Resume, after Goodbye",
       malformed_envelopes,
       {refused("malformed_frame"), refused("bad_field"), refused("checksum_mismatch"), refused("hello_required")},
       2},
      {"lying_sections",
       "sections that lie, in frames and in envelopes, and of types that have none, in the same states",
       lying_sections,
       {refused("malformed_frame"), refused("frame_count"), refused("checksum_mismatch"), refused("bad_section")},
       2},
      {"random_envelopes", "envelopes with random bodies", random_envelopes, {refused("bad_field"), refused("malformed_frame")}, 2},
      {"deep_msgpack",
       "deeply nested msgpack, and arrays that declare 2^32 elements",
       deep_msgpack,
       {refused("too_deep"), refused("malformed_frame")}},
      {"lying_batches", "batches that do not match their checksums", lying_batches, {refused("checksum_mismatch")}, 2},
  };
}

}  // namespace takt::attack
