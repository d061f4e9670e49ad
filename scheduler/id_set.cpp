#include "scheduler/id_set.h"

#include <algorithm>
#include <bit>

namespace takt::scheduler {
namespace {

struct Place {
  std::uint64_t index;
  std::uint16_t within;
};
Place place_of(std::uint64_t id) { return {id / IdSet::container_ids, static_cast<std::uint16_t>(id % IdSet::container_ids)}; }
std::uint64_t bit_of(std::uint16_t within) { return std::uint64_t{1} << (within % 64); }

}  // namespace

bool IdSet::contains(std::uint64_t id) const {
  const Place place = place_of(id);
  const auto found = containers_.find(place.index);
  if (found == containers_.end()) return false;
  const Container& container = found->second;
  if (!container.bitmap.empty()) return (container.bitmap[place.within / 64] & bit_of(place.within)) != 0;
  return std::ranges::binary_search(container.list, place.within);
}

std::uint64_t IdSet::lowest() const {
  const auto& [index, container] = *containers_.begin();
  if (container.bitmap.empty()) return index * container_ids + container.list.front();
  const auto word = std::ranges::find_if(container.bitmap, [](std::uint64_t bits) { return bits != 0; });
  return index * container_ids + static_cast<std::uint64_t>(word - container.bitmap.begin()) * 64 +
         static_cast<std::uint64_t>(std::countr_zero(*word));
}

bool IdSet::add(std::uint64_t id) {
  const Place place = place_of(id);
  if (!insert(containers_[place.index], place.within)) return false;
  changed_.insert(place.index);
  ++size_;
  return true;
}

bool IdSet::remove(std::uint64_t id) {
  const Place place = place_of(id);
  const auto found = containers_.find(place.index);
  if (found == containers_.end() || !erase(found->second, place.within)) return false;
  if (found->second.count == 0) containers_.erase(found);
  changed_.insert(place.index);
  --size_;
  return true;
}

bool IdSet::insert(Container& container, std::uint16_t place) {
  if (container.bitmap.empty()) {
    const auto at = std::ranges::lower_bound(container.list, place);
    if (at != container.list.end() && *at == place) return false;
    if (container.count < list_max) {
      container.list.insert(at, place);
      ++container.count;
      return true;
    }
    container.bitmap.resize(words);
    for (const std::uint16_t listed : container.list) container.bitmap[listed / 64] |= bit_of(listed);
    container.list = std::vector<std::uint16_t>();   // gives its memory back, as {} would not
  }
  std::uint64_t& word = container.bitmap[place / 64];
  if ((word & bit_of(place)) != 0) return false;
  word |= bit_of(place);
  ++container.count;
  return true;
}

bool IdSet::erase(Container& container, std::uint16_t place) {
  if (container.bitmap.empty()) {
    const auto at = std::ranges::lower_bound(container.list, place);
    if (at == container.list.end() || *at != place) return false;
    container.list.erase(at);
    --container.count;
    return true;
  }
  std::uint64_t& word = container.bitmap[place / 64];
  if ((word & bit_of(place)) == 0) return false;
  word &= ~bit_of(place);
  --container.count;
  if (container.count > list_max / 2) return true;   // well below, so that one that comes and goes does not turn it over and over
  for (std::size_t i = 0; i < words; ++i)
    for (std::uint64_t left = container.bitmap[i]; left != 0; left &= left - 1)
      container.list.push_back(static_cast<std::uint16_t>(i * 64 + static_cast<std::size_t>(std::countr_zero(left))));
  container.bitmap = std::vector<std::uint64_t>();
  return true;
}

std::size_t IdSet::bytes() const {
  constexpr std::size_t node_bytes = 48;
  std::size_t bytes = 0;
  for (const auto& [index, container] : containers_)
    bytes += node_bytes + sizeof container + container.list.capacity() * sizeof(std::uint16_t) + container.bitmap.capacity() * 8;
  return bytes;
}

// A row is a list of u16, or 1,024 bytes of bitmap behind one byte that no list has as its length is odd.

std::string IdSet::encode(const Container& container) {
  std::string value;
  const auto put = [&](std::uint64_t word, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) value.push_back(static_cast<char>(word >> (8 * i)));
  };
  if (container.bitmap.empty()) {
    for (const std::uint16_t place : container.list) put(place, 2);
    return value;
  }
  value.push_back(0);
  for (const std::uint64_t word : container.bitmap) put(word, 8);
  return value;
}

std::vector<IdSet::Row> IdSet::take_changes() {
  std::vector<Row> rows;
  rows.reserve(changed_.size());
  for (const std::uint64_t index : changed_) {
    const auto found = containers_.find(index);
    rows.push_back({index, found == containers_.end() ? std::nullopt : std::optional(encode(found->second))});
  }
  changed_.clear();
  return rows;
}

bool IdSet::load(std::uint64_t index, std::string_view value) {
  const auto get = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes; ++i) word |= std::uint64_t{static_cast<unsigned char>(value[at + i])} << (8 * i);
    return word;
  };
  Container container;
  if (value.size() % 2 == 0) {
    if (value.empty() || value.size() > 2 * list_max) return false;
    for (std::size_t at = 0; at < value.size(); at += 2) container.list.push_back(static_cast<std::uint16_t>(get(at, 2)));
    if (container.list.back() >= container_ids || !std::ranges::is_sorted(container.list, std::less_equal<>())) return false;
    container.count = static_cast<std::uint32_t>(container.list.size());
  } else {
    if (value.size() != 1 + words * 8 || value[0] != 0) return false;
    for (std::size_t i = 0; i < words; ++i) {
      container.bitmap.push_back(get(1 + i * 8, 8));
      container.count += static_cast<std::uint32_t>(std::popcount(container.bitmap.back()));
    }
    if (container.count == 0) return false;
  }
  const std::uint32_t count = container.count;
  const bool is_new = containers_.emplace(index, std::move(container)).second;
  if (is_new) size_ += count;
  return is_new;
}

}  // namespace takt::scheduler
