#pragma once
// What producers, workers and the test itself write down outside the broker: the history that the checker judges. One
// line per event. A line is one write to the end of a file, so it outlives a SIGKILL of its writer and lines of several
// threads don't mix. docs/testing.md shows one.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace takt::testing {

enum class LedgerEvent {
  kSending,      ///< about to be sent: without an answer below, its producer died before it came
  kSent,         ///< the broker acknowledged the message
  kRefused,      ///< answered as not stored
  kUnknown,      ///< nobody knows
  kFollow,       ///< a handler asked for this follow-up
  kBegun,        ///< a handler was given the message
  kFinished,     ///< and said done() or dead()
  kFailed,       ///< or asked for a retry
  kInterrupted,  ///< or was told to stop (its lease was lost, or its worker must go) and gave it back
  kConfirmed,    ///< its ack is durable, says the broker
  kKilled,       ///< written before a SIGKILL; of `broker_actor`, or of the worker or producer that the payload names
  kFrozen,       ///< written before a SIGSTOP
  kThawed,       ///< written after the SIGCONT
  kStarted,      ///< written before the broker was started again
  kNote,         ///< for people and for single tests
};

/// Whom kKilled and kStarted name when the broker is meant.
inline constexpr std::string_view broker_actor = "taktd";

struct LedgerEntry {
  std::chrono::nanoseconds at{};   ///< on the machine's monotonic clock: comparable over processes
  std::string actor;
  LedgerEvent event = LedgerEvent::kNote;
  std::string group;               ///< of a worker's events; of a producer's the topic; else `-`
  std::string id;                  ///< as MessageId::text(); `-` where it isn't known
  std::string payload;             ///< no spaces; of a confirmed ack `-`, of kKilled and its like the actor
  std::uint32_t attempt = 0;       ///< from kBegun to kInterrupted
  std::uint64_t token = 0;         ///< the fencing token, there too
};

/// As it stands in a file, without the line's end.
std::string line_of(const LedgerEntry& entry);

/// A delivery, for those events that are about one.
struct LedgerLease {
  std::uint32_t attempt = 0;
  std::uint64_t token = 0;
};

/// Thread-safe.
class LedgerWriter {
 public:
  /// Throws std::runtime_error when the file cannot be opened. Appends.
  LedgerWriter(const std::filesystem::path& file, std::string actor);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  void write(LedgerEvent event, std::string_view group, std::string_view id, std::string_view payload, LedgerLease lease = {});
  void note(std::string_view text) { write(LedgerEvent::kNote, "-", "-", text); }

 private:
  const std::string actor_;
  int file_ = -1;
};

/// Calls `fn` for each whole line of a file, in their order; for none when there is no file. The entry lives during the
/// call. Throws std::runtime_error, with file and line, for a line that is none of a ledger.
void for_each_entry(const std::filesystem::path& file, const std::function<void(const LedgerEntry&)>& fn);
/// The files in a folder that end in `.ledger`, by name.
std::vector<std::filesystem::path> ledgers_in(const std::filesystem::path& folder);

std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file);
std::vector<LedgerEntry> read_ledgers(const std::filesystem::path& folder);

}  // namespace takt::testing
