#pragma once

#include <map>

#include "tests/sim/client.h"

namespace takt::sim {

/// A person at the command line while the queues are at work: looks, changes settings, deletes.
class Operator final : public Client {
 public:
  Operator(World& world, const Options& options, Checker& checker, Network& network, std::vector<GroupName> groups);

  void look();
  void change_settings();
  void remove();
  void recur();
  /// What it asked and was not answered does not matter any more.
  bool is_idle() const { return asked_.empty(); }

 private:
  void handle(sdk::Event&& event) override;
  void ask(proto::Request request) { ask(std::move(request), {}); }
  const GroupName& any_group() { return groups_[world_.random().below(groups_.size())]; }
  proto::TopicSettings draw_settings();
  proto::DeadSelection draw_dead();
  void steer();
  void put_schedule(const std::string& name);
  void ask(proto::Request request, proto::Sections sections);

  const std::vector<GroupName> groups_;
  struct Asked {
    proto::Request request;
    Position end;                                     ///< of the log, then
  };
  std::map<sdk::TicketId, Asked> asked_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace takt::sim
