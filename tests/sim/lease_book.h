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

/// A message as one group sees it. Groups' numbers are never used again, so a group that is made anew has other spots.
struct Spot {
  GroupId group;
  Lane lane;
  Offset offset;
  friend auto operator<=>(const Spot&, const Spot&) = default;
};

class LeaseBook {
 public:
  explicit LeaseBook(const LogView& view) : view_(view) {}

  struct Holder {
    ConnectionId connection;
    ClientId client;
    LeaseToken token;
    bool is_given_back = false;
  };
  /// After a restart: until when the message waits for its worker.
  struct Waiting {
    ClientId client;
    Time until;
  };
  /// A range that left in a Deliver or Resumed; index i of the wire is offset first + i.
  struct Grant {
    std::optional<GroupId> group;   ///< none: which of several groups of its name cannot be told
    Lane lane;
    Offset first;
    std::uint32_t count = 0;
    bool is_given_back = false;     ///< it left the broker after its subscription's Unsubscribe had come
  };
  struct Subscription {
    GroupName name;
    LogTime asked = 0;              ///< when the Subscribe entered the shard
    std::optional<GroupId> group;   ///< as Grant's
    bool is_left = false;           ///< its Unsubscribe entered the shard
  };

  void greeted(ConnectionId connection, SessionId session);
  void subscribed(ConnectionId connection, SubscriptionId subscription);
  /// The broker ended it: its group is gone.
  void ended(ConnectionId connection, SubscriptionId subscription);
  struct Moment {
    Time now;
    std::uint64_t forward_steps = 0;
    WallTime log;
  };
  /// A command on its way to the shard; may end leases.
  void command(const core::Command& command, Moment now);
  /// The group is deleted: nobody holds anything of it.
  void dropped(GroupId group);
  /// Who held something may come back for it in the next term.
  void term_ends();
  /// `until` says for each message that somebody held how long it waits.
  template <class Until>
  void term_begins(Until until) {
    waiting_.clear();
    for (const auto& [spot, holder] : left_)
      if (const auto when = until(spot)) waiting_[spot] = {holder.client, *when};
    left_.clear();
  }
  /// The process is gone, and its connections.
  void process_ends();

  const Subscription* subscription(ConnectionId connection, SubscriptionId subscription) const;
  void grant(ConnectionId connection, Slot slot, LeaseToken token, const Grant& grant);
  const Grant* find(ConnectionId connection, Slot slot, LeaseToken token) const;

  const Holder* holder(const Spot& spot) const;
  const Waiting* waiting(const Spot& spot) const;
  /// Who was given the message last, though it may be held no more.
  const Holder* last(const Spot& spot) const;
  ClientId client(ConnectionId connection) const;
  void settled(const Spot& spot);
  /// A delay that a worker asked for; how often the wall clock had been set forward by then; and when it is over by the log's time.
  struct Delay {
    Time until;
    std::uint64_t forward_steps = 0;
    WallTime until_log;
  };
  /// A Retry of the spot is in the log; it is a worker's, or says that a wait is over.
  void retried(const Spot& spot);
  std::optional<Delay> delay(const Spot& spot) const;

 private:
  struct SessionInfo {
    ClientId client;
    std::optional<ConnectionId> connection;
    std::map<SubscriptionId, Subscription> subscriptions;
  };

  void on(const core::SessionUp& up, Moment) { sessions_[up.session].client = up.client; }
  void on(const core::SessionLost& lost, Moment now);
  void on(const core::ClientRequest& request, Moment now);
  void on(const core::BlocksLoaded&, Moment) {}
  void on(const core::TimersLoaded&, Moment) {}
  void on(const core::MessagesFound&, Moment) {}
  void on_fail(ConnectionId connection, const proto::Fail& fail, Moment now);
  SessionInfo* session_of(ConnectionId connection);
  const SessionInfo* session_of(ConnectionId connection) const;
  template <class Which>
  void close(Which which) {
    std::erase_if(held_, [&](const auto& entry) { return which(entry.first, entry.second); });
  }
  /// Unfinished, and by its holder's own will.
  template <class Which>
  void give_back(Which which) {
    for (const auto& [spot, holder] : held_)
      if (which(spot, holder)) last_.at(spot).is_given_back = true;
    close(which);
  }

  const LogView& view_;
  std::map<ConnectionId, SessionId> by_connection_;
  std::map<SessionId, SessionInfo> sessions_;
  std::map<std::tuple<ConnectionId, Slot, LeaseToken>, Grant> grants_;
  std::map<Spot, Holder> held_;
  std::map<Spot, Holder> left_;          ///< held when the last term ended
  std::map<Spot, Waiting> waiting_;
  std::map<Spot, Holder> last_;          ///< who was given it last, ever
  std::map<Spot, Delay> asked_delays_;    ///< the earliest end of those whose Retry is not in the log yet
  std::map<Spot, Delay> delays_;
};

}  // namespace takt::sim
