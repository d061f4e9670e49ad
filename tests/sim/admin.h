#pragma once

#include <deque>

#include "tests/sim/client.h"

namespace takt::sim {

/// Sets the groups up, asking again until each is answered.
class Admin final : public Client {
 public:
  Admin(World& world, const Options& options, Checker& checker, Network& network, std::vector<GroupName> groups);

 private:
  void handle(sdk::Event&& event) override;
  void ask();

  std::deque<GroupName> groups_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace takt::sim
