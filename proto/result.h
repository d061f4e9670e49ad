#ifndef TAKT_RESULT_H
#define TAKT_RESULT_H
// Also installed, as <takt/result.h>; hence the guard by name: both paths may meet in one file.

#include <tl/expected.hpp>
#include <utility>

namespace takt {

/// A value or the reason why there is none; must be looked at. tl::expected itself is not nodiscard.
template <class T, class E>
class [[nodiscard]] Result : public tl::expected<T, E> {
 public:
  using tl::expected<T, E>::expected;
  Result(tl::expected<T, E> other) : tl::expected<T, E>(std::move(other)) {}
};

template <class E>
auto failed(E&& error) {
  return tl::make_unexpected(std::forward<E>(error));
}

}  // namespace takt

#endif
