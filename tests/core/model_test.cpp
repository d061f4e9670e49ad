// A partition against a model that knows only what was confirmed: random producers, workers, crashes and checkpoints.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "tests/core/harness.h"

namespace takt::core::test {
namespace {

struct Lease {
  Slot slot;
  LeaseToken token;
  std::uint32_t count = 0;
  std::vector<std::string> payloads;
  std::set<std::uint32_t> open;
};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed), harness_(settings(seed)) {}

  void run(int steps) {
    come_up();
    for (int i = 0; i < steps; ++i) {
      switch (random_() % 16) {
        case 0:
        case 1:
        case 2:
        case 3: publish(); break;
        case 4: retry_publish(); break;
        case 5:
        case 6:
        case 7: ack(); break;
        case 8: fail(); break;
        case 9: harness_.seal(); break;
        case 10: harness_.sync(); break;
        case 11: harness_.advance(std::chrono::milliseconds(random_() % 4000)); break;
        case 12:
          if (random_() % 4 == 0) lose_worker();
          break;
        case 13:
          if (random_() % 10 == 0) crash();
          break;
        case 14:
          if (random_() % 6 == 0) checkpoint();
          break;
        default: stale_ack(); break;
      }
      absorb(harness_.take());
    }
    drain();
  }

 private:
  static PartitionSettings settings(std::uint64_t seed) {
    PartitionSettings s;
    s.tail_cache_bytes = seed % 2 == 0 ? 1 : 1 << 20;
    s.recover_grace = seed % 3 == 0 ? Duration::zero() : std::chrono::seconds(10);
    return s;
  }
  void come_up() {
    harness_.send(SessionUp{SessionId(++session_), ClientId(1), proto::ClientKind::kWorker, "worker"});
    harness_.request(SessionId(session_), CorrelationId(1),
                     proto::PutGroup{"t", "g", proto::StartFrom::kEarliest, {.attempts_max = 1000, .retry = {.deaths_max = 0}}});
    harness_.request(SessionId(session_), CorrelationId(1),
                     proto::Subscribe{PartitionId(0), SubscriptionId(1), "t", "g", proto::StartFrom::kEarliest});
    harness_.request(SessionId(session_), CorrelationId(0),
                     proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding,
                                   1 + static_cast<std::uint32_t>(random_() % 40), 1 << 20, 0});
    leases_.clear();
  }
  void publish() {
    const std::uint64_t seq = ++sequence_;
    std::vector<std::string>& payloads = sent_[seq];
    for (std::uint64_t n = 1 + random_() % 5; n > 0; --n) payloads.push_back("m" + std::to_string(++message_));
    send(seq);
  }
  void retry_publish() {
    if (sent_.empty()) return;
    send(std::next(sent_.begin(), static_cast<std::ptrdiff_t>(random_() % sent_.size()))->first);
  }
  void send(std::uint64_t seq) {
    const auto& payloads = sent_[seq];
    proto::Sections sections = sections_of(payloads);
    const proto::Publish publish = publish_of("t", sections, static_cast<std::uint32_t>(payloads.size()), ProducerId(5), Sequence(seq));
    harness_.request(SessionId(session_), CorrelationId(1000 + seq), publish, std::move(sections));
  }
  void ack() {
    if (leases_.empty()) return;
    Lease& lease = leases_[random_() % leases_.size()];
    std::vector<proto::IndexRun> runs;
    for (const std::uint32_t i : lease.open)
      if (random_() % 2 == 0) runs.push_back({i, 1});
    if (runs.empty()) return;
    for (const proto::IndexRun& run : runs) {
      lease.open.erase(run.first);
      asked_[{lease.token.value, run.first}] = lease.payloads[run.first];
    }
    harness_.request(SessionId(session_), CorrelationId(2),
                     proto::Ack{PartitionId(0), SubscriptionId(1), {{lease.slot, lease.token, runs}}});
    forget_empty();
  }
  void fail() {
    if (leases_.empty()) return;
    Lease& lease = leases_[random_() % leases_.size()];
    const std::uint32_t index = *lease.open.begin();
    lease.open.erase(index);
    proto::Fail fail{PartitionId(0),
                     SubscriptionId(1),
                     lease.slot,
                     lease.token,
                     index,
                     random_() % 2 == 0 ? proto::FailOutcome::kRetry : proto::FailOutcome::kRelease,
                     random_() % 2 * 700,
                     1,
                     "why"};
    harness_.request(SessionId(session_), CorrelationId(3), fail);
    forget_empty();
  }
  void stale_ack() {
    if (!old_) return;
    harness_.request(SessionId(session_), CorrelationId(4),
                     proto::Ack{PartitionId(0), SubscriptionId(1), {{old_->slot, old_->token, {{0, old_->count}}}}});
  }
  void lose_worker() {
    if (!leases_.empty()) old_ = leases_.front();
    forget_asked();
    harness_.send(SessionLost{SessionId(session_), random_() % 2 == 0 ? SessionEnd::kDisconnected : SessionEnd::kGoodbye});
    come_up();
  }
  void crash() {
    if (!leases_.empty()) old_ = leases_.front();
    harness_.crash();
    forget_asked();
    const auto held = leases_;
    come_up();
    if (random_() % 2 == 0) return;
    proto::Resume resume{PartitionId(0), SubscriptionId(1), {}};
    for (const Lease& lease : held)
      for (const std::uint32_t i : lease.open)
        resume.held.push_back({Lane(0), Offset(offsets_.at(lease.payloads[i])), 1, LeaseToken(lease.token.value + i)});
    harness_.request(SessionId(session_), CorrelationId(6), resume);
  }
  /// Nobody will hear what became of these acks.
  void forget_asked() {
    for (const auto& [lease, payload] : asked_) maybe_done_.insert(payload);
    asked_.clear();
  }
  void checkpoint() {
    absorb(harness_.settle());
    harness_.checkpoint();
    const auto tables = logical(harness_.rows());
    const auto folded = logical(fold({}, harness_.log()));
    for (const auto& [key, value] : folded)
      ASSERT_TRUE(tables.contains(key) && tables.at(key) == value) << "the tables lack or differ in " << testing::PrintToString(key);
    for (const auto& [key, value] : tables)
      ASSERT_TRUE(folded.contains(key)) << "the tables have too much: " << testing::PrintToString(key);
  }
  void forget_empty() {
    std::erase_if(leases_, [](const Lease& lease) { return lease.open.empty(); });
  }

  void absorb(std::vector<Outgoing> all) {
    for (const Outgoing& outgoing : all) {
      if (outgoing.session != SessionId(session_)) continue;   // of a session that is over
      if (const auto* published = std::get_if<proto::Published>(&outgoing.body)) {
        std::uint64_t offset = published->first_offset.value;
        for (std::uint32_t request = 0; request < published->requests; ++request) {
          const auto& batch = sent_[outgoing.correlation.value - 1000 + request];
          ASSERT_EQ(batch.size(), published->count);
          for (const auto& message : batch) {
            ASSERT_EQ(offsets_.try_emplace(message, offset).first->second, offset) << "a retried batch was stored twice";
            confirmed_.insert(message);
            ++offset;
          }
        }
      } else if (const auto* acked = std::get_if<proto::Acked>(&outgoing.body)) {
        for (const proto::AckEntry& entry : acked->done) {
          for (const proto::IndexRun& run : entry.runs)
            for (std::uint32_t i = run.first; i < run.first + run.count; ++i) {
              const auto asked = asked_.find({entry.token.value, i});
              ASSERT_NE(asked, asked_.end()) << "a stale ack was accepted";
              done_.insert(asked->second);
              asked_.erase(asked);
            }
        }
      } else if (const auto* deliver = std::get_if<proto::Deliver>(&outgoing.body)) {
        const auto payloads = payloads_of(outgoing.slices);
        std::size_t at = 0;
        for (const proto::DeliveredRange& range : deliver->ranges) {
          Lease lease{range.slot, range.token, range.stretch.count, {}, {}};
          for (std::uint32_t i = 0; i < range.stretch.count; ++i, ++at) {
            ASSERT_FALSE(done_.contains(payloads[at])) << payloads[at] << " came again after its ack was confirmed";
            for (const Lease& other : leases_)
              for (const std::uint32_t o : other.open) ASSERT_NE(other.payloads[o], payloads[at]) << "leased twice";
            const auto [it, fresh] = offsets_.try_emplace(payloads[at], range.stretch.first_offset.value + i);
            ASSERT_EQ(it->second, range.stretch.first_offset.value + i);
            lease.payloads.push_back(payloads[at]);
            lease.open.insert(i);
          }
          leases_.push_back(std::move(lease));
        }
      } else if (const auto* resumed = std::get_if<proto::Resumed>(&outgoing.body)) {
        for (const proto::ResumedRange& granted : resumed->granted) {
          Lease lease{granted.slot, granted.token, granted.held.count, {}, {}};
          for (std::uint32_t i = 0; i < granted.held.count; ++i) {
            const auto name =
                std::ranges::find_if(offsets_, [&](const auto& known) { return known.second == granted.held.first.value + i; });
            ASSERT_NE(name, offsets_.end());
            ASSERT_FALSE(done_.contains(name->first)) << "a done message was resumed";
            lease.payloads.push_back(name->first);
            lease.open.insert(i);
          }
          leases_.push_back(std::move(lease));
        }
      }
    }
  }

  /// Everything confirmed must come out, once in effect.
  void drain() {
    const auto settled = [&](const std::string& message) { return done_.contains(message) || maybe_done_.contains(message); };
    for (int round = 0; round < 400 && !std::ranges::all_of(confirmed_, settled); ++round) {
      harness_.advance(std::chrono::milliseconds(700));
      for (Lease& lease : leases_) {
        std::vector<proto::IndexRun> runs;
        for (const std::uint32_t i : lease.open) {
          runs.push_back({i, 1});
          asked_[{lease.token.value, i}] = lease.payloads[i];
        }
        lease.open.clear();
        harness_.request(SessionId(session_), CorrelationId(2),
                         proto::Ack{PartitionId(0), SubscriptionId(1), {{lease.slot, lease.token, runs}}});
      }
      forget_empty();
      absorb(harness_.settle());
    }
    for (const std::string& message : confirmed_) ASSERT_TRUE(settled(message)) << message << " was confirmed and lost";
    checkpoint();
  }

  std::mt19937_64 random_;
  Harness harness_;
  std::uint64_t session_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t message_ = 0;
  std::map<std::uint64_t, std::vector<std::string>> sent_;
  std::map<std::string, std::uint64_t> offsets_;
  std::set<std::string> confirmed_, done_, maybe_done_;
  std::vector<Lease> leases_;
  std::optional<Lease> old_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::string> asked_;
};

/// TAKT_SEED=N runs that seed alone.
TEST(PartitionModel, LosesNothingConfirmedAndLeasesNothingTwice) {
  const char* only = std::getenv("TAKT_SEED");
  const std::uint64_t first = only != nullptr ? std::stoull(only) : 1;
  const std::uint64_t last = only != nullptr ? first : 150;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("TAKT_SEED=" + std::to_string(seed));
    Model(seed).run(600);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace takt::core::test
