#include "tests/attack/attacks.h"

#include <iterator>

namespace takt::attack {

const std::vector<Attack>& all_attacks() {
  static const std::vector<Attack> attacks = [] {
    std::vector<Attack> all;
    for (const auto family : {connection_attacks, frame_attacks, session_attacks, reader_attacks, http_attacks}) {
      std::vector<Attack> some = family();
      all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    }
    return all;
  }();
  return attacks;
}

}  // namespace takt::attack
