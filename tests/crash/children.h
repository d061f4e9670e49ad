#pragma once
// Work that may kill its process, done in children: a death is a result like any other.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace takt::crash {

/// What became of one piece of work.
struct Outcome {
  std::uint64_t piece = 0;
  int child = 0;               ///< 0 to children - 1: which of those that work at once
  int signal = 0;              ///< that ended the child while it worked on this; 0: none
  std::uint8_t verdict = 0;    ///< as the work said
  std::string text{};          ///< as the work said, in one line
};

struct Teller {
  std::function<void(std::uint64_t piece)> begins;
  std::function<void(std::uint8_t verdict, const std::string& text)> ended;
};
/// Called in a child with its number and its pieces in order; tells the beginning and the end of each.
using Work = std::function<void(int child, const std::vector<std::uint64_t>& pieces, const Teller& teller)>;

/// Deals `pieces` out to `children` at once, in shares of neighbours; a child that dies is replaced for what it had left.
/// `done` is called here, once for each piece. Throws std::runtime_error when a child cannot be started.
void work_in_children(int children, const std::vector<std::uint64_t>& pieces, const Work& work,
                      const std::function<void(const Outcome&)>& done);

}  // namespace takt::crash
