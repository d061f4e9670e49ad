#pragma once
// Who plays on a stage when processes are killed and frozen: producers and workers with their successors. What is done to
// them, and to the broker, stands in a ledger too, so that the checker can tell a reason from a fault.

#include <deque>
#include <functional>
#include <random>
#include <set>

#include "tests/e2e/stage.h"

namespace takt::e2e {

struct Role {
  std::string name;                    ///< successors are called NAME.2, NAME.3 and so on
  std::string topic;
  std::vector<std::string> arguments{};
};

class Actor {
 public:
  const std::string& name() const { return name_; }
  bool is_frozen() const { return is_frozen_; }

 private:
  friend class Cast;
  enum class Kind { kProducer, kWorker };
  Actor(Kind kind, Role role, const std::string& name, Process process)
      : kind_(kind),
        role_(std::move(role)),
        name_(name),
        process_(std::move(process)) {}

  Kind kind_;
  Role role_;
  std::string name_;
  std::optional<Process> process_;
  int lives_ = 1;
  bool is_frozen_ = false;
};

/// Lives no longer than its stage; actors no longer than their cast, and stay where they are.
class Cast {
 public:
  /// `seed`: of pause() and of what a loop draws.
  Cast(Stage& stage, std::uint64_t seed);

  Actor& add_producer(Role role);
  Actor& add_worker(Role role);

  /// SIGKILL; then its successor starts.
  void kill(Actor& actor);
  void freeze(Actor& actor);
  void thaw(Actor& actor);
  /// SIGKILL of the broker; `between` runs while it is down; then it starts again.
  void kill_broker(const std::function<void()>& between = [] {});
  /// When the broker was killed.
  const std::vector<std::chrono::nanoseconds>& broker_kills() const { return broker_kills_; }

  /// Waits until each of them has written into its ledger. False: one did not in time.
  bool wait_for_progress(const std::vector<const Actor*>& actors);
  /// Payloads that a handler of the worker is at work on, or that are on their way from the producer.
  std::set<std::string> in_hand(const Actor& actor) const;
  bool wait_until_busy(const Actor& actor);
  /// Waits until each of these was begun by another worker, too.
  bool wait_until_others_began(const std::set<std::string>& payloads, const Actor& actor);
  /// For an instant that the seed chooses.
  void pause(std::chrono::milliseconds at_most);
  std::mt19937_64& random() { return random_; }

  /// All go on until each has done something; then producers stop, group `g` of every topic drains, workers stop. False: something did not drain.
  bool finish();
  /// After finish(): the sum of a number that they wrote down at their end. Who was killed wrote none.
  std::uint64_t sum_of_producers(const std::string& key) const { return sum_of(Actor::Kind::kProducer, key); }
  std::uint64_t sum_of_workers(const std::string& key) const { return sum_of(Actor::Kind::kWorker, key); }
  /// What went wrong with processes; empty: nothing.
  const std::string& trouble() const { return trouble_; }
  void add_trouble(const std::string& what) { trouble_ += what + "\n"; }

 private:
  Actor& add(Actor::Kind kind, Role role);
  Process start(Actor::Kind kind, const Role& role, const std::string& name) const;
  void note(LedgerEvent event, std::string_view whom) { ledger_.write(event, "-", "-", whom); }
  void stop(Actor::Kind kind);
  std::uint64_t sum_of(Actor::Kind kind, const std::string& key) const;
  std::uintmax_t ledger_bytes(const Actor& actor) const;

  Stage& stage_;
  takt::testing::LedgerWriter ledger_;
  std::mt19937_64 random_;
  std::deque<Actor> actors_;
  std::vector<std::chrono::nanoseconds> broker_kills_;
  std::string trouble_;
};

}  // namespace takt::e2e
