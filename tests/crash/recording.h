#pragma once
// A taktd under load on a disk that is recorded: what it wrote and synced, and in between what it told its clients.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace takt::crash {

struct RecordingPlan {
  std::filesystem::path folder;       ///< receives `data`, `journal` and the broker's logs
  std::uint64_t seed = 1;
  std::uint64_t messages = 1200;      ///< about so many
  enum class Kill { kNever, kOnce } kill = Kill::kNever;   ///< kill -9 of the broker in the middle
  std::chrono::milliseconds send_timeout{10'000};
  std::string fault{};                ///< as DISK_SHIM_FAULT; empty: none
};

struct Recording {
  std::filesystem::path journal;
  std::filesystem::path data;
  enum class End {
    kStopped,     ///< as after SIGTERM, with exit code 0
    kDied,        ///< by a signal or with another exit code, or it never came up
    kHung,        ///< it had to be killed
  } end = End::kStopped;
  int signal = 0;              ///< that ended it by itself
  std::string log;             ///< of the broker's last start
  std::uint64_t stored = 0;    ///< confirmed sends
  std::uint64_t done = 0;      ///< confirmed acks
};

/// Runs the workload to its end, or to the broker's. The journal's marks: `ready`; `stored POSITION VALUE` for a confirmed
/// send; `done POSITION TOPIC GROUP` for a confirmed ack.
Recording record(const RecordingPlan& plan);

}  // namespace takt::crash
