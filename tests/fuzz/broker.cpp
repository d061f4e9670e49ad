// links: takt_transport takt_core
// Hostile clients of desk and partition together, without sockets: rows of {action, connection, frames with their lengths}.
// Whatever comes, in whatever state, the broker answers or refuses and keeps its counts.

#include "broker/core/partition.h"
#include "broker/transport/desk.h"
#include "proto/check.h"
#include "proto/record.h"
#include "tests/fuzz/input.h"

namespace {

using namespace takt;

class Broker {
 public:
  Broker() {
    partition_.loaded_to(Position(0));
    partition_.start(now_);
    turn();
  }

  void say(std::uint64_t connection, std::span<const SharedBytes> frames) {
    hear(connection, frames);
    turn();
  }
  /// To be handled in one turn with whatever comes next.
  void hear(std::uint64_t connection, std::span<const SharedBytes> frames) {
    desk_.received(transport::ConnectionId(connection), transport::Desk::Presence::kHere, frames, now_.mono);
  }
  void finish_turn() { turn(); }
  void leave(std::uint64_t connection) {
    desk_.ended(transport::ConnectionId(connection));
    turn();
  }
  void wait(Duration time) {
    now_.mono += time;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(time);
    desk_.tick(now_.mono);
    desk_.relieve(now_.mono);
    partition_.tick(now_);
    turn();
  }
  void checkpoint() {
    static_cast<void>(partition_.freeze());
    partition_.checkpointed();
  }
  void finish() {
    for (std::uint64_t connection = 0; connection < 4; ++connection) leave(connection);
    const transport::DeskStats stats = desk_.stats();
    check(stats.sessions == 0, "no session outlives its connection");
    check(stats.replies_reserved == 0, "no reply is owed to nobody");
    check(stats.outbound_bytes == 0, "nothing waits for nobody");
    check(partition_.stats().sessions == 0, "the partition has heard of every end");
    check(partition_.stats().leased == 0, "no lease outlives its session");
  }

 private:
  void turn() {
    for (bool goes_on = true; goes_on;) {
      transport::Desk::Output output = desk_.take_output();
      goes_on = !output.commands.empty();
      for (auto* list : {&output.commands.prior, &output.commands.later})
        for (core::Command& command : *list) partition_.handle(std::move(command), now_);
      for (const transport::Departure& departure : output.departures) desk_.sent(departure.to, departure.bytes);
      while (auto commit = partition_.seal(now_)) partition_.committed(commit->end, now_);
      for (core::Effect& effect : partition_.take_effects()) {
        goes_on = true;
        if (auto* outgoing = std::get_if<core::Outgoing>(&effect)) {
          desk_.reply(std::move(*outgoing));
        } else {   // nothing is on disk: what is not in the cache, as what has fired, is gone
          const auto& load = std::get<core::LoadBlocks>(effect);
          partition_.handle(core::BlocksLoaded{load.topic, load.lane, load.from, load.from.plus(1), {}, {}}, now_);
        }
      }
    }
  }

  static transport::DeskSettings settings() {
    transport::DeskSettings settings;
    settings.replies_per_session_max = 20;
    settings.publish_bytes_max = 1u << 20;
    return settings;
  }
  static core::PartitionSettings bounds() {
    core::PartitionSettings settings;
    settings.topics_max = 5;
    settings.groups_max = 8;
    settings.groups_per_topic_max = 4;
    settings.subscriptions_per_session_max = 4;
    settings.producers_max = 4;
    settings.in_flight_max = 50;
    settings.in_flight_per_worker_max = 30;
    return settings;
  }

  Now now_{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(400'000))};
  core::Partition partition_{bounds()};
  transport::Desk desk_{settings()};
};

enum Action : std::uint8_t { kSay, kSayThree, kLeave, kWaitShort, kWaitLong, kCheckpoint, kPublish, kPublishRun, kActions };

std::vector<SharedBytes> raw_frames(fuzz::Input& input, int count) {
  std::vector<SharedBytes> frames;
  for (; count > 0; --count) frames.push_back(SharedBytes::own(input.bytes(input.number() % 4'096)));
  return frames;
}

/// A batch whose checksums hold, which no fuzzer finds by itself; in three frames or in one.
std::vector<SharedBytes> framed(proto::Publish& publish, CorrelationId correlation, proto::Sections&& sections, bool is_one_frame) {
  publish.metadata_checksum = proto::section_checksum(sections.metadata);
  publish.payload_checksum = proto::section_checksum(sections.payload);
  if (is_one_frame) return {SharedBytes::own(proto::encode(publish, correlation, {sections.metadata, sections.payload}))};
  return {SharedBytes::own(proto::encode(publish, correlation)), SharedBytes::own(std::move(sections.metadata)),
          SharedBytes::own(std::move(sections.payload))};
}

proto::Sections some_messages(fuzz::Input& input, std::uint32_t count) {
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
  for (std::uint32_t i = 0; i < count; ++i) builder.add(record, std::vector<std::byte>(input.number() % 3'000));
  return builder.take();
}

proto::Publish some_publish(fuzz::Input& input) {
  proto::Publish publish;
  publish.topic = std::string(1, static_cast<char>('p' + input.byte() % 8));
  publish.lane = Lane(input.byte() % 8);
  publish.acks = static_cast<proto::Acks>(input.byte() % 3);
  publish.producer = ProducerId(input.byte() % 6);
  publish.producer_epoch = input.byte() % 3;
  publish.sequence = Sequence(input.number());
  return publish;
}

std::vector<SharedBytes> honest_batch(fuzz::Input& input) {
  proto::Publish publish = some_publish(input);
  const std::uint8_t shape = input.byte();
  publish.count = 1 + shape % 8;
  proto::Sections sections = some_messages(input, publish.count);
  return framed(publish, CorrelationId(input.byte()), std::move(sections), (shape & 0x80) != 0);
}

/// As a producer sends them: one sequence and correlation after the other. They are handled in one turn, so that answers are
/// joined; at a place that the input names, something else is between.
void publish_run(Broker& broker, std::uint64_t connection, fuzz::Input& input) {
  proto::Publish publish = some_publish(input);
  publish.count = 1 + input.byte() % 2;
  CorrelationId correlation(input.number());
  const std::uint32_t requests = 2 + input.byte() % 20;
  const std::uint32_t gap = input.byte() % 32;
  for (std::uint32_t i = 0; i < requests; ++i, correlation = correlation.plus(1), publish.sequence = publish.sequence.plus(1)) {
    if (i == gap) broker.hear(connection, honest_batch(input));
    proto::Sections sections = some_messages(input, publish.count);
    broker.hear(connection, framed(publish, correlation, std::move(sections), input.byte() % 2 == 0));
  }
  broker.finish_turn();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Broker broker;
  for (int step = 0; step < 200 && !input.is_empty(); ++step) {
    const std::uint8_t choice = input.byte();
    const std::uint64_t connection = choice >> 6;
    switch (static_cast<Action>(choice % kActions)) {
      case kSay: broker.say(connection, raw_frames(input, 1)); break;
      case kSayThree: broker.say(connection, raw_frames(input, 3)); break;
      case kPublish: broker.say(connection, honest_batch(input)); break;
      case kPublishRun: publish_run(broker, connection, input); break;
      case kLeave: broker.leave(connection); break;
      case kWaitShort: broker.wait(std::chrono::milliseconds(20)); break;
      case kWaitLong: broker.wait(std::chrono::milliseconds(900)); break;
      case kCheckpoint: broker.checkpoint(); break;
      case kActions: break;
    }
  }
  broker.finish();
  return 0;
}
