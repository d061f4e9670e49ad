#pragma once

#include <map>
#include <set>

#include "tests/sim/client.h"

namespace takt::sim {

/// Sends batches at random until told to stop.
class Producer final : public Client {
 public:
  Producer(World& world, const Options& options, Checker& checker, Network& network, std::string name);

  void stop() { is_stopped_ = true; }
  bool is_idle() const { return open_.empty(); }

 private:
  void handle(sdk::Event&& event) override;
  void send();
  void send_later();

  std::set<std::uint64_t> open_;   ///< batches without an answer
  bool is_stopped_ = false;
};

/// Message sections of `values`, padded to at most `bytes` each.
proto::Sections sections_of(Random& random, std::span<const Value> values, std::size_t bytes);

}  // namespace takt::sim
