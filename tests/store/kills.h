#pragma once
// A process that appends to a log and is killed, again and again.

#include <functional>
#include <memory>

#include "broker/store/log.h"

namespace takt::testing {

/// In child processes: opens the log with `open`, appends, drains and frees until it is killed, and after each kill looks
/// whether everything that was reported is there, and nothing that was never appended. Expectations of GoogleTest.
void expect_kept_over_kills(const std::function<std::unique_ptr<store::Log>()>& open);

}  // namespace takt::testing
