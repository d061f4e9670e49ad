#pragma once
// Opens a data folder as taktd does at its start, reads all of it through the broker's own paths, and holds it against
// what was recorded.

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/crash/history.h"

namespace takt::crash {

struct Finding {
  enum class Kind {
    kRight,        ///< opened, and all that must be there is there, as it was written
    kRefused,      ///< not opened, or reading ended with an error; `what` is the message
    kPassedOver,   ///< opened; some messages are said to be unreadable, all others are right
    kWrong,        ///< something is missing, differs, or was invented, and nobody said so
  } kind = Kind::kRight;
  std::string what{};
  Position end{};                  ///< of the log that was found
  std::uint64_t messages = 0;      ///< that are owed to somebody and were read
  std::uint64_t carried = 0;       ///< of them, those that stand before the log's front
};

/// Looks only. `reach`: where the log may end.
Finding examine(const std::filesystem::path& folder, const History& history, const History::Reach& reach);

/// A new term begins on the folder: an Epoch is committed, a checkpoint written, the dead front freed. After it the folder
/// must open again, as it was and with the Epoch. For folders that were found right.
Finding go_on(const std::filesystem::path& folder, const History& history);

}  // namespace takt::crash
