#pragma once
// Shell completion, generated from the command tree, so that it never knows other options than the program.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace takt::cli {

enum class Shell { kBash, kZsh, kFish };

/// A complete script for `shell`: commands at every level, options, and the values of options that have a fixed choice.
std::string completion_script(const CLI::App& root, Shell shell);

/// The words of a fixed choice, read from an option's type name: `table|json` gives both, `N|start` only the lower-case one.
std::vector<std::string> choices_of(const CLI::Option& option);

}  // namespace takt::cli
