#include "takt/error.h"

#include <cstdio>

namespace takt {

std::string Error::label() const {
  char number[16];
  std::snprintf(number, sizeof number, "TK%04u ", unsigned{code});
  return number + name;
}

std::string Error::text() const { return label() + ": " + message; }

}  // namespace takt
