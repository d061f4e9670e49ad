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
    desk_.received(transport::ConnectionId(connection), frames, now_.mono);
    turn();
  }
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
        } else {   // nothing is on disk that is not in the cache
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

enum Action : std::uint8_t { kSay, kSayThree, kLeave, kWaitShort, kWaitLong, kCheckpoint, kPublish, kActions };

std::vector<SharedBytes> raw_frames(fuzz::Input& input, int count) {
  std::vector<SharedBytes> frames;
  for (; count > 0; --count) frames.push_back(SharedBytes::own(input.bytes(input.number() % 4'096)));
  return frames;
}

/// A batch whose checksums hold, which no fuzzer finds by itself.
std::vector<SharedBytes> honest_batch(fuzz::Input& input) {
  proto::Publish publish;
  publish.topic = std::string(1, static_cast<char>('p' + input.byte() % 8));
  publish.lane = Lane(input.byte() % 8);
  publish.acks = static_cast<proto::Acks>(input.byte() % 3);
  publish.producer = ProducerId(input.byte() % 6);
  publish.producer_epoch = input.byte() % 3;
  publish.sequence = Sequence(input.number());
  publish.count = 1 + input.byte() % 8;
  proto::SectionBuilder builder;
  std::vector<std::byte> record;
  proto::append_record(record, {.kind = "k", .tags = {}, .attributes = {}, .traceparent = {}, .parent_id = {}, .content_type = {}});
  for (std::uint32_t i = 0; i < publish.count; ++i) builder.add(record, std::vector<std::byte>(input.number() % 3'000));
  proto::Sections sections = builder.take();
  publish.metadata_checksum = proto::section_checksum(sections.metadata);
  publish.payload_checksum = proto::section_checksum(sections.payload);
  return {SharedBytes::own(proto::encode(publish, CorrelationId(input.byte()))), SharedBytes::own(std::move(sections.metadata)),
          SharedBytes::own(std::move(sections.payload))};
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
