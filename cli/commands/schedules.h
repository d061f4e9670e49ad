#pragma once
// The commands below `takt schedule` that ask the broker.

#include "cli/commands/commands.h"

namespace takt::cli {

void add_schedule_put(CLI::App& app, Action& action);
void add_schedule_admin(CLI::App& app, Action& action);

}  // namespace takt::cli
