#include "examples/photo/run_folder.h"

#include <algorithm>
#include <sstream>

#include "examples/photo/files.h"

namespace photo {
namespace {

constexpr std::string_view marker_name = "takt-photo-run";
constexpr std::string_view marker_text = "Made by photo_demo; the next run with the same --out replaces this folder.\n";

}  // namespace

Result<RunFolder> make_run_folder(const std::filesystem::path& root) {
  std::error_code error;
  if (std::filesystem::exists(root, error)) {
    if (!std::filesystem::exists(root / marker_name, error)) {
      return problem(root.string() + " exists and was not made by an earlier run: name another folder by --out");
    }
    std::filesystem::remove_all(root, error);
    if (error) return problem(root.string() + " of an earlier run cannot be removed: " + error.message());
  }
  RunFolder run{root};
  for (const auto& folder : {root, run.outputs(), run.effects(), run.ledger(), run.sent(), run.logs(), run.data()}) {
    if (auto made = make_folder(folder); !made) return takt::failed(made.error());
  }
  if (auto marked = write_atomically(root / marker_name, marker_text); !marked) return takt::failed(marked.error());
  return run;
}

Result<void> write_sent(const RunFolder& run, const std::string& producer, const std::vector<SentLine>& lines) {
  std::string text;
  for (const auto& line : lines) text += line.message + "\t" + line.job + "\n";
  return write_atomically(run.sent() / (producer + ".tsv"), text);
}

Result<std::vector<SentLine>> read_sent(const RunFolder& run) {
  std::vector<SentLine> sent;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run.sent(), error)) {
    auto text = read_file(entry.path());
    if (!text) return takt::failed(text.error());
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      const auto tab = line.find('\t');
      if (tab == std::string::npos) return problem(entry.path().string() + " holds a line without a job: " + line);
      sent.push_back({.job = line.substr(tab + 1), .message = line.substr(0, tab)});
    }
  }
  if (error) return problem(run.sent().string() + " cannot be read: " + error.message());
  return sent;
}

}  // namespace photo
