#pragma once
// The thread around a session: one ZeroMQ socket at a time, an eventfd to wake it, the clock.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "worker-sdk/cpp/src/session.h"

namespace takt::sdk {

/// Read at the edge: CLOCK_BOOTTIME and the wall clock.
Now read_clock();
/// From the system's random source.
std::uint64_t random_number();

/// Who uses the connection. Every method is called on the network thread.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// Hands over what callers queued since the last time. Called in every turn.
  virtual void feed(Session& session, Now now) = 0;
  virtual void handle(Event event, Session& session, Now now) = 0;
  /// When feed() wants to be called at the latest, without a wake().
  virtual std::optional<Time> deadline() const = 0;
  /// True ends the thread. What the session has not answered by then is abandoned, and told to handle().
  virtual bool finished(const Session& session, Now now) = 0;
};

/// Connects, hands frames both ways, and after a lost connection connects anew with a fresh socket, so that nothing
/// stale is replayed. Sleeps until there is something to do.
class Connection {
 public:
  /// `address` from parse_address. `owner` outlives the connection.
  Connection(std::string address, SessionOptions options, ConnectionOwner& owner);
  /// Waits for the thread, which ends when the owner says finished().
  ~Connection();

  void start();
  /// Any thread, also a signal handler: the network thread calls feed() soon. Cost: one system call when it sleeps.
  void wake();
  void join();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace takt::sdk
