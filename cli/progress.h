#pragma once
// A progress bar on stderr: on a terminal one line that is redrawn, else plain lines, at most so many per second that
// nobody minds.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/console.h"

namespace takt::cli {

struct ProgressState {
  std::string label;                   ///< "sending"
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;  ///< none: the end is not known
  std::chrono::duration<double> elapsed{};
};
/// `sending  [#########-----------]  45 %  450/1,000  2,250/s  1 s left`
std::string progress_line(const ProgressState& state);

/// Thread: one at a time. The bar is wiped when it goes out of scope, so that results start on a clean line.
class Progress {
 public:
  Progress(const Console& console, std::string label, std::optional<std::uint64_t> total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` so far. Cheap: draws only when the last drawing is old enough.
  void reach(std::uint64_t done);
  /// Since the start.
  std::chrono::duration<double> elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;

  const Console& console_;
  ProgressState state_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point next_draw_;
  bool drawn_ = false;
};

}  // namespace takt::cli
