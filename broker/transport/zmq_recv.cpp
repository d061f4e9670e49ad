#include "broker/transport/zmq_recv.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include "broker/transport/handshake.h"

namespace takt::transport {
namespace {

constexpr std::size_t descriptors_max = std::size_t{1} << 18;   // above twice what limits.connections can be

/// Of the connections that have not said all of their handshake. Thread: any.
class Handshakes {
 public:
  void begin(int descriptor) {
    const std::lock_guard lock(mutex_);
    young_.insert_or_assign(descriptor, Handshake());
    mark(descriptor, true);
  }
  void end(int descriptor) {
    const std::lock_guard lock(mutex_);
    young_.erase(descriptor);
    mark(descriptor, false);
  }
  bool has(int descriptor) const {
    const auto index = static_cast<std::size_t>(descriptor);
    return index >= is_young_.size() || is_young_[index].load(std::memory_order_relaxed);
  }
  /// False: the connection is not to go on.
  bool read(int descriptor, std::span<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    const auto young = young_.find(descriptor);
    if (young == young_.end()) return true;
    const auto verdict = young->second.read(bytes);
    if (verdict == Handshake::Verdict::kMore) return true;
    if (young->second.has_named()) ignored_.fetch_add(1, std::memory_order_relaxed);
    young_.erase(young);
    mark(descriptor, false);
    return verdict == Handshake::Verdict::kWhole;
  }
  std::uint64_t ignored() const { return ignored_.load(std::memory_order_relaxed); }

 private:
  void mark(int descriptor, bool is_young) {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index < is_young_.size()) is_young_[index].store(is_young, std::memory_order_relaxed);
  }

  std::mutex mutex_;
  std::map<int, Handshake> young_;                              ///< guarded by mutex_
  std::array<std::atomic<bool>, descriptors_max> is_young_{};   ///< by descriptor, so that nobody else needs the lock
  std::atomic<std::uint64_t> ignored_{0};
};

Handshakes& handshakes() {
  static auto* const handshakes = new Handshakes();   // libzmq's threads may outlive whatever main() left behind
  return *handshakes;
}

}  // namespace

bool handshakes_are_read() { return ::dlsym(RTLD_DEFAULT, "recv") == reinterpret_cast<void*>(&::recv); }
std::uint64_t routing_ids_ignored() { return handshakes().ignored(); }
void handshake_begins(int descriptor) { handshakes().begin(descriptor); }
void handshake_ends(int descriptor) { handshakes().end(descriptor); }

}  // namespace takt::transport

// The name that libzmq calls: the dynamic linker finds the program's before the C library's.
extern "C" ssize_t recv(int descriptor, void* bytes, size_t count, int flags) {
  const auto got = static_cast<ssize_t>(::syscall(SYS_recvfrom, descriptor, bytes, count, flags, nullptr, nullptr));
  if (got <= 0 || !takt::transport::handshakes().has(descriptor)) return got;
  if (takt::transport::handshakes().read(descriptor, {static_cast<std::byte*>(bytes), static_cast<std::size_t>(got)})) return got;
  errno = ECONNRESET;
  return -1;
}
