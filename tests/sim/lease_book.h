#pragma once
// Who holds what as the broker gave it away, read off the frames that leave it and the commands that enter its shard.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "broker/core/command.h"
#include "broker/transport/connection.h"
#include "tests/sim/log_view.h"

namespace takt::sim {

using transport::ConnectionId;

/// A message as one group sees it.
struct Spot {
  GroupName group;
  Lane lane;
  Offset offset;
  friend auto operator<=>(const Spot&, const Spot&) = default;
};
std::string text_of(const Spot& spot);

class LeaseBook {
 public:
  struct Holder {
    ConnectionId connection;
    ClientId client;
    LeaseToken token;
  };
  /// After a restart: until when the message waits for its worker.
  struct Waiting {
    ClientId client;
    Time until;
  };
  /// A range that left in a Deliver or Resumed; index i of the wire is offset first + i.
  struct Grant {
    GroupName group;
    Lane lane;
    Offset first;
    std::uint32_t count = 0;
  };

  void greeted(ConnectionId connection, SessionId session) { connections_[session] = connection; }
  /// A command on its way to the shard; may end leases.
  void command(const core::Command& command);
  /// The messages of a Resume go on with their worker or are given up by it.
  void term_ends();
  /// `until` says for each message that somebody held how long it waits.
  template <class Until>
  void term_begins(Until until) {
    waiting_.clear();
    for (const auto& [spot, holder] : left_)
      if (const auto when = until(spot)) waiting_[spot] = {holder.client, *when};
    left_.clear();
  }
  /// The broker's process is gone: its session numbers begin anew.
  void process_ends();

  std::optional<GroupName> group_of(ConnectionId connection, SubscriptionId subscription) const;
  void grant(ConnectionId connection, Slot slot, LeaseToken token, const Grant& grant);
  const Grant* find(ConnectionId connection, Slot slot, LeaseToken token) const;

  const Holder* holder(const Spot& spot) const;
  const Waiting* waiting(const Spot& spot) const;
  std::optional<LeaseToken> last_token(const Spot& spot) const;
  void settled(const Spot& spot);

 private:
  struct SessionInfo {
    ClientId client;
    std::map<SubscriptionId, GroupName> subscriptions;
  };

  void on(const core::SessionUp& up) { sessions_[up.session] = {up.client, {}}; }
  void on(const core::SessionLost& lost);
  void on(const core::ClientRequest& request);
  void on(const core::BlocksLoaded&) {}
  void resume(SessionInfo& session, const proto::Resume& resume);
  template <class Which>
  void close(Which which) {
    std::erase_if(held_, [&](const auto& entry) { return which(entry.first, entry.second); });
  }

  std::map<SessionId, ConnectionId> connections_;
  std::map<SessionId, SessionInfo> sessions_;
  std::map<std::tuple<ConnectionId, Slot, LeaseToken>, Grant> grants_;
  std::map<Spot, Holder> held_;
  std::map<Spot, Holder> left_;          ///< held when the last term ended
  std::map<Spot, Waiting> waiting_;
  std::map<Spot, LeaseToken> tokens_;    ///< the last one, ever
};

}  // namespace takt::sim
