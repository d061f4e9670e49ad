#include "proto/check.h"

#include <cstdio>
#include <cstdlib>

namespace takt {

void fail_check(const char* claim, const char* file, int line, const char* function) {
  std::fprintf(stderr, "takt: bug: %s does not hold at %s:%d in %s\n", claim, file, line, function);
  std::abort();
}

}  // namespace takt
