#include "cli/completion.h"

#include <algorithm>

namespace takt::cli {
namespace {

struct Place {
  std::string path;  ///< "takt topics list"
  const CLI::App* app;
};

std::vector<const CLI::App*> children_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void collect(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
  places.push_back({path, &app});
  for (const CLI::App* child : children_of(app)) collect(*child, path + " " + child->get_name(), places);
}

std::vector<Place> places_of(const CLI::App& root) {
  std::vector<Place> places;
  collect(root, root.get_name(), places);
  return places;
}

std::vector<const CLI::Option*> named_options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_positional(); });
}

std::vector<std::string> spellings(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_min() > 0; }

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

/// Everything that may stand next at `app`: its commands, its choices and options, the global options.
std::vector<std::string> words_at(const CLI::App& app, const CLI::App& root) {
  std::vector<std::string> words;
  for (const CLI::App* child : children_of(app)) words.push_back(child->get_name());
  for (const CLI::Option* option : app.get_options()) {
    const auto add = option->get_positional() ? choices_of(*option) : spellings(*option);
    words.insert(words.end(), add.begin(), add.end());
  }
  if (&app != &root) {
    for (const CLI::Option* option : named_options(root)) {
      const auto add = spellings(*option);
      words.insert(words.end(), add.begin(), add.end());
    }
  }
  std::vector<std::string> unique;
  for (auto& word : words) {
    if (std::find(unique.begin(), unique.end(), word) == unique.end()) unique.push_back(std::move(word));
  }
  return unique;
}

/// The part that bash and zsh share: from the words before the cursor to the words that may follow. Sets `found`;
/// empty when a file name or free text belongs there.
std::string shell_function(const CLI::App& root, const char* name) {
  const auto places = places_of(root);
  std::string text = std::string(name) + "() {\n";
  text += "  # $1: the word before the cursor; then all words before it\n";
  text += "  local before=\"$1\" at=\"" + root.get_name() + "\" word\n  shift 2\n  for word in \"$@\"; do\n    case \"$at $word\" in\n";
  std::vector<std::string> paths;
  for (const Place& place : places) {
    if (place.app != &root) paths.push_back("\"" + place.path + "\"");
  }
  text += "      " + joined(paths, "|") + ") at=\"$at $word\" ;;\n    esac\n  done\n  found=\"\"\n  case \"$at $before\" in\n";
  for (const Place& place : places) {
    for (const CLI::Option* option : named_options(*place.app)) {
      if (!takes_value(*option)) continue;
      std::vector<std::string> patterns;
      // Global options may stand behind every command.
      for (const auto& spelling : spellings(*option))
        patterns.push_back(place.app == &root ? "*\" " + spelling + "\"" : "\"" + place.path + " " + spelling + "\"");
      text += "    " + joined(patterns, "|") + ") found=\"" + joined(choices_of(*option), " ") + "\"; return ;;\n";
    }
  }
  text += "  esac\n  case \"$at\" in\n";
  for (const Place& place : places) text += "    \"" + place.path + "\") found=\"" + joined(words_at(*place.app, root), " ") + "\" ;;\n";
  text += "  esac\n}\n";
  return text;
}

std::string bash_script(const CLI::App& root) {
  return "# bash completion for takt. Load it: source <(takt completion bash)\n" + shell_function(root, "_takt_words") +
         R"(_takt() {
  local found
  _takt_words "${COMP_WORDS[COMP_CWORD-1]}" "${COMP_WORDS[@]:0:COMP_CWORD}"
  mapfile -t COMPREPLY < <(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _takt takt
)";
}

std::string zsh_script(const CLI::App& root) {
  return "#compdef takt\n# zsh completion for takt. Load it: source <(takt completion zsh)\n" + shell_function(root, "_takt_words") +
         R"(_takt() {
  local found
  _takt_words "${words[CURRENT-1]}" "${(@)words[1,CURRENT-1]}"
  if [[ -n "$found" ]]; then
    compadd -- ${=found}
  else
    _files
  fi
}
compdef _takt takt
)";
}

/// fish quotes with single quotes; a quote or backslash inside is escaped.
std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string fish_script(const CLI::App& root) {
  const auto places = places_of(root);
  std::vector<std::string> paths;
  for (const Place& place : places) {
    if (place.app != &root) paths.push_back(fish_quoted(place.path));
  }
  std::string text = "# fish completion for takt. Load it: takt completion fish | source\n";
  text += "function __takt_at\n  set -l at " + root.get_name() +
          "\n  for word in (commandline -opc)[2..-1]\n    switch \"$at $word\"\n      case " + joined(paths, " ") +
          "\n        set at \"$at $word\"\n    end\n  end\n  test \"$at\" = \"$argv[1]\"\nend\ncomplete -c takt -f\n";
  for (const Place& place : places) {
    const std::string condition = "-n " + fish_quoted("__takt_at " + fish_quoted(place.path));
    for (const CLI::App* child : children_of(*place.app)) {
      text += "complete -c takt " + condition + " -a " + child->get_name() + " -d " + fish_quoted(child->get_description()) + "\n";
    }
    for (const CLI::Option* option : place.app->get_options()) {
      const std::string choices = joined(choices_of(*option), " ");
      if (option->get_positional()) {
        if (!choices.empty()) text += "complete -c takt " + condition + " -a " + fish_quoted(choices) + "\n";
        continue;
      }
      text += "complete -c takt";
      if (place.app != &root) text += " " + condition;
      for (const auto& name : option->get_snames()) text += " -s " + name;
      for (const auto& name : option->get_lnames()) text += " -l " + name;
      if (takes_value(*option)) text += choices.empty() ? " -r" : " -x -a " + fish_quoted(choices);
      text += " -d " + fish_quoted(option->get_description()) + "\n";
    }
  }
  return text;
}

}  // namespace

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  std::vector<std::string> choices;
  if (type.find('|') == std::string::npos) return choices;
  for (std::size_t begin = 0; begin <= type.size();) {
    const std::size_t end = std::min(type.find('|', begin), type.size());
    const std::string word = type.substr(begin, end - begin);
    const bool literal = !word.empty() && std::all_of(word.begin(), word.end(),
                                                      [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0; });
    if (literal) choices.push_back(word);
    begin = end + 1;
  }
  return choices;
}

std::string completion_script(const CLI::App& root, Shell shell) {
  switch (shell) {
    case Shell::kBash: return bash_script(root);
    case Shell::kZsh: return zsh_script(root);
    case Shell::kFish: return fish_script(root);
  }
  return {};
}

}  // namespace takt::cli
