// Attacks with the frames of ZMTP, after an honest handshake.

#include "proto/codec.h"
#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using takt::testing::append;
using takt::testing::append_frame;
using takt::testing::bytes_of;
using takt::testing::More;
using takt::testing::random_bytes;
using takt::testing::zmtp_command;
using takt::testing::zmtp_long_head;

/// Sends `chunk` on a connection with a handshake until it is closed, and again on the next.
void repeat(Attacker& me, const Bytes& chunk) {
  while (me.goes_on()) {
    const Connection socket = me.shake_hands();
    while (me.send(socket, chunk)) {}
  }
}

Bytes frames_that_go_on(std::size_t count, std::size_t bytes) {
  Bytes chunk;
  const Bytes body(bytes);
  for (std::size_t i = 0; i < count; ++i) append_frame(chunk, body, More::kFollows);
  return chunk;
}

void endless_frames(Attacker& me) { repeat(me, frames_that_go_on(1'000, 250)); }
void endless_empty_frames(Attacker& me) { repeat(me, frames_that_go_on(100'000, 0)); }
void endless_large_frames(Attacker& me) { repeat(me, frames_that_go_on(1, 1u << 20)); }

/// Endless messages on connections with a session and honest requests between their begin and the next look.
void endless_frames_in_sessions(Attacker& me) {
  const Bytes chunk = frames_that_go_on(1'000, 250);
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, proto::ListGroups{"honest"});
    while (me.send(socket, chunk)) {}
  }
}

/// Each stays below what one message may have and keeps it: many connections with half a message.
void half_messages(Attacker& me) {
  constexpr std::size_t count = 400;
  std::vector<Connection> held(count);
  Bytes half = zmtp_long_head(1u << 20);
  half.resize(1u << 20);
  while (me.goes_on()) {
    for (Connection& socket : held) {
      if (!socket) socket = me.hello();
      if (!me.send(socket, half)) socket.reset();
      if (!me.goes_on()) return;
    }
    me.arena.linger(std::chrono::seconds(1));
  }
}

void declared_lengths(Attacker& me) {
  while (me.goes_on()) {
    for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 32, std::uint64_t{2} << 20}) {
      Bytes bytes = zmtp_long_head(length);
      append(bytes, random_bytes(me.random, 1'000));
      me.send(me.shake_hands(), bytes);
    }
  }
}

void large_batches(Attacker& me) {
  const Bytes too_large = publish_frames("attack", 1, (1u << 20) + 2'000, 1, 1, proto::Acks::kLeader);
  while (me.goes_on()) {
    const Connection socket = me.hello();
    while (me.send(socket, too_large)) socket->receive(64 * 1024, std::chrono::milliseconds(0));
  }
}

void too_many_frames(Attacker& me) {
  Bytes chunk;
  const Bytes valid = proto::encode(proto::Heartbeat{}, CorrelationId(1));
  for (int message = 0; message < 500; ++message)
    for (int frame = 0; frame < 8; ++frame)
      append_frame(chunk, frame == 0 && message % 2 == 0 ? valid : random_bytes(me.random, 20), frame < 7 ? More::kFollows : More::kLast);
  while (me.goes_on()) {
    const Connection socket = me.hello();
    while (me.send(socket, chunk)) socket->receive(1u << 20, std::chrono::milliseconds(0));
  }
}

void pings(Attacker& me) {
  Bytes ping = bytes_of({0, 100});
  append(ping, random_bytes(me.random, 16));
  Bytes chunk;
  for (int i = 0; i < 2'000; ++i) append(chunk, zmtp_command("PING", ping));
  repeat(me, chunk);
}

/// Requests and PINGs in turns, and a reset while the broker reads nothing more from the connection.
void reset_pings(Attacker& me) {
  Bytes ping = bytes_of({0, 100});
  append(ping, random_bytes(me.random, 16));
  Bytes chunk;
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    append(chunk, me.wire(proto::ListGroups{"honest"}, i + 1));
    append(chunk, zmtp_command("PING", ping));
  }
  while (me.goes_on()) {
    const Connection socket = me.hello();
    me.send(socket, chunk);
  }
}

void foreign_commands(Attacker& me) {
  while (me.goes_on()) {
    const Connection socket = me.shake_hands();
    Bytes chunk;
    for (const std::string_view name : {"SUBSCRIBE", "CANCEL", "READY", "ERROR", "JOIN", "PONG", "", "NONSENSE"})
      append(chunk, zmtp_command(name, random_bytes(me.random, me.random() % 300)));
    for (int i = 0; i < 100 && me.send(socket, chunk); ++i) {}
  }
}

const Counter endless{"takt_endless_messages_total"};
const Counter unheard{"takt_connections_unheard_total"};

}  // namespace

std::vector<Attack> frame_attacks() {
  return {
      {"endless_frames", "a message of small frames that does not end", endless_frames, {endless}},
      {"endless_empty_frames", "a message of empty frames that does not end", endless_empty_frames, {endless}},
      {"endless_large_frames", "a message of frames of 1 MiB that does not end", endless_large_frames, {endless}},
      {"endless_in_sessions", "such messages from connections with a session, on four threads", endless_frames_in_sessions, {endless}, 4},
      {"half_messages", "400 sessions that send 1 MiB of a message and no more", half_messages, {endless}},
      {"declared_lengths", "frames that announce up to 2^64 bytes", declared_lengths, {unheard}},
      {"large_batches", "batches just above their limit", large_batches, {refused("batch_too_large")}},
      {"too_many_frames", "messages of eight frames", too_many_frames, {refused("frame_count"), refused("malformed_frame")}},
      {"pings", "a flood of PING commands whose PONGs nobody reads", pings, {endless, unheard}},
      {"reset_pings",
       "requests and PINGs on connections that are reset before they are read",
       reset_pings,
       {{"takt_replies_dropped_total"}},
       4},
      {"foreign_commands", "commands that no client of ours sends", foreign_commands, {refused("malformed_frame")}},
  };
}

}  // namespace takt::attack
