#include "cli/help.h"

#include <algorithm>
#include <sstream>

namespace takt::cli {
namespace {

constexpr std::string_view exit_codes = R"(
Exit codes:
  0  ok
  1  failed: the broker or this machine could not do it
  2  usage: the command line is wrong, nothing was asked of the broker
  3  not found: no such topic, group, schedule or error code
  4  refused: the broker said no; the error's code says why (takt errors CODE)
  5  timeout: no answer in time, or the outcome is unknown
  6  partly done: the error says how many were done
)";

bool has_commands(const CLI::App& app) {
  return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
}

const CLI::App& root_of(const CLI::App& app) { return app.get_parent() == nullptr ? app : root_of(*app.get_parent()); }

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(32); }

  std::string make_usage(const CLI::App* app, std::string) const override { return "\nUsage: " + usage_of(*app) + "\n"; }

  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    return make_description(app) + make_usage(app, {}) + make_positionals(app) + make_subcommands(app, mode) + make_groups(app, mode) +
           make_globals(*app) + make_footer(app);
  }

  std::string make_footer(const CLI::App* app) const override {
    std::string text;
    if (!app->get_footer().empty()) text += "\nExamples:\n";
    std::istringstream examples(app->get_footer());
    for (std::string line; std::getline(examples, line);) text += "  " + line + "\n";
    if (has_commands(*app)) text += "\n`" + path_of(*app) + " COMMAND --help` shows a command's options and examples.\n";
    if (app->get_parent() == nullptr) return text + std::string(exit_codes);
    return text + "\nThe exit codes are those of `" + root_of(*app).get_name() + " --help`.\n";
  }

 private:
  /// They work behind every command that has none of the same name.
  std::string make_globals(const CLI::App& app) const {
    if (app.get_parent() == nullptr) return {};
    const auto own = app.get_options();
    const auto globals = root_of(app).get_options([&own](const CLI::Option* global) {
      return std::ranges::none_of(own, [global](const CLI::Option* option) { return option->get_name() == global->get_name(); });
    });
    return make_group("Global options", false, globals);
  }
};

}  // namespace

std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : path_of(*app.get_parent()) + " " + app.get_name();
}

std::string usage_of(const CLI::App& app) {
  std::string text = path_of(app);
  if (has_commands(app)) text += " COMMAND";
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    text += option->get_required() ? " " + option->get_name() : " [" + option->get_name() + "]";
  }
  return text + " [OPTIONS]";
}

std::shared_ptr<CLI::FormatterBase> make_help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace takt::cli
