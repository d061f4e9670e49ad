#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/transport/connection.h"
#include "proto/time.h"

namespace takt::transport {

/// Who speaks under one routing id.
struct Peer {
  std::string routing;
  int descriptor = -1;
  std::deque<Departure> waiting;     ///< while its socket is full
  bool has_left = false;             ///< it can be told nothing any more
  std::optional<Time> ended;         ///< its last messages may still be unread
};

/// Which peer a message is from, and whose an open descriptor is. Pure. Thread: the gateway's.
///
/// libzmq tells descriptors that were accepted and ended through its monitor, and messages, with a routing id and the
/// descriptor they came by, through its socket; in which order one came against the other, nobody knows. A descriptor's
/// number goes to the next connection as soon as it is free, so a message may be from the connection before. Hence: an
/// open descriptor belongs to the newest routing id that spoke on it, and whoever it belonged to before has ended. A routing id is
/// libzmq's own and of one connection only (zmq_recv.h).
class PeerTable {
 public:
  void accepted(int descriptor, Time now);
  /// True: it was open, and no message had come by it.
  bool disconnected(int descriptor, Time now);
  /// Its peer has left, or must, and libzmq doesn't know it yet. Of a descriptor that is not open: nothing happens.
  void left(int descriptor);
  std::size_t open_connections() const { return open_.size(); }

  /// To be asked after the monitor was read, for each message in the order of their coming.
  ConnectionId speaker(const std::string& routing, int descriptor, Time now);

  /// Null: forgotten.
  Peer* find(ConnectionId id);
  void forget(ConnectionId id);
  /// The peers that ended at `until` or before; each is told once.
  std::vector<ConnectionId> take_ended(Time until);
  bool has_ended() const { return !ended_.empty(); }

  /// The open descriptors without a session for `patience`; each is told once.
  template <class HasSession>
  std::vector<int> take_strangers(Time now, Duration patience, HasSession has_session) {
    std::vector<int> strangers;
    for (auto& [descriptor, open] : open_) {
      if (open.peer && has_session(*open.peer)) open.stranger_since = now;
      if (open.is_told || now - open.stranger_since < patience) continue;
      open.is_told = true;
      strangers.push_back(descriptor);
    }
    return strangers;
  }

 private:
  struct Open {
    std::optional<ConnectionId> peer;   ///< once it spoke
    Time stranger_since;
    bool has_left = false;
    bool is_told = false;
  };

  void end(ConnectionId id, Time now);

  std::uint64_t next_ = 1;
  std::unordered_map<ConnectionId, Peer> peers_;
  std::unordered_map<std::string, ConnectionId> by_routing_;
  std::unordered_map<int, Open> open_;
  std::vector<ConnectionId> ended_;
};

}  // namespace takt::transport
