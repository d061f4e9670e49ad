#pragma once

#include <map>
#include <set>

#include "tests/sim/client.h"

namespace takt::sim {

/// Sends batches at random until told to stop.
class Producer final : public Client {
 public:
  /// Whose batches it sends, and in which epoch: a successor takes its predecessor's number and the next epoch.
  struct Identity {
    ProducerId producer;
    std::uint32_t epoch = 1;
  };
  Producer(World& world, const Options& options, Checker& checker, Network& network, std::string name,
           std::optional<Identity> identity = std::nullopt);

  /// Once: two with one number and epoch would take each other's answers.
  Identity successor() {
    has_successor_ = true;
    return {producer_, epoch_ + 1};
  }
  bool has_successor() const { return has_successor_; }
  void stop() { is_stopped_ = true; }
  /// Its successor has written: it is of no use any more.
  bool is_fenced() const { return is_fenced_; }
  bool is_idle() const { return open_.empty(); }

 private:
  void handle(sdk::Event&& event) override;
  void stamp(Frames& frames) override;
  void send();
  void send_later();

  const std::uint32_t epoch_;
  std::set<std::uint64_t> open_;   ///< batches without an answer
  bool has_successor_ = false;
  bool is_fenced_ = false;
  bool is_stopped_ = false;
};

/// Message sections of `values`, padded to at most `bytes` each; those of a scheduled run say when they are due.
proto::Sections sections_of(World& world, const Options& options, std::span<const Value> values, proto::RunClass run_class);
/// Whether the next batch waits for its due.
proto::RunClass any_class(World& world, const Options& options);

}  // namespace takt::sim
