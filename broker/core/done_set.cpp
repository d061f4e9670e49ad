#include "broker/core/done_set.h"

#include <algorithm>
#include <bit>

#include "broker/core/bytes.h"
#include "proto/check.h"
#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::uint64_t word_bits = 64;
constexpr std::uint64_t words_per_container = DoneSet::container_offsets / word_bits;

// First byte of a stored container.
constexpr std::uint8_t form_bitmap = 0;   // 2,048 bytes, little-endian words
constexpr std::uint8_t form_runs = 1;     // varint gap and length, alternating
constexpr std::uint8_t form_full = 2;     // varint: so many full containers from here on

/// Bits [low, high) of a word, high at most 64.
constexpr std::uint64_t mask(std::uint64_t low, std::uint64_t high) {
  const std::uint64_t upto = high == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << high) - 1;
  return upto & ~((std::uint64_t{1} << low) - 1);
}

template <class Words>
std::string encode_bits(const Words& words) {
  ByteWriter runs;
  runs.u8(form_runs);
  std::uint64_t end = 0;
  for (std::uint64_t at = 0; at < DoneSet::container_offsets && runs.size() < words_per_container * 8;) {
    const std::uint64_t word = words[at / word_bits] >> (at % word_bits);
    if (word == 0) {
      at += word_bits - at % word_bits;
      continue;
    }
    at += static_cast<std::uint64_t>(std::countr_zero(word));
    std::uint64_t until = at;
    while (until < DoneSet::container_offsets) {
      const auto ones = static_cast<std::uint64_t>(std::countr_one(words[until / word_bits] >> (until % word_bits)));
      until += std::min(ones, word_bits - until % word_bits);
      if (until % word_bits != 0 || ones == 0) break;
    }
    runs.varint(at - end).varint(until - at);
    end = at = until;
  }
  if (runs.size() < words_per_container * 8) return runs.take();
  ByteWriter bitmap;
  bitmap.u8(form_bitmap);
  for (const std::uint64_t word : words)
    for (unsigned shift = 0; shift < word_bits; shift += 8) bitmap.u8(static_cast<std::uint8_t>(word >> shift));
  return bitmap.take();
}

}  // namespace

bool DoneSet::contains(Offset offset) const {
  if (offset < floor_) return true;
  const std::uint64_t index = offset.value / container_offsets;
  if (const auto it = partial_.find(index); it != partial_.end()) {
    const std::uint64_t bit = offset.value % container_offsets;
    return (it->second->words[bit / word_bits] >> (bit % word_bits) & 1) != 0;
  }
  return full_until(index) > index;
}

std::uint64_t DoneSet::add(Offset first, std::uint64_t count) {
  const std::uint64_t until = first.value + count;
  const std::uint64_t from = std::max(first.value, floor_.value);
  if (until <= from) return 0;
  const bool follows = from == floor_.value || (planted(PlantedBug::kFloorPastOpen) && from == floor_.value + 1);
  if (follows && above_ == 0) {   // the common case: acks in order
    floor_ = Offset(until);
    return until - from;
  }
  const std::uint64_t before = above_ + floor_.value;
  add_above(from, until);
  advance_floor();
  return above_ + floor_.value - before;
}

void DoneSet::add_above(std::uint64_t from, std::uint64_t until) {
  while (from < until) {
    const std::uint64_t index = from / container_offsets;
    const std::uint64_t stop = std::min(until, (index + 1) * container_offsets);
    if (full_until(index) == index) {
      auto& slot = partial_[index];
      if (!slot) slot = std::make_unique<Container>();
      for (std::uint64_t at = from; at < stop;) {
        const std::uint64_t low = at % word_bits;
        const std::uint64_t high = std::min(word_bits, low + (stop - at));
        std::uint64_t& word = slot->words[at % container_offsets / word_bits];
        const std::uint64_t fresh = mask(low, high) & ~word;
        word |= fresh;
        slot->count += static_cast<std::uint32_t>(std::popcount(fresh));
        above_ += static_cast<std::uint64_t>(std::popcount(fresh));
        at += high - low;
      }
      changed_.insert(index);
      // Offsets below the floor count as done, so the floor's own container is full when the rest of it is.
      const std::uint64_t below = floor_.value / container_offsets == index ? floor_.value % container_offsets : 0;
      if (slot->count + below == container_offsets) fold(index);
    }
    from = stop;
  }
}

/// Turns a completely done container into a part of a full range.
void DoneSet::fold(std::uint64_t index) {
  partial_.erase(index);
  std::uint64_t first = index;
  std::uint64_t end = index + 1;
  if (const auto next = full_.find(end); next != full_.end()) {
    end = next->second;
    changed_.insert(next->first);
    full_.erase(next);
  }
  if (auto it = full_.lower_bound(index); it != full_.begin() && (--it)->second == index) first = it->first;
  full_[first] = end;
  changed_.insert(first);
  changed_.insert(index);
}

void DoneSet::advance_floor() {
  const Offset to = next_open(floor_);
  if (to == floor_) return;
  const std::uint64_t last = to.value / container_offsets;   // the container in which the floor now stands
  while (!partial_.empty() && partial_.begin()->first < last) {
    changed_.insert(partial_.begin()->first);
    partial_.erase(partial_.begin());
  }
  while (!full_.empty() && full_.begin()->second <= last) {
    changed_.insert(full_.begin()->first);
    full_.erase(full_.begin());
  }
  above_ -= to.value - floor_.value;
  floor_ = to;
  if (const auto it = partial_.find(last); it != partial_.end()) {   // bits below the floor are implied: clear them
    const std::uint64_t below = to.value % container_offsets;
    Container& here = *it->second;
    for (std::uint64_t w = 0; w * word_bits < below; ++w) here.words[w] &= ~mask(0, std::min(word_bits, below - w * word_bits));
    here.count = 0;
    for (const std::uint64_t word : here.words) here.count += static_cast<std::uint32_t>(std::popcount(word));
    changed_.insert(last);
    if (here.count == 0) partial_.erase(it);
  }
}

Offset DoneSet::next_open(Offset from) const {
  std::uint64_t at = std::max(from.value, floor_.value);
  for (;;) {
    const std::uint64_t index = at / container_offsets;
    if (const std::uint64_t end = full_until(index); end > index) {
      at = end * container_offsets;
      continue;
    }
    const auto it = partial_.find(index);
    if (it == partial_.end()) return Offset(at);
    const auto& words = it->second->words;
    const std::uint64_t stop = (index + 1) * container_offsets;
    while (at < stop) {
      const std::uint64_t word = ~words[at % container_offsets / word_bits] >> (at % word_bits);
      if (word != 0) return Offset(at + static_cast<std::uint64_t>(std::countr_zero(word)));
      at += word_bits - at % word_bits;
    }
  }
}

std::uint64_t DoneSet::open_run(Offset from, std::uint64_t limit) const {
  if (from < floor_ || limit == 0) return 0;
  if (above_ == 0) return limit;
  std::uint64_t at = from.value;
  const std::uint64_t until = from.value + limit;
  while (at < until) {
    const std::uint64_t index = at / container_offsets;
    if (full_until(index) > index) break;
    const std::uint64_t stop = std::min(until, (index + 1) * container_offsets);
    const auto it = partial_.find(index);
    if (it == partial_.end()) {
      at = stop;
      continue;
    }
    bool closed = false;
    while (at < stop && !closed) {
      const std::uint64_t word = it->second->words[at % container_offsets / word_bits] >> (at % word_bits);
      closed = word != 0;
      at += closed ? static_cast<std::uint64_t>(std::countr_zero(word)) : word_bits - at % word_bits;
    }
    if (closed) break;
  }
  return std::min(at, until) - from.value;
}

/// End of the full range that holds container `index`, or `index` itself when it is in none.
std::uint64_t DoneSet::full_until(std::uint64_t index) const {
  auto it = full_.upper_bound(index);
  if (it == full_.begin()) return index;
  --it;
  return std::max(index, it->second);
}

std::vector<DoneSet::ContainerRow> DoneSet::take_changes() {
  std::vector<ContainerRow> rows;
  rows.reserve(changed_.size());
  for (const std::uint64_t index : changed_) {
    if (const auto partial = partial_.find(index); partial != partial_.end()) {
      rows.push_back({index, encode_bits(partial->second->words)});
    } else if (const auto full = full_.find(index); full != full_.end()) {
      rows.push_back({index, ByteWriter().u8(form_full).varint(full->second - index).take()});
    } else {
      rows.push_back({index, std::nullopt});
    }
  }
  changed_.clear();
  return rows;
}

Result<void, Corruption> DoneSet::load(std::uint64_t index, std::string_view value) {
  const auto bad = [&] { return failed(Corruption{"done container " + std::to_string(index) + " is malformed"}); };
  if (index > UINT64_MAX / container_offsets - 1) return bad();
  ByteReader in(value);
  const std::uint8_t form = in.u8();
  const std::uint64_t base = index * container_offsets;
  if (form == form_full) {
    const std::uint64_t n = in.varint();
    if (!in.finished() || n == 0 || n > UINT64_MAX / container_offsets - index) return bad();
    const std::uint64_t from = std::max(base, floor_.value);
    const std::uint64_t until = base + n * container_offsets;
    if (until <= from) return bad();
    above_ += until - from;
    full_[index] = index + n;
  } else if (form == form_runs) {
    std::uint64_t at = 0;
    while (in.ok() && in.remaining() > 0) {
      const std::uint64_t gap = in.varint();
      const std::uint64_t count = in.varint();
      if (!in.ok() || gap > container_offsets || count == 0 || count > container_offsets || at + gap + count > container_offsets)
        return bad();
      if (base + at + gap < floor_.value) return bad();
      add_above(base + at + gap, base + at + gap + count);
      at += gap + count;
    }
    if (!in.finished()) return bad();
  } else if (form == form_bitmap && in.remaining() == words_per_container * 8) {
    for (std::uint64_t byte = 0; byte < words_per_container * 8; ++byte) {
      const std::uint8_t bits = in.u8();
      for (unsigned bit = 0; bit < 8; ++bit)
        if ((bits >> bit & 1) != 0) add_above(std::max(floor_.value, base + byte * 8 + bit), base + byte * 8 + bit + 1);
    }
  } else {
    return bad();
  }
  changed_.clear();
  return {};
}

}  // namespace takt::core
