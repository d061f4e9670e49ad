#include "tests/sim/producer.h"

#include "proto/codec.h"
#include "proto/record.h"

namespace takt::sim {
namespace {

constexpr std::size_t open_max = 30;

}  // namespace

proto::RunClass any_class(World& world, const Options& options) {
  return world.random().permille(options.scheduled_permille) ? proto::RunClass::kScheduled : proto::RunClass::kImmediate;
}

proto::Sections sections_of(World& world, const Options& options, std::span<const Value> values, proto::RunClass run_class) {
  Random& random = world.random();
  proto::SectionBuilder builder;
  for (const Value value : values) {
    std::vector<std::byte> record;
    proto::RecordMetadata metadata{.kind = "job"};
    if (run_class == proto::RunClass::kScheduled) {
      const auto delay = std::chrono::floor<std::chrono::milliseconds>(random.duration(std::chrono::milliseconds(1), options.schedule_max));
      if (random.permille(500))
        metadata.delay = delay;
      else
        metadata.due = world.now().wall + delay;
    }
    proto::append_record(record, metadata);
    builder.add(record, as_bytes(payload_of(value, random.below(options.payload_bytes_max + 1))));
  }
  return builder.take();
}

Producer::Producer(World& world, const Options& options, Checker& checker, Network& network, std::string name,
                   std::optional<Identity> identity)
    : Client(world, options, checker, network, proto::ClientKind::kProducer, std::move(name),
             identity ? std::optional(identity->producer) : std::nullopt),
      epoch_(identity ? identity->epoch : 1) {
  connect();
  send_later();
}

void Producer::send_later() {
  timeline_.after(world_.random().around(options_.publish_every), [this] {
    if (is_stopped_ || is_fenced_) return;
    const bool is_wanted = checker_.counts.messages < options_.messages_max && checker_.view().owed() < options_.owed_max;
    if (open_.size() < open_max && is_wanted) send();
    send_later();
  });
}

void Producer::send() {
  Random& random = world_.random();
  BatchRecord record;
  record.producer = producer_;
  record.epoch = epoch_;
  record.topic = "t" + std::to_string(random.below(options_.topics));
  record.lane = Lane(static_cast<std::uint8_t>(random.below(options_.lanes)));
  for (std::uint64_t n = random.between(1, options_.batch_messages_max); n > 0; --n) record.values.push_back(checker_.new_value());
  record.is_relaxed = random.permille(options_.relaxed_permille);
  const proto::RunClass run_class = any_class(world_, options_);
  proto::Sections sections = sections_of(world_, options_, record.values, run_class);

  sdk::Batch batch;
  batch.stream = {record.topic, record.lane, run_class};
  batch.acks = record.is_relaxed ? proto::Acks::kNone : proto::Acks::kAll;
  batch.count = static_cast<std::uint32_t>(record.values.size());
  batch.metadata = SharedBytes::own(std::move(sections.metadata));
  batch.payload = SharedBytes::own(std::move(sections.payload));
  batch.deadline = world_.mono() + options_.send_timeout;
  const std::uint64_t id = checker_.sending(std::move(record));
  batch.id = sdk::BatchId(id);
  open_.insert(id);
  world_.trace("publish", id, batch.count);
  session_.publish(std::move(batch), world_.now());
  pump();
}

// The SDK's producers have numbers of their own and know one epoch; a client that keeps its number raises it.
void Producer::stamp(Frames& frames) {
  if (epoch_ == 1) return;
  proto::Decoder decoder;
  auto decoded = decoder.request(frames.front().bytes);
  auto* publish = decoded ? std::get_if<proto::Publish>(&decoded->body) : nullptr;
  if (publish == nullptr) return;
  publish->producer_epoch = epoch_;
  frames.front() = SharedBytes::own(decoded->sections ? proto::encode(decoded->body, decoded->correlation, *decoded->sections)
                                                      : proto::encode(decoded->body, decoded->correlation));
}

void Producer::handle(sdk::Event&& event) {
  if (const auto* stored = std::get_if<sdk::BatchStored>(&event)) {
    open_.erase(stored->batch.value);
    checker_.stored(stored->batch.value, *stored);
  } else if (const auto* failed = std::get_if<sdk::BatchFailed>(&event)) {
    open_.erase(failed->batch.value);
    is_fenced_ = is_fenced_ || failed->error.code == static_cast<std::uint16_t>(ErrorCode::kProducerFenced);
    world_.trace("batch_failed", failed->batch.value, failed->error.code);
    checker_.not_stored(failed->batch.value, failed->error.outcome);
  }
}

}  // namespace takt::sim
