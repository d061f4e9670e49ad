#include "cli/command_line.h"

#include <unistd.h>

#include <cstdlib>

#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/version.h"

namespace takt::cli {
namespace {

/// The deepest command that the user named, and its full name: "takt topics list".
struct Place {
  const CLI::App* app;
  std::string name;
};

Place place_of(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return {app, path_of(*app)};
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(child->get_name());
  return names;
}

/// Options that are valid at `app`: its own and those of every command above it.
std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      for (const auto& name : option->get_snames()) names.push_back("-" + name);
    }
  }
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string see_help(const Place& place) { return "see `" + place.name + " --help`"; }

Failure unexpected(const Place& place, const std::vector<std::string>& extras) {
  for (const auto& word : extras) {
    if (!word.starts_with('-') || word == "-") continue;
    const std::string name = word.substr(0, word.find('='));
    const auto meant = nearest(name, option_names(place.app));
    return usage_failure(place.name + " has no option " + name,
                         meant ? "did you mean " + *meant + "? Else " + see_help(place) : see_help(place));
  }
  const std::string& word = extras.front();
  const auto commands = command_names(*place.app);
  if (commands.empty()) {
    return usage_failure(place.name + " does not take '" + word + "'",
                         "write `" + usage_of(*place.app) + "`; quote values that contain blanks");
  }
  const auto meant = nearest(word, commands);
  return usage_failure(place.name + " has no command '" + word + "'",
                       meant ? "did you mean '" + *meant + "'? Else " + see_help(place) : "use one of: " + joined(commands));
}

/// CLI11 begins its messages with the argument's name.
std::string argument_of(const CLI::ParseError& error) {
  const std::string text = error.what();
  return text.substr(0, text.find_first_of(": "));
}

Failure mismatch(const Place& place, const CLI::ParseError& error) {
  const std::string name = argument_of(error);
  const std::string text = error.what();
  if (text.find("At Most") != std::string::npos || text.find("Expected exactly") != std::string::npos) {
    return usage_failure(name + " is there more than once", "give it once; " + see_help(place));
  }
  if (text.find("flag override") != std::string::npos)
    return usage_failure(name + " takes no value", "leave the value out; " + see_help(place));
  return usage_failure(name + " has no value", "write it behind the option: " + name + " VALUE; " + see_help(place));
}

Result<Format, Failure> parse_format(const std::string& text) {
  if (text == "table") return Format::kTable;
  if (text == "json") return Format::kJson;
  return failed(usage_failure("-o cannot be '" + text + "'", "give one of: table, json"));
}

Result<Environment, Failure> make_environment(const GlobalArguments& globals) {
  const auto format = parse_format(globals.output);
  if (!format) return failed(format.error());
  const auto timeout = parse_duration("--timeout", globals.timeout);
  if (!timeout) return failed(timeout.error());

  const char* no_color = std::getenv("NO_COLOR");
  const bool color = !globals.no_color && (no_color == nullptr || *no_color == '\0');
  const bool error_tty = isatty(STDERR_FILENO) == 1;
  const auto color_on = [&](int file) { return color && isatty(file) == 1 ? Color::kOn : Color::kOff; };
  return Environment{
      .console = {.format = *format,
                  .color_out = color_on(STDOUT_FILENO),
                  .color_error = color_on(STDERR_FILENO),
                  .progress = error_tty ? ProgressStyle::kBar : (globals.progress ? ProgressStyle::kLines : ProgressStyle::kNone),
                  .verbose = globals.verbose,
                  .can_ask = error_tty && isatty(STDIN_FILENO) == 1},
      .server = globals.server,
      .timeout = *timeout};
}

int leave(const Console& console, const Failure& failure) {
  console.show(failure);
  return static_cast<int>(failure.exit);
}

}  // namespace

std::unique_ptr<CLI::App> make_command_line(GlobalArguments& globals, Action& action) {
  auto app = std::make_unique<CLI::App>("Talks to a takt broker: sends messages, looks at topics and groups, measures.", "takt");
  app->formatter(make_help_formatter());  // before the commands, which inherit it
  // At most one command per level: a topic may then be called "send" or "list".
  app->require_subcommand(0, 1);
  app->fallthrough();  // before the commands, which inherit it: global options work behind them too
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app->add_option("--server", globals.server, "Address of the broker: tcp://host:port")
      ->type_name("ADDRESS")
      ->envname("TAKT_SERVER")
      ->capture_default_str();
  app->add_option("-o,--output", globals.output, "How results are written")->type_name("table|json")->capture_default_str();
  app->add_option("--timeout", globals.timeout, "How long to wait for the broker's answer: 500ms, 5s, 1m")
      ->type_name("DURATION")
      ->capture_default_str();
  app->add_flag("--no-color", globals.no_color, "No colour, also on a terminal (so does NO_COLOR)");
  app->add_flag("--progress", globals.progress, "Progress as plain lines on stderr when it is not a terminal");
  app->add_flag("-v,--verbose", globals.verbose, "Say on stderr what is being done");
  app->set_version_flag("--version", std::string("takt ") + version, "Show the version of this program and leave");

  add_send(*app, action);
  add_topics(*app, action);
  add_groups(*app, action);
  add_peek(*app, action);
  add_message(*app, action);
  add_dlq(*app, action);
  add_tail(*app, action);
  add_schedule(*app, action);
  add_bench(*app, action);
  add_errors(*app, action);
  add_version(*app, action);
  add_completion(*app, action);
  // Behind the commands, which would inherit it.
  app->footer("takt send photos photo.resize --data '{\"path\":\"in/1.jpg\",\"width\":640}'\ntakt topics list\ntakt tail photos -n 20");
  return app;
}

Failure describe_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  const Place place = place_of(app);
  const auto extras = app.remaining(true);
  // A misspelt option is the cause, and what is missing because of it the consequence.
  for (const auto& word : extras) {
    if (word.starts_with("-") && word != "-") return unexpected(place, extras);
  }
  const std::string text = error.what();
  const std::string last_word = text.substr(text.rfind(' ') + 1);
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::ExtrasError:
      if (!extras.empty()) return unexpected(place, extras);
      break;
    case CLI::ExitCodes::RequiredError: return usage_failure(argument_of(error) + " is missing", "write `" + usage_of(*place.app) + "`");
    case CLI::ExitCodes::ArgumentMismatch: return mismatch(place, error);
    case CLI::ExitCodes::ExcludesError:
      return usage_failure(argument_of(error) + " and " + last_word + " exclude each other", "leave one of them out");
    case CLI::ExitCodes::RequiresError: return usage_failure(argument_of(error) + " needs " + last_word, "give both; " + see_help(place));
    case CLI::ExitCodes::ConversionError:
      return usage_failure("'" + last_word + "' does not fit its option",
                           "leave the value out, the option is a switch; " + see_help(place));
    default: break;  // the library's other codes are about how the tree is built
  }
  return usage_failure(error.what(), see_help(place));
}

Failure describe_missing_command(const CLI::App& app) {
  const Place place = place_of(app);
  return usage_failure(place.name + " needs a command", "use one of: " + joined(command_names(*place.app)) + "; " + see_help(place));
}

int run_command_line(std::vector<std::string> arguments) {
  GlobalArguments globals;
  Action action;
  const auto app = make_command_line(globals, action);
  Console console;
  console.color_error = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr ? Color::kOn : Color::kOff;
  try {
    app->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back
  } catch (const CLI::CallForHelp&) {
    console.write(place_of(*app).app->help());
    return static_cast<int>(console.finish(ExitCode::kOk));
  } catch (const CLI::CallForVersion& asked) {
    console.write(std::string(asked.what()) + "\n");
    return static_cast<int>(console.finish(ExitCode::kOk));
  } catch (const CLI::ParseError& error) {
    return leave(console, describe_parse_error(*app, error));
  }
  if (!action) return leave(console, describe_missing_command(*app));
  const auto environment = make_environment(globals);
  if (!environment) return leave(console, environment.error());
  const auto done = action(*environment);
  if (!done) return leave(environment->console, done.error());
  return static_cast<int>(environment->console.finish(*done));
}

}  // namespace takt::cli
