#pragma once
// What producers and workers write down outside the broker, one line per event. A line is one write to the end of a
// file, so it outlives a SIGKILL of its writer and lines of several threads don't mix.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace takt::testing {

enum class LedgerEvent {
  kSent,         ///< the broker acknowledged the message
  kRefused,      ///< answered as not stored
  kUnknown,      ///< nobody knows
  kFollow,       ///< a handler asked for this follow-up
  kBegun,        ///< a handler was given the message
  kFinished,     ///< and said done() or dead()
  kFailed,       ///< or asked for a retry
  kInterrupted,  ///< or was told to stop and gave it back
  kConfirmed,    ///< its ack is durable, says the broker
  kNote,         ///< for people and for single tests
};

struct LedgerEntry {
  std::chrono::nanoseconds at{};   ///< on the machine's monotonic clock: comparable over processes
  std::string actor;
  LedgerEvent event = LedgerEvent::kNote;
  std::string group;               ///< `-` where there is none
  std::string id;                  ///< as MessageId::text(); `-` where it isn't known
  std::string payload;             ///< no spaces; of a confirmed ack `-`
  std::uint32_t attempt = 0;       ///< of kBegun
};

/// Thread-safe.
class LedgerWriter {
 public:
  /// Throws std::runtime_error when the file cannot be opened. Appends.
  LedgerWriter(const std::filesystem::path& file, std::string actor);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  void write(LedgerEvent event, std::string_view group, std::string_view id, std::string_view payload, std::uint32_t attempt = 0);
  void note(std::string_view text) { write(LedgerEvent::kNote, "-", "-", text); }

 private:
  const std::string actor_;
  int file_ = -1;
};

/// The whole lines of a file, in their order; none when there is no file.
std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file);
/// Of all files in a folder that end in `.ledger`.
std::vector<LedgerEntry> read_ledgers(const std::filesystem::path& folder);

}  // namespace takt::testing
