#pragma once
// One function per command: it adds the command to the tree and, when the user chose it, leaves in `action` what is
// to be done. Nothing happens while the line is parsed.

#include <functional>

#include <CLI/CLI.hpp>

#include "cli/console.h"
#include "cli/failure.h"
#include "proto/result.h"

namespace takt::cli {

using Action = std::function<Result<ExitCode, Failure>(const Environment&)>;

void add_send(CLI::App& app, Action& action);
void add_topics(CLI::App& app, Action& action);
void add_groups(CLI::App& app, Action& action);
void add_peek(CLI::App& app, Action& action);
void add_message(CLI::App& app, Action& action);
void add_dlq(CLI::App& app, Action& action);
void add_tail(CLI::App& app, Action& action);
void add_schedule(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_errors(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

/// Adds a leaf command: `run` gets the arguments that `declare` bound to options.
template <class Arguments>
void add_command(CLI::App& parent, Action& action, const char* name, const char* description, void (*declare)(CLI::App&, Arguments&),
                 Result<ExitCode, Failure> (*run)(const Arguments&, const Environment&)) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = parent.add_subcommand(name, description);
  declare(*command, *arguments);
  command->callback(
      [&action, arguments, run] { action = [arguments, run](const Environment& environment) { return run(*arguments, environment); }; });
}

}  // namespace takt::cli
