// The tree as a whole: completion, help, and docs/cli.md tell the same story.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "cli/command_line.h"
#include "cli/completion.h"
#include "tests/cli/mistake.h"

namespace takt::cli {
namespace {

struct Tree {
  GlobalArguments globals;
  Action action;
  std::unique_ptr<CLI::App> root = make_command_line(globals, action);

  void visit(const std::function<void(const std::string&, const CLI::App&)>& see) const { visit(*root, root->get_name(), see); }

 private:
  static void visit(const CLI::App& app, const std::string& path, const std::function<void(const std::string&, const CLI::App&)>& see) {
    see(path, app);
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
      visit(*child, path + " " + child->get_name(), see);
  }
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string parse_error_of(const std::vector<std::string>& words) {
  Tree tree;
  try {
    tree.root->parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    return describe_parse_error(*tree.root, error).text;
  }
  return "";
}

TEST(CommandTree, StandsInFullInTheReference) {
  const std::string page = read_file(std::string(TAKT_SOURCE_DIR) + "/docs/cli.md");
  ASSERT_FALSE(page.empty());
  Tree().visit([&page](const std::string& path, const CLI::App& app) {
    const auto at = page.find("## `" + path + "`");
    ASSERT_NE(at, std::string::npos) << "docs/cli.md has no section for `" << path << "`";
    const std::string section = page.substr(at, page.find("\n#", at + 3) - at);
    for (const CLI::Option* option : app.get_options()) {
      for (const auto& name : option->get_lnames()) {
        if (name == "help" && path != "takt") continue;  // said once
        EXPECT_NE(section.find("--" + name), std::string::npos) << path << " --" << name << " is not in its section";
      }
      const std::string argument = option->get_positional() ? option->get_name() : "";
      EXPECT_NE(section.find(argument), std::string::npos) << path << " " << argument;
    }
  });
}

TEST(CommandTree, DescribesEveryCommandAndOption) {
  Tree().visit([](const std::string& path, const CLI::App& app) {
    EXPECT_FALSE(app.get_description().empty()) << path;
    for (const CLI::Option* option : app.get_options())
      EXPECT_FALSE(option->get_description().empty()) << path << " " << option->get_name();
  });
}

std::string help_of(const std::vector<std::string>& words) {
  Tree tree;
  const CLI::App* app = tree.root.get();
  for (const auto& word : words) app = app->get_subcommand(word);
  return app->help();
}

TEST(CommandTree, ShowsACommandInItsHelpAsItIsTyped) {
  EXPECT_NE(help_of({"tail"}).find("Usage: takt tail TOPIC [OPTIONS]\n"), std::string::npos) << help_of({"tail"});
  EXPECT_NE(help_of({"topics", "create"}).find("Usage: takt topics create TOPIC [OPTIONS]\n"), std::string::npos);
  EXPECT_NE(help_of({"groups"}).find("Usage: takt groups COMMAND [OPTIONS]\n"), std::string::npos);
  EXPECT_NE(help_of({}).find("Usage: takt COMMAND [OPTIONS]\n"), std::string::npos);
}

TEST(CommandTree, ShowsTheGlobalOptionsInEveryHelpOnce) {
  Tree().visit([](const std::string& path, const CLI::App& app) {
    const std::string help = app.help();
    for (const char* option : {"--server", "-o,--output", "--timeout"}) {
      const auto at = help.find(std::string("\n  ") + option + " ");
      EXPECT_NE(at, std::string::npos) << path << " " << option << "\n" << help;
      EXPECT_EQ(help.find(std::string("\n  ") + option + " ", at + 1), std::string::npos) << path << " " << option;
    }
  });
}

TEST(CommandTree, HasExamplesOfEachCommandThatAreRight) {
  Tree().visit([](const std::string& path, const CLI::App& app) {
    if (path == "takt") return;
    if (!app.get_subcommands([](const CLI::App*) { return true; }).empty()) return;  // its commands have them
    EXPECT_NE(app.get_footer(), "") << path;
    std::istringstream examples(app.get_footer());
    for (std::string example; std::getline(examples, example);) {
      EXPECT_NE(example.find(path), std::string::npos) << example;
      if (!example.starts_with("takt ")) continue;  // the shell's own
      auto words = mistakes::split_words(example.substr(0, example.find_first_of("|<")));
      words.erase(words.begin());
      EXPECT_EQ(parse_error_of(words), "") << example;
    }
  });
}

TEST(CommandTree, ListsTheExitCodesInItsHelp) {
  const std::string help = Tree().root->help();
  for (const char* line : {"0  ok", "1  failed", "2  usage", "3  not found", "4  refused", "5  timeout", "6  partly done"})
    EXPECT_NE(help.find(line), std::string::npos) << line;
}

TEST(CommandTree, TakesGlobalOptionsBeforeAndBehindTheCommand) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-o", "json", "topics", "list"}, {"topics", "-o", "json", "list"}, {"topics", "list", "-o", "json"}}) {
    Tree tree;
    tree.root->parse(std::vector<std::string>(words.rbegin(), words.rend()));
    EXPECT_EQ(tree.globals.output, "json");
    EXPECT_TRUE(tree.action);
  }
}

TEST(CommandTree, LetsATopicBeCalledLikeACommand) {
  EXPECT_EQ(parse_error_of({"send", "topics", "list"}), "");
  EXPECT_EQ(parse_error_of({"peek", "send"}), "");
  EXPECT_EQ(parse_error_of({"topics", "delete", "delete"}), "");
}

TEST(CommandTree, RepeatsOnlyWhatMayBeRepeated) {
  EXPECT_EQ(parse_error_of({"send", "--tag", "a", "--tag", "b", "photos", "resize"}), "");
  EXPECT_NE(parse_error_of({"send", "photos", "resize", "--count", "1", "--count", "2"}), "");
}

TEST(CommandTree, BlamesTheMisspeltOptionNotWhatIsMissingBecauseOfIt) {
  EXPECT_NE(parse_error_of({"send", "--tga", "x"}).find("did you mean --tag?"), std::string::npos);
}

TEST(Completion, KnowsEveryCommandAndOptionInEveryShell) {
  const Tree tree;
  for (const Shell shell : {Shell::kBash, Shell::kZsh, Shell::kFish}) {
    const std::string script = completion_script(*tree.root, shell);
    tree.visit([&](const std::string& path, const CLI::App& app) {
      EXPECT_NE(script.find(path), std::string::npos) << path;
      for (const CLI::Option* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
          EXPECT_NE(script.find((shell == Shell::kFish ? "-l " : "--") + name), std::string::npos) << path << " --" << name;
        }
      }
    });
  }
}

TEST(Completion, ReadsChoicesFromTypeNames) {
  CLI::App app("a", "a");
  std::string value;
  EXPECT_EQ(choices_of(*app.add_option("--format", value)->type_name("table|json")), (std::vector<std::string>{"table", "json"}));
  EXPECT_EQ(choices_of(*app.add_option("--from", value)->type_name("N|start|end")), (std::vector<std::string>{"start", "end"}));
  EXPECT_TRUE(choices_of(*app.add_option("--size", value)->type_name("SIZE")).empty());
}

}  // namespace
}  // namespace takt::cli
