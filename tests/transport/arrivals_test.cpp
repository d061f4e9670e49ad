#include "broker/transport/arrivals.h"

#include <gtest/gtest.h>

namespace takt::transport {
namespace {

using Order = std::vector<std::size_t>;

std::vector<ConnectionId> from(std::initializer_list<std::uint64_t> senders) {
  std::vector<ConnectionId> ids;
  for (const std::uint64_t sender : senders) ids.emplace_back(sender);
  return ids;
}

TEST(InRuns, KeepsWhatCameFromOneConnectionTogetherAndInOrder) {
  EXPECT_EQ(in_runs(from({7, 3, 7, 9, 3, 7})), (Order{0, 2, 5, 1, 4, 3})) << "whoever came first is first";
  EXPECT_EQ(in_runs(from({5, 5, 5})), (Order{0, 1, 2}));
  EXPECT_TRUE(in_runs({}).empty());
}

TEST(InRuns, WhoSendsMuchDoesNotGoAheadOfTheOthersWithAllOfIt) {
  std::vector<ConnectionId> senders(2 * run_messages_max + 1, ConnectionId(1));
  senders.emplace_back(2);
  const Order order = in_runs(senders);
  ASSERT_EQ(order.size(), senders.size());
  EXPECT_EQ(order[run_messages_max - 1], run_messages_max - 1);
  EXPECT_EQ(order[run_messages_max], senders.size() - 1) << "the other one after the first's first run";
  EXPECT_EQ(order.back(), 2 * run_messages_max);
}

}  // namespace
}  // namespace takt::transport
