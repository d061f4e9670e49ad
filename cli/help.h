#pragma once
// What --help shows: the command as it is typed, its own options and the global ones, and its own examples.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

namespace takt::cli {

/// `takt topics list`
std::string path_of(const CLI::App& app);
/// `takt send TOPIC KIND [OPTIONS]`
std::string usage_of(const CLI::App& app);

/// For the root; commands added after it inherit it. A command's footer holds its examples, one per line, nothing else.
std::shared_ptr<CLI::FormatterBase> make_help_formatter();

}  // namespace takt::cli
