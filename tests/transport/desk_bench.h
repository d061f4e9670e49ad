#pragma once
// A desk with a client's side: sends real encoded frames and decodes what comes back.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "broker/transport/desk.h"
#include "proto/record.h"

namespace takt::transport {

struct DecodedDeparture {
  ConnectionId to;
  CorrelationId correlation;
  proto::Reply body;
};

inline std::vector<SharedBytes> frames_of(const proto::Request& request, CorrelationId correlation, proto::Sections sections = {}) {
  std::vector<SharedBytes> frames{SharedBytes::own(proto::encode(request, correlation))};
  if (proto::frame_count(proto::type_of(request)) == 3) {
    frames.push_back(SharedBytes::own(std::move(sections.metadata)));
    frames.push_back(SharedBytes::own(std::move(sections.payload)));
  }
  return frames;
}

inline proto::Sections messages(std::uint32_t count, std::size_t payload_bytes = 3) {
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
  const std::vector<std::byte> payload(payload_bytes, std::byte{'x'});
  for (std::uint32_t i = 0; i < count; ++i) builder.add(record, payload);
  return builder.take();
}

inline proto::Publish publish_of(const proto::Sections& sections, std::uint32_t count, proto::Acks acks = proto::Acks::kAll) {
  proto::Publish publish;
  publish.topic = "photos";
  publish.acks = acks;
  publish.producer = ProducerId(7);
  publish.sequence = Sequence(1);
  publish.count = count;
  publish.metadata_checksum = proto::section_checksum(sections.metadata);
  publish.payload_checksum = proto::section_checksum(sections.payload);
  return publish;
}

class DeskBench : public ::testing::Test {
 protected:
  explicit DeskBench(DeskSettings settings = {}) : desk(settings) {}

  void send(ConnectionId from, const proto::Request& request, std::uint64_t correlation = 1, proto::Sections sections = {}) {
    desk.received(from, Desk::Presence::kHere, frames_of(request, CorrelationId(correlation), std::move(sections)), now);
    collect();
  }
  /// Of a connection that has left meanwhile.
  void send_and_leave(ConnectionId from, const proto::Request& request, proto::Sections sections = {}) {
    desk.received(from, Desk::Presence::kLeft, frames_of(request, CorrelationId(1), std::move(sections)), now);
    collect();
  }
  void send_raw(ConnectionId from, std::vector<std::vector<std::byte>> frames) {
    std::vector<SharedBytes> shared;
    for (auto& frame : frames) shared.push_back(SharedBytes::own(std::move(frame)));
    desk.received(from, Desk::Presence::kHere, shared, now);
    collect();
  }
  void publish(ConnectionId from, std::uint64_t correlation = 1, proto::Acks acks = proto::Acks::kAll, std::size_t payload_bytes = 3) {
    auto sections = messages(1, payload_bytes);
    const auto request = publish_of(sections, 1, acks);
    send(from, request, correlation, std::move(sections));
  }
  SessionId hello(ConnectionId from, std::uint64_t client) {
    send(from, proto::Hello{ClientId(client), proto::ClientKind::kWorker, "w", "test"}, 99);
    const auto reply = take_reply<proto::HelloReply>(from);
    return reply ? reply->session : SessionId(0);
  }
  void tick_at(Time at) {
    now = at;
    desk.tick(now);
    collect();
  }
  void collect() {
    Desk::Output output = desk.take_output();
    for (auto& command : output.commands.prior) prior.push_back(std::move(command));
    for (auto& command : output.commands.later) later.push_back(std::move(command));
    for (Departure& departure : output.departures) {
      auto decoded = decoder.reply(departure.frames.front().bytes);
      ASSERT_TRUE(decoded) << decoded.error().refusal.message;
      replies.push_back({departure.to, decoded->correlation, std::move(decoded->body)});
      departures.push_back(std::move(departure));
    }
    for (const ConnectionId id : output.dropped) dropped.push_back(id);
  }
  /// The oldest reply of type T to `to`; taken out.
  template <class T>
  std::optional<T> take_reply(ConnectionId to) {
    for (auto reply = replies.begin(); reply != replies.end(); ++reply) {
      if (reply->to != to || !std::holds_alternative<T>(reply->body)) continue;
      T found = std::move(std::get<T>(reply->body));
      replies.erase(reply);
      return found;
    }
    return std::nullopt;
  }
  std::optional<ErrorCode> take_error(ConnectionId to) {
    const auto error = take_reply<proto::Error>(to);
    return error ? std::optional(error->code) : std::nullopt;
  }
  void answer(SessionId session, std::uint64_t correlation, proto::Reply body) {
    desk.reply({session, CorrelationId(correlation), std::move(body), {}});
    collect();
  }
  std::size_t lost(core::SessionEnd how) const {
    std::size_t count = 0;
    for (const auto* list : {&prior, &later})
      for (const auto& command : *list)
        if (const auto* end = std::get_if<core::SessionLost>(&command)) count += end->how == how ? 1 : 0;
    return count;
  }

  static constexpr ConnectionId a{1};
  static constexpr ConnectionId b{2};
  Desk desk;
  Time now{std::chrono::hours(1)};
  proto::Decoder decoder;
  std::vector<core::Command> prior, later;
  std::vector<DecodedDeparture> replies;
  std::vector<Departure> departures;
  std::vector<ConnectionId> dropped;
};

}  // namespace takt::transport
