#include "examples/photo/tally.h"

#include <algorithm>

namespace photo {

void Tally::add(const LedgerLine& line) {
  WorkerTally& worker = workers_[line.worker];
  if (line.event != LedgerEvent::kStarted) worker.running.erase(line.message);
  switch (line.event) {
    case LedgerEvent::kStarted:
      worker.running[line.message] = line.job;
      ++worker.executions;
      ++executions_;
      if (++started_[line.message] > 1) ++worker.redelivered;
      break;
    case LedgerEvent::kEffect:
      ++worker.effects;
      ++worker.effects_by_kind[line.kind];
      ++effects_by_job_[line.job];
      break;
    case LedgerEvent::kRepeat:
      ++worker.repeats;
      ++repeats_;
      break;
    case LedgerEvent::kReleased:
    case LedgerEvent::kFailed: break;
    case LedgerEvent::kDead:
      ++worker.dead;
      dead_[line.job] = line.text;
      break;
  }
}

const WorkerTally& Tally::of(const std::string& worker) const {
  static const WorkerTally none;
  const auto found = workers_.find(worker);
  return found == workers_.end() ? none : found->second;
}

std::map<std::string, std::string> Tally::dead() const {
  auto without_effect = dead_;
  std::erase_if(without_effect, [&](const auto& entry) { return effects_by_job_.contains(entry.first); });
  return without_effect;
}

std::uint64_t Tally::messages_redelivered() const {
  return static_cast<std::uint64_t>(std::count_if(started_.begin(), started_.end(), [](const auto& entry) { return entry.second > 1; }));
}

}  // namespace photo
