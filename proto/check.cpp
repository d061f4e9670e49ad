#include "proto/check.h"

#include <cstdio>
#include <cstdlib>

namespace takt {

void fail_check(const char* claim, std::source_location where) {
  std::fprintf(stderr, "takt: bug: %s does not hold at %s:%u in %s\n", claim, where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  std::abort();
}

}  // namespace takt
