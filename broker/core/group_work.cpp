#include "broker/core/group_work.h"

#include <algorithm>

#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::uint64_t index_of(Offset offset) { return offset.value / slab_offsets; }
constexpr std::uint32_t bit_of(Offset offset) { return static_cast<std::uint32_t>(offset.value % slab_offsets); }

}  // namespace

std::vector<OffsetRun> joined(std::vector<OffsetRun> runs) {
  std::sort(runs.begin(), runs.end(), [](const OffsetRun& a, const OffsetRun& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (runs[kept].end() == runs[i].first)
      runs[kept].count += runs[i].count;
    else
      runs[++kept] = runs[i];
  }
  if (!runs.empty()) runs.resize(kept + 1);
  return runs;
}

Slab& LaneWork::slab(std::uint64_t index) {
  auto& slot = slabs_[index];
  if (!slot) slot = std::make_unique<Slab>();
  return *slot;
}

const Slab* LaneWork::find(Offset offset) const {
  const auto it = slabs_.find(index_of(offset));
  return it == slabs_.end() ? nullptr : it->second.get();
}

void LaneWork::lease(Offset first, std::uint32_t count) {
  Slab& s = slab(index_of(first));
  const std::uint32_t bit = bit_of(first);
  check(s.leased.next(bit) >= bit + count, "an offset is leased to at most one worker");
  s.leased.set(bit, count);
  leased += count;
  suspects.erase(suspects.lower_bound(first), suspects.lower_bound(first.plus(count)));
  if (s.free.next(bit) < bit + count) {
    const std::uint32_t before = s.free.count();
    s.free.clear(bit, count);
    free -= before - s.free.count();
    if (!s.free.any()) with_free_.erase(index_of(first));
  }
}

void LaneWork::give_back(Offset first, std::uint32_t count) {
  Slab& s = slab(index_of(first));
  const std::uint32_t bit = bit_of(first);
  const std::uint32_t leased_before = s.leased.count();
  const std::uint32_t free_before = s.free.count();
  s.leased.clear(bit, count);
  s.free.set(bit, count);
  leased -= leased_before - s.leased.count();
  free += s.free.count() - free_before;
  with_free_.insert(index_of(first));
}

void LaneWork::stage_done(Offset first, std::uint32_t count) {
  if (planted(PlantedBug::kSlabEdgeForgotten) && count > 1 && bit_of(first) + count == slab_offsets) --count;
  Slab& s = slab(index_of(first));
  s.leased.clear(bit_of(first), count);
  s.staged.set(bit_of(first), count);
  leased -= count;
  if (!staged_.empty() && staged_.back().end() == first)
    staged_.back().count += count;
  else
    staged_.push_back({first, count});
}

void LaneWork::suspect(Offset offset) {
  forget(offset);
  suspects.insert(offset);
}

void LaneWork::forget(Offset offset) {
  suspects.erase(offset);
  Slab& s = slab(index_of(offset));
  const std::uint32_t bit = bit_of(offset);
  leased -= s.leased.test(bit) ? 1 : 0;
  free -= s.free.test(bit) ? 1 : 0;
  s.leased.clear(bit, 1);
  s.free.clear(bit, 1);
  if (!s.free.any()) with_free_.erase(index_of(offset));
  drop_if_idle(index_of(offset));
}

void LaneWork::drop_if_idle(std::uint64_t index) {
  const auto it = slabs_.find(index);
  if (it != slabs_.end() && !it->second->leased.any() && !it->second->free.any() && !it->second->staged.any()) slabs_.erase(it);
}

std::optional<OffsetRun> LaneWork::first_free(std::uint32_t limit) {
  if (with_free_.empty()) return std::nullopt;
  const std::uint64_t index = *with_free_.begin();
  const SlabBits& bits = slabs_.at(index)->free;
  const std::uint32_t from = bits.next(0);
  check(from != SlabBits::end(), "a slab that is listed as having free offsets has one");
  return OffsetRun{Offset(index * slab_offsets + from), std::min(limit, bits.next_clear(from) - from)};
}

bool LaneWork::is_leased(Offset offset) const {
  const Slab* s = find(offset);
  return s != nullptr && s->leased.test(bit_of(offset));
}

bool LaneWork::is_staged(Offset offset) const {
  const Slab* s = find(offset);
  return s != nullptr && s->staged.test(bit_of(offset));
}

bool LaneWork::is_free(Offset offset) const {
  const Slab* s = find(offset);
  return suspects.contains(offset) || (s != nullptr && s->free.test(bit_of(offset)));
}

std::vector<OffsetRun> LaneWork::flush() {
  const std::vector<OffsetRun> runs = joined(std::exchange(staged_, {}));
  for (const OffsetRun& run : runs) {
    for (Offset at = run.first; at < run.end();) {
      const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(slab_offsets - bit_of(at), run.end().value - at.value));
      slab(index_of(at)).staged.clear(bit_of(at), n);
      drop_if_idle(index_of(at));
      at = at.plus(n);
    }
  }
  return runs;
}

std::uint64_t GroupWork::leased() const {
  std::uint64_t n = 0;
  lanes.each([&](Lane, const LaneWork& lane) { n += lane.leased; });
  return n;
}

std::uint64_t GroupWork::free() const {
  std::uint64_t n = 0;
  lanes.each([&](Lane, const LaneWork& lane) { n += lane.free; });
  return n;
}

std::uint64_t GroupWork::suspects() const {
  std::uint64_t n = 0;
  lanes.each([&](Lane, const LaneWork& lane) { n += lane.suspects.size(); });
  return n;
}

std::uint64_t GroupWork::parked() const {
  std::uint64_t n = 0;
  lanes.each([&](Lane, const LaneWork& lane) { n += lane.parked.size(); });
  return n;
}

}  // namespace takt::core
