#include "examples/photo/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace photo {
namespace {

using namespace std::chrono_literals;

constexpr auto rate_window = 6s;
constexpr std::size_t bar_cells = 30;
constexpr std::uint64_t plain_step_percent = 10;
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view plain = "\x1b[0m";

std::uint64_t percent_of(const ProgressView& view) { return view.total == 0 ? 0 : view.done * 100 / view.total; }

std::string bar(const ProgressView& view, Decoration decoration) {
  const std::size_t full = view.total == 0 ? 0 : static_cast<std::size_t>(std::min(view.done, view.total) * bar_cells / view.total);
  const std::string done(full, '#');
  const std::string open(bar_cells - full, '.');
  if (decoration == Decoration::kPlain) return "[" + done + open + "]";
  return "[" + std::string(green) + done + std::string(plain) + std::string(dim) + open + std::string(plain) + "]";
}

std::string numbers(const ProgressView& view) {
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), " %3llu %%  %llu/%llu", static_cast<unsigned long long>(percent_of(view)),
                static_cast<unsigned long long>(view.done), static_cast<unsigned long long>(view.total));
  return text.data();
}

std::string rate(const ProgressView& view) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "  %.1f jobs/s", view.per_second);
  return text.data();
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

std::string clock_text(std::chrono::seconds time) {
  const auto total = static_cast<long long>(time.count());
  std::array<char, 40> text{};
  if (total >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", total / 3600, total / 60 % 60, total % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", total / 60, total % 60);
  }
  return text.data();
}

std::string progress_line(const ProgressView& view, std::size_t width, Decoration decoration) {
  std::string line;
  std::size_t used = bar_cells + 2;
  if (used > width) return line;
  line = bar(view, decoration);
  std::vector<std::string> parts{numbers(view), rate(view), "  ETA " + (view.left ? clock_text(*view.left) : "-:--")};
  std::string separator = "  | ";
  for (const auto& [name, jobs] : view.workers) {
    parts.push_back(separator + name + " " + std::to_string(jobs));
    separator = "  ";
  }
  for (const auto& part : parts) {
    used += part.size();
    if (used > width) break;
    line += part;
  }
  return line;
}

void RateMeter::add(TimePoint now, std::uint64_t done) {
  samples_.emplace_back(now, done);
  // The oldest sample kept is the last one outside the window, so that the window is always covered.
  while (samples_.size() > 2 && now - samples_[1].first >= rate_window) samples_.pop_front();
}

double RateMeter::per_second() const {
  if (samples_.size() < 2) return 0.0;
  const std::chrono::duration<double> time = samples_.back().first - samples_.front().first;
  if (time.count() <= 0.0) return 0.0;
  return static_cast<double>(samples_.back().second - samples_.front().second) / time.count();
}

std::optional<std::chrono::seconds> RateMeter::left(std::uint64_t remaining) const {
  const double speed = per_second();
  if (speed <= 0.0) return std::nullopt;
  return std::chrono::seconds(static_cast<long long>(std::ceil(static_cast<double>(remaining) / speed)));
}

ProgressDisplay::ProgressDisplay() {
  const char* kind = std::getenv("TERM");
  terminal_ = ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

ProgressDisplay::~ProgressDisplay() { clear(); }

void ProgressDisplay::show(const ProgressView& view) {
  if (terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_drawn_ < 100ms) return;
    last_drawn_ = now;
    std::cout << "\r\x1b[K" << progress_line(view, terminal_width() - 1, Decoration::kColor) << std::flush;
    return;
  }
  const auto step = percent_of(view) / plain_step_percent * plain_step_percent;
  if (step <= last_plain_percent_) return;
  last_plain_percent_ = step;
  std::cout << progress_line(view, 160, Decoration::kPlain) << std::endl;
}

void ProgressDisplay::say(const std::string& text) {
  clear();
  std::cout << text << std::endl;
}

void ProgressDisplay::finish(const ProgressView& view) {
  if (terminal_) {
    std::cout << "\r\x1b[K" << progress_line(view, terminal_width() - 1, Decoration::kColor) << std::endl;
    terminal_ = false;
    last_plain_percent_ = 100;
  } else {
    show(view);
  }
}

void ProgressDisplay::clear() {
  if (terminal_) std::cout << "\r\x1b[K" << std::flush;
}

}  // namespace photo
