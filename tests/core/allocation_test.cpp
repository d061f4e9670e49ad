// What the core asks of the heap for a message on its way through: docs/performance.md, "The budget".

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "tests/core/harness.h"

namespace {

/// Of the calls between two looks at it; one thread.
struct Heap {
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;
};
Heap heap;

}  // namespace

void* operator new(std::size_t size) {
  ++heap.allocations;
  heap.bytes += size;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace takt::core::test {
namespace {

constexpr std::uint64_t payload_bytes = 100;

/// One producer, one worker, everything acked as it comes. What the test itself does is not counted.
class Path {
 public:
  Path() {
    tell(SessionUp{session_, ClientId(1), proto::ClientKind::kWorker, "worker"});
    ask(proto::Subscribe{PartitionId(0), subscription_, "t", "g", proto::StartFrom::kEarliest});
    ask(proto::Credit{PartitionId(0), subscription_, proto::CreditKind::kStanding, 60'000, 64u << 20, 0});
    settle();
  }

  /// `requests` publishes of `count` messages each, all in one commit where they fit, then their acks.
  void round(std::uint32_t requests, std::uint32_t count) {
    const proto::Sections sections = sections_of(std::vector<std::string>(count, std::string(payload_bytes, 'x')));
    for (std::uint32_t i = 0; i < requests; ++i) {
      ask(publish_of("t", sections, count, ProducerId(1), Sequence(++sequence_)), SharedBytes::own(std::vector(sections.metadata)),
          SharedBytes::own(std::vector(sections.payload)));
    }
    settle();
    while (!acks_.entries.empty()) {
      proto::Ack acks = std::move(acks_);
      acks_ = {PartitionId(0), subscription_, {}};
      ask(std::move(acks));
      settle();
    }
  }
  Heap counted() const { return counted_; }
  std::uint64_t acked() const { return acked_; }

 private:
  /// Of what happens while it lives.
  class Count {
   public:
    explicit Count(Heap& sum) : sum_(sum) {}
    ~Count() {
      sum_.allocations += heap.allocations - before_.allocations;
      sum_.bytes += heap.bytes - before_.bytes;
    }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;

   private:
    Heap& sum_;
    const Heap before_ = heap;
  };
  template <class Call>
  auto count(Call call) {
    const Count here(counted_);
    return call();
  }
  void tell(Command command) {
    count([&] { partition_.handle(std::move(command), now_); });
  }
  void ask(proto::Request body, SharedBytes metadata = {}, SharedBytes payload = {}) {
    tell(ClientRequest{session_, CorrelationId(++correlation_), std::move(body), std::move(metadata), std::move(payload)});
  }
  void settle() {
    while (true) {
      now_.mono += std::chrono::milliseconds(10);   // acks do not wait for company any more
      const auto commit = count([&] { return partition_.seal(now_); });
      if (commit) count([&] { partition_.committed(commit->end, now_); });
      const std::vector<Effect> effects = count([&] { return partition_.take_effects(); });
      for (const Effect& effect : effects) collect(std::get<Outgoing>(effect));
      if (!commit && effects.empty()) return;
    }
  }
  void collect(const Outgoing& outgoing) {
    const auto* delivered = std::get_if<proto::Deliver>(&outgoing.body);
    if (delivered == nullptr) return;
    for (const proto::DeliveredRange& range : delivered->ranges) {
      acks_.entries.push_back({range.slot, range.token, {{0, range.stretch.count}}});
      acked_ += range.stretch.count;
    }
  }

  Partition partition_ = [] {
    PartitionSettings settings;
    settings.recover_grace = Duration::zero();
    settings.tail_cache_bytes = 1u << 20;
    Partition partition(settings);
    partition.loaded_to(Position(0));
    partition.start({Time(std::chrono::seconds(1)), WallTime(std::chrono::milliseconds(1'700'000'000'000))});
    return partition;
  }();
  SessionId session_{1};
  SubscriptionId subscription_{1};
  Now now_{Time(std::chrono::seconds(1)), WallTime(std::chrono::milliseconds(1'700'000'000'000))};
  std::uint64_t sequence_ = 0;
  std::uint64_t correlation_ = 0;
  proto::Ack acks_{PartitionId(0), subscription_, {}};
  std::uint64_t acked_ = 0;
  Heap counted_;
};

struct PerMessage {
  double allocations = 0;
  double bytes = 0;
};

/// Of twenty rounds, after twenty in which vectors and tables have grown to what they need.
PerMessage cost(Path& path, std::uint32_t requests, std::uint32_t count) {
  constexpr std::uint32_t rounds = 20;
  for (std::uint32_t i = 0; i < rounds; ++i) path.round(requests, count);
  const Heap before = path.counted();
  const std::uint64_t acked_before = path.acked();
  for (std::uint32_t i = 0; i < rounds; ++i) path.round(requests, count);
  const std::uint64_t messages = path.acked() - acked_before;
  EXPECT_EQ(messages, std::uint64_t{rounds} * requests * count);
  const PerMessage per{static_cast<double>(path.counted().allocations - before.allocations) / static_cast<double>(messages),
                       static_cast<double>(path.counted().bytes - before.bytes) / static_cast<double>(messages)};
  std::printf("%.4f allocations and %.1f bytes for a message\n", per.allocations, per.bytes);
  return per;
}

TEST(Allocations, ABatchCostsNoneForAMessageAndOneCopy) {
  Path path;
  const PerMessage per = cost(path, 8, 1000);
  EXPECT_LT(per.allocations, 0.05);
  // The commit's value is the store's own copy: payload, metadata, and the places of both.
  EXPECT_LT(per.bytes, 2.0 * payload_bytes);
}

TEST(Allocations, APublishOfOneMessageCostsFew) {
  Path path;
  EXPECT_LT(cost(path, 1000, 1).allocations, 2.0);
}

}  // namespace
}  // namespace takt::core::test
