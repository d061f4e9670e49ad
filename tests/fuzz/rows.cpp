// links: takt_core
// A partition's tables as a disk may hand them over: rows of {table, key length, value length, key, value}. What loads can
// be frozen and listed; what a row says of its messages is in order.

#include "broker/core/cold_rows.h"
#include "broker/core/done_set.h"
#include "broker/core/index_rows.h"
#include "broker/core/state.h"
#include "proto/check.h"
#include "tests/fuzz/input.h"

namespace {

using namespace takt;
using namespace takt::core;

void index_row(std::string_view key, std::string_view value) {
  const auto row = decode_index_row(key, value);
  if (!row) return check(!row.error().what.empty(), "a refusal says why");
  Offset next = row->segments.empty() ? Offset(0) : row->segments.front().first;
  for (const IndexSegment& segment : row->segments) {
    check(segment.first == next, "offsets are dense");
    check(segment.count > 0, "no segment is empty");
    next = segment.end();
  }
}

void done_row(std::uint64_t index, std::string_view value) {
  DoneSet set(Offset(0));
  if (!set.load(index, value)) return;
  const Offset open = set.next_open(Offset(index * DoneSet::container_offsets));
  check(!set.contains(open), "an open offset is not done");
  set.add(Offset(0), 3);
  static_cast<void>(set.take_changes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  State state;
  ColdReader cold;
  bool is_whole = true;
  while (!input.is_empty()) {
    const auto table = static_cast<Table>(input.byte() % table_count);
    const std::size_t key_length = input.byte();
    const std::size_t value_length = std::min<std::size_t>(input.number(), row_value_bytes_max);
    const std::string_view key = input.text(key_length);
    const std::string_view value = input.text(value_length);
    if (table == Table::kIndex) index_row(key, value);
    if (table == Table::kDone) done_row(key_length, value);
    if (table == Table::kCold) {
      static_cast<void>(cold.add(key, value));
    } else if (const auto loaded = state.load_row(table, key, value); !loaded) {
      check(!loaded.error().what.empty(), "a refusal says why");
      is_whole = false;
      break;   // the loader stops here
    }
  }
  if (!is_whole) return 0;
  std::size_t groups = 0;
  for (const auto& [id, topic] : state.topics()) {
    groups += topic.groups.size();
    static_cast<void>(topic.retained_messages());
    static_cast<void>(topic.mean_bytes());
  }
  check(groups == state.group_count(), "groups are counted");
  static_cast<void>(state.freeze(Position(0)));
  return 0;
}
