// taktd, the broker's process: flags, configuration, signals, exit codes.

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "broker/runtime/broker.h"
#include "broker/runtime/logging.h"
#include "broker/runtime/quantity.h"

extern char** environ;

namespace {

using namespace takt;
using runtime::Config;
using runtime::ConfigSources;
using runtime::LogFormat;
using runtime::LogLevel;

enum ExitCode : int { kExitOk = 0, kExitFailed = 1, kExitUsage = 2 };

constexpr std::string_view examples = R"(
Examples:
  taktd                                      broker on 127.0.0.1:7400, data in ./takt-data
  taktd --config /etc/takt/takt.toml         with a configuration file
  taktd --data /var/lib/takt --listen tcp://127.0.0.1:7500
  taktd --set limits.message_bytes=4MiB --set limits.batch_bytes=4MiB
  taktd --config takt.toml --check-config    say what is wrong with it, and start nothing

Every key can also be set by the environment: TAKT_STORE__BYTES_MAX=8GiB. A flag wins over the
environment, that over the file. docs/configuration.md lists all keys, docs/operations.md signals and files.)";

struct CommandLine {
  std::string config_file;
  bool check_config = false;
  std::vector<ConfigSources::Flag> flags;
};

/// What is wrong with a command line, and what was perhaps meant.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extras = app.remaining();
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError) || extras.empty()) return error.what();
  const auto wrong = std::ranges::find_if(extras, [](const std::string& word) { return word.starts_with('-'); });
  if (wrong == extras.end()) return "taktd does not take \"" + extras.front() + "\"";
  const std::string name = wrong->substr(0, wrong->find('='));
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& flag : option->get_lnames()) flags.push_back("--" + flag);
  const auto like = runtime::most_like(name, {flags.begin(), flags.end()});
  return "taktd has no flag " + name + (like ? "; did you mean " + std::string(*like) + "?" : "");
}

/// An exit code when the process ends here: help, version, or a mistake.
std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
  CLI::App app("taktd: a durable task queue's broker", "taktd");
  app.set_version_flag("--version", "taktd " TAKT_VERSION);
  app.footer(std::string(examples));
  app.add_option("-c,--config", line.config_file, "Configuration file (TOML)")->envname("TAKT_CONFIG")->type_name("FILE");
  app.add_flag("--check-config", line.check_config, "Check the configuration and exit");

  struct Shortcut {
    const char* flag;
    const char* key;
    const char* type;
    const char* meaning;
  };
  constexpr Shortcut shortcuts[] = {
      {"--listen", "listen", "ADDRESS", "Address for clients [tcp://127.0.0.1:7400]"},
      {"--http", "http", "ADDRESS", "Address for metrics and health, or off [127.0.0.1:7480]"},
      {"--data", "data", "FOLDER", "Data folder [./takt-data]"},
      {"--partitions", "partitions", "N", "Partitions of a fresh data folder [1]"},
      {"--log-level", "log.level", "LEVEL", "debug, info, warn or error [info]"},
      {"--log-format", "log.format", "FORMAT", "auto, text or json [auto]"},
  };
  for (const Shortcut& shortcut : shortcuts) {
    app.add_option_function<std::string>(
           shortcut.flag, [&line, &shortcut](const std::string& value) { line.flags.push_back({shortcut.flag, shortcut.key, value}); },
           shortcut.meaning)
        ->type_name(shortcut.type);
  }
  app.add_flag_callback(
      "--insecure-no-auth", [&line] { line.flags.push_back({"--insecure-no-auth", "insecure_no_auth", "true"}); },
      "Let other machines connect although clients are not authenticated");
  std::vector<std::string> settings;
  app.add_option("--set", settings, "Any key of the configuration, as KEY=VALUE; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << error_label(ErrorCode::kBadOption) << ": " << describe(app, error) << "\nRun taktd --help for the flags.\n";
    return kExitUsage;
  }
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) {
      std::cerr << error_label(ErrorCode::kBadOption) << ": flag --set: \"" << setting << "\" has no value: write KEY=VALUE\n";
      return kExitUsage;
    }
    line.flags.push_back({"--set", setting.substr(0, equals), setting.substr(equals + 1)});
  }
  return std::nullopt;
}

std::optional<Config> load(const CommandLine& line) {
  ConfigSources sources;
  sources.flags = line.flags;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      sources.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (!line.config_file.empty()) {
    std::ifstream in(line.config_file);
    std::stringstream text;
    if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();   // inserting nothing would count as a failure
    if (!in.is_open() || in.bad() || !text) {
      std::cerr << error_label(ErrorCode::kBadOption) << ": flag --config: cannot read " << line.config_file << ": " << std::strerror(errno)
                << "; check the path\n";
      return std::nullopt;
    }
    sources.file = ConfigSources::File{line.config_file, text.str()};
  }
  auto config = runtime::load_config(sources);
  if (config) return std::move(*config);
  for (const auto& problem : config.error()) std::cerr << render(problem) << '\n';
  return std::nullopt;
}

void open_log(const Config& config) {
  LogLevel level = LogLevel::kInfo;
  if (config.log.level == "debug") level = LogLevel::kDebug;
  if (config.log.level == "warn") level = LogLevel::kWarn;
  if (config.log.level == "error") level = LogLevel::kError;
  const bool is_text = config.log.format == "text" || (config.log.format == "auto" && ::isatty(STDERR_FILENO) != 0);
  runtime::open_log(level, is_text ? LogFormat::kText : LogFormat::kJson);
}

/// SIGTERM and SIGINT as a descriptor; every thread that is started later has them blocked too.
int block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &signals, SFD_CLOEXEC);
}

int run(const Config& config) {
  const int signals = block_signals();
  const int stopped = ::eventfd(0, EFD_CLOEXEC);
  std::atomic<runtime::ShardState> last = runtime::ShardState::kServing;
  runtime::Broker::Options options;
  options.version = TAKT_VERSION;
  options.stopped = [&last, stopped](runtime::ShardState state) {
    last = state;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stopped, &one, sizeof one);
  };
  auto broker = runtime::Broker::start(config, std::move(options));
  if (!broker) {
    std::cerr << broker.error().message << '\n';
    return kExitFailed;
  }
  runtime::log(LogLevel::kInfo, "ready",
               {{"version", TAKT_VERSION},
                {"listen", (*broker)->client_endpoint()},
                {"http", (*broker)->http_endpoint()},
                {"data", config.data},
                {"pid", static_cast<std::uint64_t>(::getpid())}});

  bool is_draining = false;
  for (;;) {
    pollfd items[] = {{signals, POLLIN, 0}, {stopped, POLLIN, 0}};
    if (::poll(items, 2, -1) < 0) continue;   // interrupted
    if ((items[1].revents & POLLIN) != 0) break;
    if ((items[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo signal{};
    [[maybe_unused]] const auto got = ::read(signals, &signal, sizeof signal);
    runtime::log(LogLevel::kInfo, "signal",
                 {{"name", signal.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT"}, {"action", is_draining ? "exit" : "drain"}});
    if (is_draining) ::_exit(kExitFailed);   // asked twice: what is durable is durable
    is_draining = true;
    (*broker)->drain();
  }
  broker->reset();
  runtime::log(LogLevel::kInfo, "stopped");
  return last.load() == runtime::ShardState::kStopped ? kExitOk : kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  if (const auto code = parse_command_line(argc, argv, line)) return *code;
  const auto config = load(line);
  if (!config) return kExitUsage;
  if (line.check_config) {
    std::cout << "the configuration is correct\n";
    return kExitOk;
  }
  open_log(*config);
  return run(*config);
}
