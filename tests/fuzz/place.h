#pragma once
// A file for targets that read one. It is in memory where that can be had, and goes with the process.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "proto/check.h"

namespace takt::fuzz {

class Place {
 public:
  explicit Place(const char* name) : name_(name) {
    std::string pattern = std::filesystem::exists("/dev/shm") ? "/dev/shm/takt-fuzz-XXXXXX" : "/tmp/takt-fuzz-XXXXXX";
    check(::mkdtemp(pattern.data()) != nullptr, "there is room for a folder");
    folder_ = pattern;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::filesystem::path file() const { return folder_ / name_; }
  void write(const void* data, std::size_t size) const {
    const int descriptor = ::open(file().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(descriptor >= 0 && ::write(descriptor, data, size) == static_cast<ssize_t>(size), "there is room for a file");
    ::close(descriptor);
  }

 private:
  const std::string name_;
  std::filesystem::path folder_;
};

}  // namespace takt::fuzz
