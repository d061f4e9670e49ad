#include "tests/attack/attacks.h"

#include <iterator>
#include <utility>

namespace takt::attack {

Counter one_of(Counter first, std::vector<Counter> others) {
  first.or_else = std::move(others);
  return first;
}

const std::vector<Attack>& all_attacks() {
  static const std::vector<Attack> attacks = [] {
    std::vector<Attack> all;
    for (const auto family : {connection_attacks, frame_attacks, malformed_attacks, session_attacks, reader_attacks, http_attacks}) {
      std::vector<Attack> some = family();
      all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    }
    return all;
  }();
  return attacks;
}

}  // namespace takt::attack
