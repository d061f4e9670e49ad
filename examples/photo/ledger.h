#pragma once
// The ledger: what workers did, told by themselves, outside the broker. One append-only file per worker process, one
// JSON object per line, each line synced before the worker goes on.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "examples/photo/problem.h"

namespace photo {

enum class LedgerEvent : std::uint8_t {
  kStarted,   ///< an execution began
  kEffect,    ///< it ended, and its effect is the one that counts
  kRepeat,    ///< it ended, and the effect was there already
  kReleased,  ///< it ended early: the lease was lost or the worker is going
  kFailed,    ///< it ended with a failure that may pass; the job comes again
  kDead,      ///< it ended for good without an effect; `text` says why
};

struct LedgerLine {
  LedgerEvent event = LedgerEvent::kStarted;
  std::string job{};
  std::string kind{};
  std::string message{};           ///< the broker's id of it, `0-1042`
  std::uint32_t attempt = 0;     ///< as the broker counts
  std::string worker{};
  std::int64_t pid = 0;
  std::int64_t start_ms = 0;     ///< since 1970
  std::int64_t end_ms = 0;       ///< 0 while it runs
  std::string output{};            ///< path, for an effect
  std::string hash{};              ///< XXH3-64 of the output
  std::string text{};
};

std::string_view event_name(LedgerEvent event);
/// One line without its end.
std::string to_json_line(const LedgerLine& line);
/// None when `text` is not a whole line of a ledger.
std::optional<LedgerLine> parse_ledger_line(std::string_view text);

/// Writes one worker's file. Thread-safe.
class Ledger {
 public:
  /// `folder` exists. A file of an earlier process of that name is appended to.
  static Result<Ledger> open(const std::filesystem::path& folder, const std::string& worker);
  ~Ledger();
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;

  /// On return the line survives a crash of process and machine.
  Result<void> append(const LedgerLine& line);

 private:
  Ledger(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::filesystem::path path_;
  std::mutex mutex_;
  int fd_ = -1;  // guarded by mutex_
};

/// Reads all ledgers of a folder while they grow.
class LedgerReader {
 public:
  explicit LedgerReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The lines that were finished since the last call, in order within each file. A torn last line waits.
  Result<std::vector<LedgerLine>> read_new();

 private:
  std::filesystem::path folder_;
  std::map<std::filesystem::path, std::streamoff> read_until_;
};

std::int64_t now_ms();

}  // namespace photo
