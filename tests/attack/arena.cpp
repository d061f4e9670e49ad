#include "tests/attack/arena.h"

#include <stdexcept>

#include "proto/codec.h"
#include "proto/record.h"

namespace takt::attack {

using namespace std::chrono_literals;
using takt::testing::append;
using takt::testing::append_frame;
using takt::testing::More;

void Arena::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  ended_.notify_all();
}

void Arena::pay(std::size_t bytes) {
  bytes_sent += bytes;
  std::unique_lock lock(mutex_);
  const Clock::time_point at = free_at_;
  free_at_ = std::max(free_at_, Clock::now()) + std::chrono::nanoseconds(bytes * 1'000'000'000 / options_.bytes_per_second);
  ended_.wait_until(lock, at, [&] { return stopped_.load(); });
}

bool Arena::linger(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !ended_.wait_for(lock, time, [&] { return stopped_.load(); });
}

Connection Attacker::open(std::uint16_t port) {
  try {
    auto socket = std::make_unique<RawSocket>(port);
    ++arena.connections;
    return socket;
  } catch (const std::runtime_error&) {
    return nullptr;
  }
}

Connection Attacker::connect() { return open(takt::testing::port_of(arena.options().server)); }
Connection Attacker::connect_http() { return open(arena.options().http_port); }

Connection Attacker::shake_hands(std::string_view identity) {
  Connection socket = connect();
  if (!socket) return nullptr;
  Bytes bytes = takt::testing::zmtp_greeting();
  append(bytes, takt::testing::zmtp_ready(identity));
  if (!send(socket, bytes)) return nullptr;
  if (socket->receive(64, 5s).size() < 64) return nullptr;
  return socket;
}

Connection Attacker::hello() {
  Connection socket = shake_hands();
  if (socket && !send(socket, proto::Hello{ClientId(any()), proto::ClientKind::kWorker, "attacker", "takt_attack"})) return nullptr;
  return socket;
}

bool Attacker::send(const Connection& to, std::span<const std::byte> bytes) {
  constexpr std::size_t step = 64 * 1024;   // so that the budget is kept evenly
  while (to && !bytes.empty() && goes_on()) {
    const auto part = bytes.first(std::min(step, bytes.size()));
    arena.pay(part.size());
    if (!to->send(part)) return false;
    bytes = bytes.subspan(part.size());
  }
  return to && bytes.empty();
}

Bytes Attacker::wire(const proto::Request& request, std::uint64_t correlation) {
  return takt::testing::zmtp_frame(proto::encode(request, CorrelationId(correlation)));
}

void read_away(const Connection& socket) { socket->receive(4u << 20, 0ms); }

Bytes publish_frames(const std::string& topic, std::uint32_t count, std::size_t payload_bytes, std::uint64_t producer,
                     std::uint64_t sequence, proto::Acks acks) {
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::append_record(record, {.kind = "attack", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
  const Bytes payload(payload_bytes, std::byte{'x'});
  for (std::uint32_t i = 0; i < count; ++i) builder.add(record, payload);
  const proto::Sections sections = builder.take();
  proto::Publish publish;
  publish.topic = topic;
  publish.acks = acks;
  publish.producer = ProducerId(producer);
  publish.sequence = Sequence(sequence);
  publish.count = count;
  publish.metadata_checksum = proto::section_checksum(sections.metadata);
  publish.payload_checksum = proto::section_checksum(sections.payload);
  Bytes bytes;
  append_frame(bytes, proto::encode(publish, CorrelationId(sequence)), More::kFollows);
  append_frame(bytes, sections.metadata, More::kFollows);
  append_frame(bytes, sections.payload);
  return bytes;
}

}  // namespace takt::attack
