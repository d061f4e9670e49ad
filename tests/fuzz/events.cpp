// links: takt_core
// Control runs as a log may hold them, applied to a state that has a topic with a group and a batch. Byte 0: how many events
// the run claims. What is read is written again as the same, applying is total, and the tables take what came of it.

#include "broker/core/event.h"
#include "broker/core/state.h"
#include "proto/check.h"
#include "tests/fuzz/input.h"

using namespace takt;
using namespace takt::core;

namespace {

State some_state() {
  State state;
  std::uint64_t position = 0;
  const auto apply = [&](const Event& event) {
    check(state.apply(event, Position(position++), WallTime{}).has_value(), "the state begins");
  };
  apply(EpochBegun{Epoch(1)});
  apply(TopicPut{TopicId(1), "t", {}});
  apply(GroupPut{TopicId(1), GroupId(1), "g", {8}, {}, {}});
  RunView run;
  run.topic = TopicId(1);
  run.run_class = proto::RunClass::kImmediate;
  run.first_position = Position(position);
  run.count = 100;
  run.stamp = {ProducerId(1), 1, Sequence(1), 100};
  check(state.apply(run, WallTime{}).has_value(), "the state has a batch");
  return state;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint32_t count = input.byte();
  const std::string_view bytes = input.rest();
  const auto events = decode_events(bytes, count);
  if (!events) {
    check(!events.error().what.empty(), "a refusal says why");
    return 0;
  }
  check(events->size() == count, "as many as were claimed");
  ByteWriter written;
  for (const Event& event : *events) append_event(written, event);
  const auto again = decode_events(written.bytes(), count);
  check(again && *again == *events, "events survive their way");

  State state = some_state();
  std::uint64_t position = 200;
  for (const Event& event : *events) {
    const auto applied = state.apply(event, Position(position++), WallTime(std::chrono::milliseconds(5)));
    if (!applied) {
      check(!applied.error().what.empty(), "a refusal says why");
      return 0;
    }
  }
  for (const RowChange& row : state.freeze(Position(position)).changed)
    check(!row.value || row.value->size() <= row_value_bytes_max, "a row fits its bound");
  return 0;
}
