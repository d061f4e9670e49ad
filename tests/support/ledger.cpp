#include "tests/support/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace takt::testing {
namespace {

constexpr std::array<std::string_view, 10> names = {"sent",     "refused", "unknown",     "follow",    "begun",
                                                    "finished", "failed",  "interrupted", "confirmed", "note"};

}  // namespace

LedgerWriter::LedgerWriter(const std::filesystem::path& file, std::string actor)
    : actor_(std::move(actor)),
      file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (file_ < 0) throw std::runtime_error("cannot open the ledger " + file.string());
}

LedgerWriter::~LedgerWriter() { ::close(file_); }

void LedgerWriter::write(LedgerEvent event, std::string_view group, std::string_view id, std::string_view payload, std::uint32_t attempt) {
  const std::chrono::nanoseconds at = std::chrono::steady_clock::now().time_since_epoch();
  std::string line = std::to_string(at.count());
  for (const std::string_view word : {std::string_view(actor_), names[static_cast<std::size_t>(event)], group, id, payload})
    line.append(" ").append(word);
  line.append(" ").append(std::to_string(attempt)).append("\n");
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw std::runtime_error("cannot write the ledger");
}

std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file) {
  std::vector<LedgerEntry> entries;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && !in.eof();) {
    std::istringstream words(line);
    LedgerEntry entry;
    std::int64_t at = 0;
    std::string event;
    words >> at >> entry.actor >> event >> entry.group >> entry.id >> entry.payload >> entry.attempt;
    const auto name = std::ranges::find(names, event);
    if (!words || name == names.end()) throw std::runtime_error("not a ledger line: " + line);
    entry.at = std::chrono::nanoseconds(at);
    entry.event = static_cast<LedgerEvent>(name - names.begin());
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<LedgerEntry> read_ledgers(const std::filesystem::path& folder) {
  std::vector<LedgerEntry> all;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".ledger") continue;
    auto entries = read_ledger(file.path());
    all.insert(all.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  }
  return all;
}

}  // namespace takt::testing
