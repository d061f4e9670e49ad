#include "broker/runtime/front.h"

#include <algorithm>
#include <ranges>

#include "broker/core/cold_rows.h"
#include "proto/check.h"

namespace takt::runtime {

void Front::add(const core::CommitView& commit, std::size_t bytes) {
  check(commits_.empty() || commits_.back().end == commit.header.first, "the front is scanned without gaps");
  Commit entry{commit.header.first, commit.end(), bytes, 0};
  for (const core::RunView& run : commit.runs) {
    if (run.run_class == proto::RunClass::kControl) continue;
    const bool is_staged = run.run_class == proto::RunClass::kScheduled;
    runs_.push_back({run.topic, is_staged ? core::staged_lane : run.lane, is_staged ? Offset(run.first_position.value) : run.first_offset,
                     run.first_position, run.count, commit.header.time});
    ++entry.runs;
  }
  bytes_ += bytes;
  commits_.push_back(entry);
}

void Front::drop_before(Position position) {
  while (!commits_.empty() && commits_.front().end <= position) {
    bytes_ -= commits_.front().bytes;
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(commits_.front().runs));
    commits_.pop_front();
  }
}

void Front::clear() {
  commits_.clear();
  runs_.clear();
  bytes_ = 0;
}

std::vector<Position> Front::steps(Position position, std::size_t bytes) const {
  std::vector<Position> steps;
  std::size_t step = 0;
  for (const Commit& commit : commits_) {
    if (commit.end > position) break;
    step += commit.bytes;
    if (step < bytes && commit.end < position) continue;
    steps.push_back(commit.end);
    step = 0;
  }
  return steps;
}

Front::Plan Front::plan(std::span<const core::Partition::LiveStretch> live, Position asked_end, const Waiting& waiting) const {
  const auto asked = static_cast<std::size_t>(std::ranges::find_if(commits_, [&](const Commit& commit) { return commit.end > asked_end; }) -
                                              commits_.begin());
  if (asked == 0) return {};
  while (!live.empty() && live.front().first_position < commits_.front().first) live = live.subspan(1);
  const Position asked_until = commits_[asked - 1].end;
  if (live.empty()) return {asked_until, {}, asked_until};
  const Position first_live = live.front().first_position;
  const auto kept = std::ranges::find_if(commits_, [&](const Commit& commit) { return commit.end > first_live; });
  check(kept != commits_.end() && kept->end <= asked_end, "what is live stands in what was asked about");

  std::size_t bytes = 0;
  std::size_t runs = 0;
  double live_bytes = 0;   // a message counts as its commit's mean
  double waiting_bytes = 0;
  for (auto stretch = live.begin(); const Commit& commit : commits_ | std::views::take(asked)) {
    const double mean = static_cast<double>(commit.bytes) / static_cast<double>(commit.end.value - commit.first.value);
    for (; stretch != live.end() && stretch->first_position < commit.end; ++stretch)
      (stretch->lane == core::staged_lane ? waiting_bytes : live_bytes) += mean * stretch->count;
    bytes += commit.bytes;
    runs += commit.runs;
  }
  const double mean = static_cast<double>(bytes) / static_cast<double>(asked_until.value - commits_.front().first.value);
  if (mean * static_cast<double>(waiting.messages) * 2 >= static_cast<double>(waiting.log_bytes)) live_bytes += waiting_bytes;
  if (fills(bytes, runs, asked) && live_bytes * 2 < static_cast<double>(bytes))
    return {asked_until, {live.begin(), live.end()}, kept->first};
  return {kept->first, {}, kept->first};
}

}  // namespace takt::runtime
