#include "broker/core/producer_table.h"

#include <algorithm>

#include "proto/planted_bug.h"

namespace takt::core {
namespace {

constexpr std::uint8_t head_row = 0xFF;   // key's last byte; 0 to 7 are rows of slots

std::string row_key(ProducerId producer, std::uint8_t row) { return ByteWriter().key(producer).u8(row).take(); }

}  // namespace

ProducerTable::Answer ProducerTable::find(ProducerId producer, std::uint32_t epoch, Sequence sequence) const {
  const auto it = producers_.find(producer);
  if (it == producers_.end() || epoch > it->second.epoch) return New{};
  const Producer& p = it->second;
  if (epoch < p.epoch) return Fenced{};
  if (p.stored == 0 || sequence > p.batch(p.stored - 1).sequence) return New{};
  if (planted(PlantedBug::kBatchStoredTwice) && sequence == p.batch(p.stored - 1).sequence) return New{};
  const std::uint64_t oldest = p.stored > window ? p.stored - window : 0;
  std::uint64_t low = oldest;
  std::uint64_t high = p.stored;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (p.batch(middle).sequence < sequence)
      low = middle + 1;
    else
      high = middle;
  }
  if (p.batch(low).sequence == sequence) return p.batch(low);
  if (low == oldest && oldest > 0) return TooOld{};
  return OutOfSequence{};
}

void ProducerTable::record(const ProducerStamp& stamp, Position first_position, Offset first_offset, WallTime time) {
  const auto [entry, is_new] = producers_.try_emplace(stamp.producer);
  Producer& p = entry->second;
  const bool is_first_change = changed_.insert(stamp.producer).second;
  if (is_new) {
    ++made_;
    p.may_have_older_rows = !is_first_change;   // no rows but those of one that was forgotten since the last freeze
  }
  if (stamp.epoch > p.epoch) p = Producer{.epoch = stamp.epoch, .last_seen = p.last_seen, .slots = {}};
  heard_of(stamp.producer, p, time);
  std::uint64_t slot = p.stored == 0 ? 0 : (p.stored - 1) % window;
  if (p.stored > 0 && p.slots[slot].sequence == stamp.sequence) {
    p.slots[slot].count += stamp.count;
  } else {
    slot = p.stored++ % window;
    if (slot >= p.slots.size()) p.slots.resize(slot + 1);
    p.slots[slot] = {stamp.sequence, first_position, first_offset, stamp.count};
  }
  p.changed_rows |= static_cast<std::uint8_t>(1u << (slot / slots_per_row));
}

void ProducerTable::put(ProducerId producer, std::uint32_t epoch, WallTime time) {
  changed_.insert(producer);
  if (epoch == 0) {
    const auto gone = producers_.find(producer);
    if (gone == producers_.end()) return;
    by_age_.erase({gone->second.last_seen, producer});
    producers_.erase(gone);
  } else {
    Producer& p = producers_[producer];
    p = Producer{.epoch = epoch, .last_seen = p.last_seen, .slots = {}};
    heard_of(producer, p, time);
  }
}

void ProducerTable::heard_of(ProducerId id, Producer& producer, WallTime time) {
  if (producer.last_seen != time) by_age_.erase({producer.last_seen, id});
  producer.last_seen = time;
  by_age_.emplace(time, id);
}

std::vector<ProducerId> ProducerTable::idle_since(WallTime before, std::size_t limit) const {
  std::vector<ProducerId> idle;
  for (const auto& [seen, id] : by_age_) {
    if (idle.size() == limit || seen >= before) break;
    idle.push_back(id);
  }
  return idle;
}

void ProducerTable::append_to(ByteWriter& out) const {
  for (const auto& [id, p] : producers_) {
    out.key(id).varint(p.epoch).varint(p.stored).signed_varint(p.last_seen.time_since_epoch().count());
    for (const RememberedBatch& b : p.slots) out.id(b.sequence).id(b.first_position).id(b.first_offset).varint(b.count);
  }
}

std::vector<RowChange> ProducerTable::take_changes() {
  std::vector<RowChange> rows;
  for (const ProducerId id : changed_) {
    const auto it = producers_.find(id);
    if (it == producers_.end()) {
      for (std::uint8_t row = 0; row < window / slots_per_row; ++row) rows.push_back({Table::kProducers, row_key(id, row), std::nullopt});
      rows.push_back({Table::kProducers, row_key(id, head_row), std::nullopt});
      continue;
    }
    Producer& p = it->second;
    for (std::uint8_t row = 0; row < window / slots_per_row; ++row) {
      if (p.may_have_older_rows && row * slots_per_row >= p.slots.size())
        rows.push_back({Table::kProducers, row_key(id, row), std::nullopt});
      if ((p.changed_rows >> row & 1) == 0) continue;
      ByteWriter value;
      const std::size_t end = std::min<std::size_t>(p.slots.size(), (row + 1u) * slots_per_row);
      for (std::size_t slot = row * slots_per_row; slot < end; ++slot) {
        const RememberedBatch& b = p.slots[slot];
        value.id(b.sequence).id(b.first_position).id(b.first_offset).varint(b.count);
      }
      rows.push_back({Table::kProducers, row_key(id, row), value.take()});
    }
    p.changed_rows = 0;
    p.may_have_older_rows = false;
    rows.push_back({Table::kProducers, row_key(id, head_row),
                    ByteWriter().varint(p.epoch).varint(p.stored).signed_varint(p.last_seen.time_since_epoch().count()).take()});
  }
  changed_.clear();
  made_ = 0;
  return rows;
}

Result<void, Corruption> ProducerTable::load(std::string_view key, std::string_view value) {
  ByteReader k(key);
  const auto id = k.key_id<ProducerId>();
  const std::uint8_t row = k.u8();
  const auto bad = [&] {
    return failed(Corruption{"row " + std::to_string(row) + " of producer " + std::to_string(id.value) + " is malformed"});
  };
  if (!k.finished() || (row != head_row && row >= window / slots_per_row)) return bad();
  Producer& p = producers_[id];
  ByteReader in(value);
  if (row == head_row) {
    p.epoch = in.number<std::uint32_t>();
    p.stored = in.varint();
    heard_of(id, p, WallTime(std::chrono::milliseconds(in.signed_varint())));
    p.may_have_older_rows = false;
    if (!in.finished() || p.slots.size() != std::min(p.stored, window)) return bad();
    return {};
  }
  // Rows come in key order, so the slots fill up in order; only the last row may be short.
  if (p.slots.size() != row * slots_per_row) return bad();
  while (in.ok() && in.remaining() > 0 && p.slots.size() < (row + 1u) * slots_per_row) {
    RememberedBatch b;
    b.sequence = in.id<Sequence>();
    b.first_position = in.id<Position>();
    b.first_offset = in.id<Offset>();
    b.count = in.number<std::uint32_t>();
    p.slots.push_back(b);
  }
  if (!in.finished()) return bad();
  return {};
}

}  // namespace takt::core
