#include "broker/transport/zmq_epoll.h"

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "broker/transport/zmq_recv.h"

namespace takt::transport {
namespace {

constexpr std::uint32_t trouble = EPOLLERR | EPOLLHUP;
constexpr std::size_t kernel_sigset_bytes = 8;
constexpr Duration pause_step = std::chrono::microseconds(200);
constexpr int pauses_max = 50;
constexpr Duration look_patience = std::chrono::milliseconds(5);   // a look that finds much takes that long

int kernel_epoll_ctl(int set, int operation, int descriptor, epoll_event* event) {
  return static_cast<int>(::syscall(SYS_epoll_ctl, set, operation, descriptor, event));
}
int kernel_epoll_wait(int set, epoll_event* events, int events_max, int timeout) {
  return static_cast<int>(::syscall(SYS_epoll_pwait, set, events, events_max, timeout, nullptr, kernel_sigset_bytes));
}

/// What the process waits for, by epoll set and descriptor. Thread: any.
class Watch {
 public:
  int control(int set, int operation, int descriptor, epoll_event* event) {
    const std::lock_guard lock(mutex_);
    const Key key{descriptor, set};
    const auto known = watched_.find(key);
    const bool is_parked = known != watched_.end() && known->second.is_parked;
    if (operation == EPOLL_CTL_DEL) {
      forget(known);
      return is_parked ? 0 : kernel_epoll_ctl(set, operation, descriptor, event);
    }
    const bool reads = (event->events & EPOLLIN) != 0;
    if (is_parked && operation == EPOLL_CTL_MOD) {
      known->second.events = event->events;
      if (!reads) return 0;
      known->second.is_parked = false;
      return kernel_epoll_ctl(set, EPOLL_CTL_ADD, descriptor, event);
    }
    const int rc = kernel_epoll_ctl(set, operation, descriptor, event);
    if (rc != 0) return rc;
    const bool was_read = operation == EPOLL_CTL_MOD && known != watched_.end() && known->second.was_read;
    if (known != watched_.end()) by_data_.erase({set, known->second.data});
    const std::uint64_t data = event->data.u64;   // a copy: the struct is packed
    watched_[key] = {event->events, data, was_read || reads, false};
    by_data_[{set, data}] = descriptor;
    return 0;
  }

  /// Of an event with an error in it: false, and it is not to be told.
  bool tell(int set, epoll_event& event) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t data = event.data.u64;
    const auto descriptor = by_data_.find({set, data});
    if (descriptor == by_data_.end()) return true;
    Watched& watched = watched_.at({descriptor->second, set});
    if (!watched.was_read) return true;
    if ((watched.events & EPOLLIN) != 0) {
      // Reading finds the error. libzmq would read once for the error and once for what there is to read, and the first
      // may have stopped the input.
      event.events = (event.events & ~trouble) | EPOLLIN;
      return true;
    }
    if (!watched.is_parked) kernel_epoll_ctl(set, EPOLL_CTL_DEL, descriptor->second, nullptr);
    watched.is_parked = true;
    return false;
  }

  void mute(int descriptor, bool is_muted) {
    const std::lock_guard lock(mutex_);
    for (auto entry = watched_.lower_bound({descriptor, 0}); entry != watched_.end() && entry->first.descriptor == descriptor; ++entry) {
      epoll_event event{};
      event.events = is_muted ? 0 : entry->second.events;
      event.data.u64 = entry->second.data;
      kernel_epoll_ctl(entry->first.set, EPOLL_CTL_MOD, descriptor, &event);
    }
  }

 private:
  struct Key {
    int descriptor = -1;
    int set = -1;
    auto operator<=>(const Key&) const = default;
  };
  struct Watched {
    std::uint32_t events = 0;
    std::uint64_t data = 0;
    bool was_read = false;    ///< a connection that is being made is not, and must hear of errors
    bool is_parked = false;   ///< not in the kernel's set
  };

  void forget(std::map<Key, Watched>::iterator known) {
    if (known == watched_.end()) return;
    by_data_.erase({known->first.set, known->second.data});
    watched_.erase(known);
  }

  std::mutex mutex_;
  std::map<Key, Watched> watched_;
  std::map<std::pair<int, std::uint64_t>, int> by_data_;
};

std::atomic<std::uint64_t> look_count{0};
std::atomic<int> threads_at_work{0};

/// Of one thread, which may end at work.
class Work {
 public:
  ~Work() { tell(false); }
  void tell(bool is_at_work) {
    if (is_at_work) look_count.fetch_add(1, std::memory_order_relaxed);
    if (std::exchange(is_at_work_, is_at_work) != is_at_work) threads_at_work.fetch_add(is_at_work ? 1 : -1, std::memory_order_release);
  }

 private:
  bool is_at_work_ = false;
};
thread_local Work work;

Watch& watch() {
  static auto* const watch = new Watch();   // libzmq's threads may outlive whatever main() left behind
  return *watch;
}

}  // namespace

Looks libzmq_looks() {
  const bool is_at_work = threads_at_work.load(std::memory_order_acquire) > 0;   // first: its look is counted by then
  return {look_count.load(std::memory_order_relaxed), is_at_work};
}

bool LookWatch::is_overdue(const Looks& looks, Time now) {
  const bool has_looked = std::exchange(count_, looks.count) != looks.count;
  if (has_looked || !looks.is_at_work) since_ = now;
  return now - since_ > look_patience;
}

void let_libzmq_look(LookWatch& watch, const std::function<Time()>& clock) {
  for (int n = 0; n < pauses_max && watch.is_overdue(libzmq_looks(), clock()); ++n) std::this_thread::sleep_for(pause_step);
}

void hold_newcomers(int listener, bool are_held) { watch().mute(listener, are_held); }

bool resets_are_guarded() { return ::dlsym(RTLD_DEFAULT, "epoll_wait") == reinterpret_cast<void*>(&::epoll_wait); }

}  // namespace takt::transport

// The names that libzmq calls: the dynamic linker finds the program's before the C library's.
extern "C" {

int epoll_ctl(int set, int operation, int descriptor, epoll_event* event) noexcept {
  if (operation == EPOLL_CTL_ADD) takt::transport::handshake_begins(descriptor);
  if (operation == EPOLL_CTL_DEL) takt::transport::handshake_ends(descriptor);
  return takt::transport::watch().control(set, operation, descriptor, event);
}

int epoll_wait(int set, epoll_event* events, int events_max, int timeout) {
  takt::transport::work.tell(false);
  const int count = takt::transport::kernel_epoll_wait(set, events, events_max, timeout);
  takt::transport::work.tell(count > 0);
  int told = 0;
  for (int i = 0; i < count; ++i) {
    if ((events[i].events & takt::transport::trouble) != 0 && !takt::transport::watch().tell(set, events[i])) continue;
    events[told++] = events[i];
  }
  return count < 0 ? count : told;
}

}  // extern "C"
