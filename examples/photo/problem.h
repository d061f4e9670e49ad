#pragma once

#include <takt/result.h>
#include <string>
#include <utility>

namespace photo {

/// Why something could not be done, as one sentence for the person who reads it: what, where, and what to do.
struct Problem {
  std::string text;
};

template <class T>
using Result = takt::Result<T, Problem>;

inline auto problem(std::string text) { return takt::failed(Problem{std::move(text)}); }

}  // namespace photo
