#include "worker-sdk/cpp/src/connection.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <zmq.hpp>

#include "proto/check.h"
#include "worker-sdk/cpp/src/spare.h"

namespace takt::sdk {
namespace {

constexpr Duration connect_timeout = std::chrono::seconds(5);
constexpr Duration backoff_first = std::chrono::milliseconds(50);
constexpr Duration backoff_longest = std::chrono::seconds(2);
constexpr std::chrono::milliseconds poll_longest = std::chrono::minutes(1);
constexpr int reads_per_turn = 256;
constexpr int send_queue_max = 1000;          // messages in the socket's queue; with fewer libzmq wakes us for every few
constexpr std::size_t send_queue_bytes_max = 16u << 20;   // of those that are lent; with acks=0 nothing else bounds them
constexpr std::size_t copy_bytes_max = 512;   // below, a copy is cheaper than a shared buffer
constexpr int monitored = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// ZMQ_POLLIN, ZMQ_POLLOUT: what zmq_poll would find, without its three system calls per socket. Whoever asks must look at
/// both: the next time the socket tells only what has changed since.
int events_of(zmq::socket_t& socket) {
  int events = 0;
  std::size_t length = sizeof events;
  int rc = 0;
  do {
    rc = zmq_getsockopt(socket.handle(), ZMQ_EVENTS, &events, &length);
  } while (rc != 0 && errno == EINTR);
  check(rc == 0, "our own socket tells its events");
  return events;
}

SharedBytes from_message(zmq::message_t message) {
  auto kept = std::make_shared<zmq::message_t>(std::move(message));
  const ByteView bytes(static_cast<const std::byte*>(kept->data()), kept->size());
  return {std::move(kept), bytes};
}

}  // namespace

Now read_clock() {
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return {Time(std::chrono::seconds(boot.tv_sec) + std::chrono::nanoseconds(boot.tv_nsec)),
          std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  check(getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number), "the system has random numbers");
  return number;
}

class Connection::Loop {
 public:
  Loop(std::string address, SessionOptions options, ConnectionOwner& owner)
      : address_(std::move(address)),
        owner_(owner),
        session_(std::move(options)),
        wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    check(wake_fd_ >= 0, "the process may open an eventfd");
  }
  ~Loop() {
    context_.close();   // libzmq's I/O thread gives back the last frames, which may wake
    close(wake_fd_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void wake() {
    if (woken_.exchange(true)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
  }

  void run() {
    pthread_setname_np(pthread_self(), "takt-network");
    while (true) {
      Now now = read_clock();
      if (!socket_ && now.mono >= retry_at_) open_socket(now);
      owner_.feed(session_, now);
      session_.tick(now);
      drain_events(now);
      send_frames(now);
      if (owner_.finished(session_, now)) break;
      wait(now);
      now = read_clock();
      clear_wake();
      if (has_news_) read_monitor(now);
      if (has_frames_) read_frames(now);
      if (socket_ && !up_ && now.mono >= connect_deadline_) {
        lose_socket("no connection to " + address_ + " within 5 s; check the host, and that taktd runs there", now);
      }
    }
    close_socket();
    session_.abandon("the client was closed");
    drain_events(read_clock());
  }

 private:
  void open_socket(Now now) {
    try {
      socket_.emplace(context_, zmq::socket_type::dealer);
      socket_->set(zmq::sockopt::linger, 0);
      // Only for a literal address: a name would be looked up as IPv6 first, and taktd may listen on IPv4 alone.
      socket_->set(zmq::sockopt::ipv6, address_.starts_with("tcp://["));
      socket_->set(zmq::sockopt::reconnect_ivl, -1);  // one connection per socket: nothing stale is replayed
      socket_->set(zmq::sockopt::sndhwm, send_queue_max);
      socket_->set(zmq::sockopt::rcvhwm, 256);
      socket_->set(zmq::sockopt::handshake_ivl, 5000);
      const std::string monitor_address = "inproc://takt-monitor-" + std::to_string(++sockets_);
      check(zmq_socket_monitor(socket_->handle(), monitor_address.c_str(), monitored) == 0, "a socket can be monitored");
      monitor_.emplace(context_, zmq::socket_type::pair);
      monitor_->set(zmq::sockopt::linger, 0);
      monitor_->connect(monitor_address);
      socket_->connect(address_);
    } catch (const zmq::error_t& error) {
      lose_socket("cannot connect to " + address_ + ": " + error.what(), now);
      return;
    }
    up_ = false;
    connect_deadline_ = now.mono + connect_timeout;
  }

  /// The monitor is stopped while somebody listens: libzmq's I/O thread would wait for a listener for ever, and all else with it.
  void close_socket() {
    if (socket_) zmq_socket_monitor(socket_->handle(), nullptr, 0);
    socket_.reset();
    monitor_.reset();
    refused_.reset();
  }

  void lose_socket(const std::string& why, Now now) {
    close_socket();
    outgoing_.clear();
    next_frame_ = 0;
    up_ = false;
    // Spread over +-25 %, so that the clients of a restarted broker do not come all at once.
    retry_at_ = now.mono + backoff_ * (75 + static_cast<std::int64_t>(random_number() % 51)) / 100;
    backoff_ = std::min(backoff_ * 2, backoff_longest);
    session_.disconnected(why, now);
    drain_events(now);
  }

  void drain_events(Now now) {
    while (true) {
      std::vector<Event> events = session_.take_events(spare_events_.take());
      if (events.empty()) return spare_events_.give(std::move(events));
      for (Event& event : events) {
        const auto* dead = std::get_if<LinkDead>(&event);
        const std::string why = dead == nullptr ? std::string() : dead->why;
        const bool broken = dead != nullptr;
        if (std::holds_alternative<Greeted>(event)) backoff_ = backoff_first;
        owner_.handle(std::move(event), session_, now);
        if (broken && socket_) lose_socket(address_ + ": " + why, now);
      }
      spare_events_.give(std::move(events));
    }
  }

  void send_frames(Now now) {
    while (socket_ && may_send()) {
      if (outgoing_.empty()) take_frames(now);
      if (outgoing_.empty()) return;
      Frames& frames = outgoing_.front();
      for (; next_frame_ < frames.size(); ++next_frame_) {
        if (!refused_) refused_ = lend(frames[next_frame_]);
        const bool last = next_frame_ + 1 == frames.size();
        const auto flags = last ? zmq::send_flags::dontwait : zmq::send_flags::dontwait | zmq::send_flags::sndmore;
        if (!socket_->send(*refused_, flags)) return;
        refused_.reset();
      }
      next_frame_ = 0;
      outgoing_.pop_front();
    }
  }

  bool may_send() const { return lent_bytes_ < send_queue_bytes_max; }

  zmq::message_t lend(const SharedBytes& frame) {
    if (frame.size() <= copy_bytes_max) return zmq::message_t(frame.bytes.data(), frame.size());
    auto* lent = new Lent{frame, *this};
    lent_bytes_ += frame.size();
    const auto release = [](void*, void* hint) {
      const std::unique_ptr<Lent> back(static_cast<Lent*>(hint));
      back->lender.take_back(back->frame.size());
    };
    return zmq::message_t(const_cast<std::byte*>(lent->frame.bytes.data()), lent->frame.size(), release, lent);
  }

  /// Any thread. At half it wakes, so that there is something to do for one wake-up.
  void take_back(std::size_t bytes) {
    const std::size_t before = lent_bytes_.fetch_sub(bytes);
    if (before > send_queue_bytes_max / 2 && before - bytes <= send_queue_bytes_max / 2) wake();
  }

  // Only when the socket has taken all earlier ones, so that the session's bounds are the bounds of what waits here.
  void take_frames(Now now) {
    std::vector<Frames> taken = session_.take_frames(spare_frames_.take());
    for (Frames& frames : taken) outgoing_.push_back(std::move(frames));
    spare_frames_.give(std::move(taken));
    if (outgoing_.empty()) return;
    session_.tick(now);  // what was answered by leaving made room
    drain_events(now);
  }

  void wait(Now now) {
    std::optional<Time> next = session_.next_deadline();
    const auto consider = [&](std::optional<Time> other) {
      if (other && (!next || *other < *next)) next = other;
    };
    consider(owner_.deadline());
    if (!socket_) consider(retry_at_);
    if (socket_ && !up_) consider(connect_deadline_);
    auto timeout = std::chrono::milliseconds(-1);
    if (next) timeout = std::max(std::chrono::ceil<std::chrono::milliseconds>(*next - now.mono), std::chrono::milliseconds(0));
    std::array<pollfd, 3> items{{{wake_fd_, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}}};
    has_frames_ = unread_;
    has_news_ = false;
    if (socket_) {
      // A socket's descriptor tells only of changes: what is already there must be asked for before sleeping.
      const int events = events_of(*socket_);
      has_frames_ = (events & ZMQ_POLLIN) != 0 || unread_;
      has_news_ = (events_of(*monitor_) & ZMQ_POLLIN) != 0;
      const bool sends = !outgoing_.empty() && may_send() && (events & ZMQ_POLLOUT) != 0;
      if (has_frames_ || has_news_ || sends) timeout = std::chrono::milliseconds(0);
      items[1].fd = socket_->get(zmq::sockopt::fd);
      items[2].fd = monitor_->get(zmq::sockopt::fd);
    }
    const int ready = ::poll(items.data(), items.size(), static_cast<int>(std::min<std::int64_t>(timeout.count(), poll_longest.count())));
    check(ready >= 0 || errno == EINTR, "polling our own sockets works");
    readable_ = (items[0].revents & POLLIN) != 0;
    has_frames_ = has_frames_ || items[1].revents != 0;
    has_news_ = has_news_ || items[2].revents != 0;
  }

  // First the fd, then the flag: whoever wakes in between is served by the feed() that follows.
  void clear_wake() {
    std::uint64_t ignored = 0;
    if (readable_) {
      [[maybe_unused]] const auto got = read(wake_fd_, &ignored, sizeof ignored);
    }
    woken_.store(false);
  }

  void read_monitor(Now now) {
    while (monitor_) {
      zmq::message_t event;
      if (!monitor_->recv(event, zmq::recv_flags::dontwait)) return;
      zmq::message_t address;
      [[maybe_unused]] const auto got = monitor_->recv(address, zmq::recv_flags::dontwait);
      std::uint16_t number = 0;
      std::memcpy(&number, event.data(), sizeof number);
      if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        up_ = true;
        session_.connected(now);
      } else if (up_) {
        do {
          read_frames(now);  // what came before the end still counts
        } while (unread_ && socket_);
        if (socket_) lose_socket("the connection to " + address_ + " ended", now);
      } else {
        lose_socket("no connection to " + address_ + ": it was refused; check that taktd runs there", now);
      }
    }
  }

  void read_frames(Now now) {
    unread_ = false;
    for (int i = 0; socket_; ++i) {
      if (i == reads_per_turn) {
        unread_ = true;
        return;
      }
      std::vector<SharedBytes> frames;
      zmq::message_t part;
      if (!socket_->recv(part, zmq::recv_flags::dontwait)) return;
      while (true) {
        const bool more = part.more();
        frames.push_back(from_message(std::move(part)));
        if (!more) break;
        part = zmq::message_t();
        if (!socket_->recv(part, zmq::recv_flags::dontwait)) break;
      }
      session_.received(frames, now);
    }
  }

  /// A frame of ours in libzmq's hands.
  struct Lent {
    SharedBytes frame;
    Loop& lender;
  };

  const std::string address_;
  ConnectionOwner& owner_;
  Session session_;
  const int wake_fd_;
  std::atomic<bool> woken_{false};
  std::atomic<std::size_t> lent_bytes_{0};   ///< in frames that libzmq has, or is to have next

  // Network thread only.
  zmq::context_t context_{1};
  std::optional<zmq::socket_t> socket_;
  std::optional<zmq::socket_t> monitor_;
  std::uint64_t sockets_ = 0;
  bool up_ = false;
  bool unread_ = false;       ///< a turn's reads did not empty the socket
  bool readable_ = false;     ///< the wake_fd
  bool has_frames_ = false;   ///< the socket may have some
  bool has_news_ = false;     ///< the monitor may
  Time connect_deadline_{};
  Time retry_at_{};
  Duration backoff_ = backoff_first;
  std::deque<Frames> outgoing_;
  std::optional<zmq::message_t> refused_;   ///< its next frame, when the socket had no room
  Spare<Frames> spare_frames_;
  Spare<Event> spare_events_;
  std::size_t next_frame_ = 0;
};

Connection::Connection(std::string address, SessionOptions options, ConnectionOwner& owner)
    : loop_(std::make_unique<Loop>(std::move(address), std::move(options), owner)) {}

Connection::~Connection() { join(); }

void Connection::start() {
  // Signals belong to the user's threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this] { loop_->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Connection::wake() { loop_->wake(); }

void Connection::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace takt::sdk
