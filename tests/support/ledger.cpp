#include "tests/support/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace takt::testing {
namespace {

constexpr std::array<std::string_view, 15> names = {"sending", "sent",     "refused", "unknown",     "follow",
                                                    "begun",   "finished", "failed",  "interrupted", "confirmed",
                                                    "killed",  "frozen",   "thawed",  "started",     "note"};

std::string_view name_of(LedgerEvent event) { return names[static_cast<std::size_t>(event)]; }

/// Takes words off the front of a line.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  /// Empty: there is none.
  std::string_view next() {
    const auto end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return word;
  }
  template <class Number>
  std::optional<Number> number() {
    const std::string_view word = next();
    Number value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// False: that is no line of a ledger.
bool read_line(std::string_view line, LedgerEntry& entry) {
  Words words(line);
  const auto at = words.number<std::int64_t>();
  entry.actor = words.next();
  const auto name = std::ranges::find(names, words.next());
  entry.group = words.next();
  entry.id = words.next();
  entry.payload = words.next();
  const auto attempt = words.number<std::uint32_t>();
  const auto token = words.number<std::uint64_t>();
  if (!at || name == names.end() || entry.payload.empty() || !attempt || !token || !words.is_at_end()) return false;
  entry.at = std::chrono::nanoseconds(*at);
  entry.event = static_cast<LedgerEvent>(name - names.begin());
  entry.attempt = *attempt;
  entry.token = *token;
  return true;
}

}  // namespace

std::string line_of(const LedgerEntry& entry) {
  std::string line = std::to_string(entry.at.count());
  for (const std::string_view word : {std::string_view(entry.actor), name_of(entry.event), std::string_view(entry.group),
                                      std::string_view(entry.id), std::string_view(entry.payload)})
    line.append(" ").append(word);
  return line.append(" ").append(std::to_string(entry.attempt)).append(" ").append(std::to_string(entry.token));
}

LedgerWriter::LedgerWriter(const std::filesystem::path& file, std::string actor)
    : actor_(std::move(actor)),
      file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (file_ < 0) throw std::runtime_error("cannot open the ledger " + file.string());
}

LedgerWriter::~LedgerWriter() { ::close(file_); }

void LedgerWriter::write(LedgerEvent event, std::string_view group, std::string_view id, std::string_view payload, LedgerLease lease) {
  const std::chrono::nanoseconds at = std::chrono::steady_clock::now().time_since_epoch();
  const std::string line =
      line_of({at, actor_, event, std::string(group), std::string(id), std::string(payload), lease.attempt, lease.token}) + "\n";
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw std::runtime_error("cannot write the ledger");
}

void for_each_entry(const std::filesystem::path& file, const std::function<void(const LedgerEntry&)>& fn) {
  std::ifstream in(file);
  LedgerEntry entry;
  std::size_t number = 0;
  // The last line may be torn; only a line with its end is one.
  for (std::string line; std::getline(in, line) && !in.eof();) {
    ++number;
    if (!read_line(line, entry)) throw std::runtime_error(file.string() + ":" + std::to_string(number) + ": not a ledger line: " + line);
    fn(entry);
  }
}

std::vector<std::filesystem::path> ledgers_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".ledger") files.push_back(file.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file) {
  std::vector<LedgerEntry> entries;
  for_each_entry(file, [&](const LedgerEntry& entry) { entries.push_back(entry); });
  return entries;
}

std::vector<LedgerEntry> read_ledgers(const std::filesystem::path& folder) {
  std::vector<LedgerEntry> all;
  for (const auto& file : ledgers_in(folder)) for_each_entry(file, [&](const LedgerEntry& entry) { all.push_back(entry); });
  return all;
}

}  // namespace takt::testing
