#include "tests/e2e/cast.h"

#include <poll.h>

#include <algorithm>

namespace takt::e2e {

using namespace std::chrono_literals;

Cast::Cast(Stage& stage, std::uint64_t seed) : stage_(stage), ledger_(stage.folder() / "chaos.ledger", "chaos"), random_(seed) {}

Process Cast::start(Actor::Kind kind, const Role& role, const std::string& name) const {
  return kind == Actor::Kind::kProducer ? stage_.producer(name, role.topic, role.arguments)
                                        : stage_.worker(name, role.topic, role.arguments);
}

Actor& Cast::add(Actor::Kind kind, Role role) {
  const std::string name = role.name;
  Process process = start(kind, role, name);
  actors_.push_back(Actor(kind, std::move(role), name, std::move(process)));
  return actors_.back();
}

Actor& Cast::add_producer(Role role) { return add(Actor::Kind::kProducer, std::move(role)); }
Actor& Cast::add_worker(Role role) { return add(Actor::Kind::kWorker, std::move(role)); }

void Cast::kill(Actor& actor) {
  note(LedgerEvent::kKilled, actor.name_);
  actor.process_->kill();
  actor.is_frozen_ = false;
  actor.name_ = actor.role_.name + "." + std::to_string(++actor.lives_);
  actor.process_.reset();
  actor.process_.emplace(start(actor.kind_, actor.role_, actor.name_));
}

void Cast::freeze(Actor& actor) {
  note(LedgerEvent::kFrozen, actor.name_);
  if (!actor.process_->freeze()) add_trouble(actor.name_ + " had ended");
  actor.is_frozen_ = true;
}

void Cast::thaw(Actor& actor) {
  actor.process_->thaw();
  note(LedgerEvent::kThawed, actor.name_);
  actor.is_frozen_ = false;
}

void Cast::kill_broker(const std::function<void()>& between) {
  broker_kills_.push_back(std::chrono::steady_clock::now().time_since_epoch());
  note(LedgerEvent::kKilled, takt::testing::broker_actor);
  stage_.broker().kill();
  between();
  note(LedgerEvent::kStarted, takt::testing::broker_actor);
  stage_.broker().start();
}

bool Cast::wait_for_progress(const std::vector<const Actor*>& actors) {
  std::vector<std::uintmax_t> before;
  for (const Actor* actor : actors) before.push_back(ledger_bytes(*actor));
  return wait_until([&] {
    for (std::size_t i = 0; i < actors.size(); ++i) {
      if (ledger_bytes(*actors[i]) <= before[i]) return false;
    }
    return true;
  });
}

std::set<std::string> Cast::in_hand(const Actor& actor) const {
  std::set<std::string> open;
  for (const LedgerEntry& entry : stage_.ledger(actor.name_)) {
    switch (entry.event) {
      case LedgerEvent::kSending:
      case LedgerEvent::kBegun: open.insert(entry.payload); break;
      case LedgerEvent::kSent:
      case LedgerEvent::kRefused:
      case LedgerEvent::kUnknown:
      case LedgerEvent::kFinished:
      case LedgerEvent::kFailed:
      case LedgerEvent::kInterrupted: open.erase(entry.payload); break;
      case LedgerEvent::kFollow:
      case LedgerEvent::kConfirmed:
      case LedgerEvent::kKilled:
      case LedgerEvent::kFrozen:
      case LedgerEvent::kThawed:
      case LedgerEvent::kStarted:
      case LedgerEvent::kNote: break;
    }
  }
  return open;
}

bool Cast::wait_until_busy(const Actor& actor) {
  return wait_until([&] { return !in_hand(actor).empty(); });
}

bool Cast::wait_until_others_began(const std::set<std::string>& payloads, const Actor& actor) {
  return wait_until([&] {
    std::set<std::string> begun;
    for (const LedgerEntry& entry : stage_.ledgers()) {
      if (entry.event == LedgerEvent::kBegun && entry.actor != actor.name_) begun.insert(entry.payload);
    }
    return std::ranges::includes(begun, payloads);
  });
}

std::uintmax_t Cast::ledger_bytes(const Actor& actor) const {
  std::error_code none_yet;
  const auto size = std::filesystem::file_size(stage_.folder() / (actor.name_ + ".ledger"), none_yet);
  return none_yet ? 0 : size;
}

void Cast::pause(std::chrono::milliseconds at_most) {
  ::poll(nullptr, 0, std::uniform_int_distribution(0, static_cast<int>(at_most.count()))(random_));
}

bool Cast::finish() {
  std::vector<const Actor*> all;
  for (const Actor& actor : actors_) all.push_back(&actor);
  if (!wait_for_progress(all)) add_trouble("not everybody goes on at the end");
  stop(Actor::Kind::kProducer);
  std::set<std::string> topics;
  for (const Actor& actor : actors_) {
    if (actor.kind_ == Actor::Kind::kWorker) topics.insert(actor.role_.topic);
  }
  const bool drained =
      wait_until([&] { return std::ranges::all_of(topics, [&](const auto& topic) { return stage_.is_drained(topic, "g"); }); });
  stop(Actor::Kind::kWorker);
  return drained;
}

std::uint64_t Cast::sum_of(Actor::Kind kind, const std::string& key) const {
  std::uint64_t sum = 0;
  for (const Actor& actor : actors_) sum += actor.kind_ == kind ? stage_.final_number(actor.name_, key) : 0;
  return sum;
}

void Cast::stop(Actor::Kind kind) {
  for (Actor& actor : actors_) {
    if (actor.kind_ != kind) continue;
    const auto end = actor.process_->stop(60s);
    if (!end.is_success()) add_trouble(actor.name_ + " ended with " + end.text() + ": " + photo::log_tail(actor.process_->log(), 3));
  }
}

}  // namespace takt::e2e
