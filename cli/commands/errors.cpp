// takt errors [CODE]: the table of codes, offline.

#include <charconv>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/suggest.h"
#include "proto/error_code.h"

namespace takt::cli {
namespace {

struct Arguments {
  std::string code;
};

std::string label_number(ErrorCode code) { return "TK" + std::to_string(static_cast<unsigned>(code)); }

nlohmann::ordered_json document_of(const ErrorEntry& entry) {
  return {{"code", label_number(entry.code)},
          {"name", entry.name},
          {"meaning", entry.meaning},
          {"remedy", entry.remedy},
          {"exit_code", static_cast<int>(exit_code_of(entry.code))}};
}

/// `TK2003`, `tk2003`, `2003` or `topic_full`.
std::optional<ErrorEntry> look_up(std::string_view text) {
  for (const ErrorEntry& entry : error_table()) {
    if (entry.name == text) return entry;
  }
  if (text.starts_with("TK") || text.starts_with("tk")) text.remove_prefix(2);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return find_error(static_cast<ErrorCode>(number));
}

Failure no_such_code(const std::string& text) {
  std::vector<std::string> known;
  for (const ErrorEntry& entry : error_table()) {
    known.emplace_back(entry.name);
    known.push_back(label_number(entry.code));
  }
  // The nearest number is not a slip of the same meaning, so only names are suggested.
  const bool numeric = text.find_first_of("0123456789") != std::string::npos;
  const auto meant = numeric ? std::nullopt : nearest(text, known);
  return {ExitCode::kNotFound,
          "error usage: there is no error code '" + text +
              "'. What to do: " + (meant ? "did you mean " + *meant + "? Else see `takt errors`." : "see all of them with `takt errors`.")};
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const Console& console = environment.console;
  if (!given.code.empty()) {
    const auto entry = look_up(given.code);
    if (!entry) return failed(no_such_code(given.code));
    if (console.format == Format::kJson) {
      console.write_document(document_of(*entry));
    } else {
      console.write(error_label(entry->code) + "\n  meaning  " + std::string(entry->meaning) + "\n  remedy   " +
                    std::string(entry->remedy) + "\n");
    }
    return ExitCode::kOk;
  }
  auto documents = nlohmann::ordered_json::array();
  Table table({{"CODE"}, {"NAME"}, {"MEANING"}, {"REMEDY"}});
  for (const ErrorEntry& entry : error_table()) {
    documents.push_back(document_of(entry));
    table.add({label_number(entry.code), std::string(entry.name), std::string(entry.meaning), std::string(entry.remedy)});
  }
  if (console.format == Format::kJson) {
    console.write_document({{"errors", documents}});
  } else {
    console.write(table.render(console.color_out));
  }
  return ExitCode::kOk;
}

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt errors
takt errors TK2003
takt errors topic_full -o json)");
  command.add_option("CODE", given.code, "TK2003, 2003 or topic_full; all when left out")->type_name("");
}

}  // namespace

void add_errors(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "errors", "List the error codes, or explain one: what it means and what to do", &declare, &run);
}

}  // namespace takt::cli
