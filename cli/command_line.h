#pragma once
// The tree of commands and what all of them share.

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"

namespace takt::cli {

/// Global options, as the user wrote them.
struct GlobalArguments {
  std::string server = "tcp://127.0.0.1:7400";
  std::string output = "table";
  std::string timeout = "5s";
  bool no_color = false;
  bool progress = false;
  bool verbose = false;
};

/// The whole tree. `action` and `globals` must outlive it.
std::unique_ptr<CLI::App> make_command_line(GlobalArguments& globals, Action& action);

/// What a parse error means, in our words: which argument, what is wrong with it, what was perhaps meant.
Failure describe_parse_error(const CLI::App& app, const CLI::ParseError& error);
/// The command was a group of commands without one of them: `takt topics`.
Failure describe_missing_command(const CLI::App& app);

/// Runs one command line (without the program's name) and returns the process's exit code. Writes to stdout, stderr.
int run_command_line(std::vector<std::string> arguments);

}  // namespace takt::cli
