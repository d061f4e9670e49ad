#pragma once
// How far a run is, on one line that is drawn over itself on a terminal and now and then as plain text elsewhere.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace photo {

struct ProgressView {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  double per_second = 0.0;
  std::optional<std::chrono::seconds> left;                       ///< none: not known yet
  std::vector<std::pair<std::string, std::uint64_t>> workers;     ///< short name and jobs finished
};

enum class Decoration { kPlain, kColor };

/// One line of at most `width` columns; parts that do not fit are left out from the right.
std::string progress_line(const ProgressView& view, std::size_t width, Decoration decoration);

/// `0:07`, `12:40`, `1:02:03`
std::string clock_text(std::chrono::seconds time);

/// Measures the rate over the last seconds, and from it the time that is left. Time is told, not asked.
class RateMeter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  void add(TimePoint now, std::uint64_t done);
  double per_second() const;
  std::optional<std::chrono::seconds> left(std::uint64_t remaining) const;

 private:
  std::deque<std::pair<TimePoint, std::uint64_t>> samples_;
};

/// Draws to standard output.
class ProgressDisplay {
 public:
  ProgressDisplay();
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void show(const ProgressView& view);
  /// A line that stays, above the progress line.
  void say(const std::string& text);
  /// Leaves the last progress line standing and begins a new one.
  void finish(const ProgressView& view);

 private:
  void clear();

  bool terminal_ = false;
  std::uint64_t last_plain_percent_ = 0;
  std::chrono::steady_clock::time_point last_drawn_{};
};

}  // namespace photo
