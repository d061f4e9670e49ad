#include "worker-sdk/cpp/src/batcher.h"

#include <algorithm>

namespace takt::sdk {

Batcher::Added Batcher::add(const Stream& stream, ByteView metadata, ByteView payload, SendCallback callback, Urgency urgency, Time now) {
  Added added;
  const std::size_t bytes = message_bytes(metadata, payload);
  auto at = open_.find(stream);
  if (at != open_.end() && at->second.bytes + bytes > bounds_.bytes) {
    full_.push_back(std::move(at->second));
    open_.erase(at);
    at = open_.end();
    added.sealed = true;
  }
  // Not among the open ones before it is known to stay open: a client whose messages travel alone fills one with each.
  OpenBatch fresh;
  if (at == open_.end()) {
    fresh.id = BatchId(++last_id_);
    fresh.stream = stream;
    fresh.opened = now;
    added.opened = true;
  }
  OpenBatch& batch = added.opened ? fresh : at->second;
  added.batch = batch.id;
  if (callback) batch.callbacks.emplace_back(batch.sections.count(), std::move(callback));
  batch.sections.add(metadata, payload);
  batch.bytes += bytes;
  if (urgency == Urgency::kNow) batch.urgent = true;
  if (batch.bytes >= bounds_.bytes || batch.sections.count() >= bounds_.messages) {
    full_.push_back(std::move(batch));
    if (!added.opened) open_.erase(at);
    added.sealed = true;
  } else if (added.opened) {
    open_.emplace(stream, std::move(fresh));
  }
  return added;
}

void Batcher::hurry() {
  for (auto& [key, batch] : open_) batch.urgent = true;
}

template <class Due>
std::vector<OpenBatch> Batcher::take_where(std::vector<OpenBatch> spare, Due due) {
  std::vector<OpenBatch> ready = std::exchange(full_, std::move(spare));
  for (auto at = open_.begin(); at != open_.end();) {
    if (!due(at->second)) {
      ++at;
      continue;
    }
    ready.push_back(std::move(at->second));
    at = open_.erase(at);
  }
  if (!std::ranges::is_sorted(ready, {}, &OpenBatch::id)) std::ranges::sort(ready, {}, &OpenBatch::id);
  return ready;
}

std::vector<OpenBatch> Batcher::take_ready(Time now, std::vector<OpenBatch> spare) {
  return take_where(std::move(spare), [&](const OpenBatch& batch) { return batch.urgent || batch.opened + bounds_.linger <= now; });
}

std::vector<OpenBatch> Batcher::take_full(std::vector<OpenBatch> spare) {
  return take_where(std::move(spare), [](const OpenBatch& batch) { return batch.urgent; });
}

std::vector<OpenBatch> Batcher::take_all(std::vector<OpenBatch> spare) {
  return take_where(std::move(spare), [](const OpenBatch&) { return true; });
}

std::optional<Time> Batcher::next_deadline() const {
  std::optional<Time> next;
  for (const auto& [key, batch] : open_) {
    const Time due = batch.opened + bounds_.linger;
    if (!next || due < *next) next = due;
  }
  return next;
}

}  // namespace takt::sdk
