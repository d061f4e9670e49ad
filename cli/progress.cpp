#include "cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace takt::cli {
namespace {

constexpr std::size_t bar_width = 20;
constexpr auto bar_interval = std::chrono::milliseconds(100);
constexpr auto line_interval = std::chrono::seconds(2);
constexpr const char* wipe_line = "\r\x1b[K";

}  // namespace

std::string progress_line(const ProgressState& state) {
  const double seconds = state.elapsed.count();
  const double rate = seconds > 0 ? static_cast<double>(state.done) / seconds : 0;
  std::string text = state.label + "  ";
  if (state.total) {
    const std::uint64_t total = std::max<std::uint64_t>(*state.total, 1);
    const double share = std::min(1.0, static_cast<double>(state.done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_width));
    const std::string percent = std::to_string(static_cast<int>(share * 100));
    text += "[" + std::string(filled, '#') + std::string(bar_width - filled, '-') + "]  " + std::string(3 - percent.size(), ' ') + percent +
            " %  ";
  }
  text += grouped(state.done);
  if (state.total) text += "/" + grouped(*state.total);
  text += "  " + grouped(static_cast<std::uint64_t>(rate)) + "/s";
  if (state.total && rate > 0 && state.done < *state.total) {
    text += "  " + grouped(static_cast<std::uint64_t>(std::ceil(static_cast<double>(*state.total - state.done) / rate))) + " s left";
  }
  return text;
}

Progress::Progress(const Console& console, std::string label, std::optional<std::uint64_t> total)
    : console_(console),
      state_{.label = std::move(label), .total = total},
      next_draw_(begun_ + bar_interval) {}

Progress::~Progress() {
  if (drawn_ && console_.progress == ProgressStyle::kBar) std::fputs(wipe_line, stderr);
}

void Progress::reach(std::uint64_t done) {
  state_.done = done;
  if (console_.progress == ProgressStyle::kNone) return;
  const auto now = Clock::now();
  const bool finished = state_.total && done >= *state_.total;
  if (now < next_draw_ && !(finished && console_.progress == ProgressStyle::kLines)) return;
  state_.elapsed = now - begun_;
  if (console_.progress == ProgressStyle::kBar) {
    std::fputs((wipe_line + progress_line(state_)).c_str(), stderr);
    next_draw_ = now + bar_interval;
  } else {
    console_.note(progress_line(state_));
    next_draw_ = finished ? Clock::time_point::max() : now + line_interval;
  }
  drawn_ = true;
}

std::chrono::duration<double> Progress::elapsed() const { return Clock::now() - begun_; }

}  // namespace takt::cli
