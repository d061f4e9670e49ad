// takt completion bash|zsh|fish.

#include "cli/completion.h"

#include "cli/commands/commands.h"

namespace takt::cli {
namespace {

struct Arguments {
  std::string shell;
  const CLI::App* root = nullptr;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(source <(takt completion bash)
takt completion fish | source)");
  command.add_option("SHELL", given.shell, "The shell to complete in")->type_name("bash|zsh|fish")->required();
  given.root = command.get_parent();
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  Shell shell{};
  if (given.shell == "bash") {
    shell = Shell::kBash;
  } else if (given.shell == "zsh") {
    shell = Shell::kZsh;
  } else if (given.shell == "fish") {
    shell = Shell::kFish;
  } else {
    return failed(usage_failure("there is no completion for '" + given.shell + "'", "give one of: bash, zsh, fish"));
  }
  environment.console.write(completion_script(*given.root, shell));
  return ExitCode::kOk;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "completion", "Print a completion script: source <(takt completion bash)", &declare, &run);
}

}  // namespace takt::cli
