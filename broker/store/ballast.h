#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>

namespace takt::store {

/// How the disk under a data folder stands.
struct DiskRoom {
  std::uint64_t free_bytes = ~std::uint64_t{0};       ///< as good as endless when the file system does not say
  std::uint64_t capacity_bytes = ~std::uint64_t{0};   ///< the same
  bool is_ballast_gone = false;                       ///< what holds room back was given up: nothing new may be stored
};

/// A file that holds room back, so that a full disk can be worked free: it is given up for what makes room (acks,
/// checkpoints, freeing), and taken back when the disk has room for it twice.
/// Thread: any.
class Ballast {
 public:
  /// At most `bytes`, and at most 5 % of the disk; 0: no ballast. Takes the room at once, unless the disk is full.
  Ballast(const std::filesystem::path& folder, std::uint64_t bytes);

  /// True: there is more room now.
  bool give_up();
  /// Takes the ballast back first, when that is possible.
  DiskRoom look();

 private:
  void take();

  const std::filesystem::path folder_;
  const std::filesystem::path file_;
  std::uint64_t bytes_ = 0;

  std::mutex mutex_;
  bool is_gone_ = false;   // guarded by mutex_
};

}  // namespace takt::store
