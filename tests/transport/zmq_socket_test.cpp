#include "broker/transport/zmq_socket.h"

#include <gtest/gtest.h>

namespace takt::transport {
namespace {

Received from(std::string routing) {
  return {.routing = std::move(routing), .descriptor = -1, .frames = {}, .frames_thrown = 0, .wire_bytes = 0};
}

TEST(BySender, KeepsWhatCameFromOnePeerTogetherAndInOrder) {
  const std::vector<Received> messages{from("b"), from("a"), from("b"), from("c"), from("a"), from("b")};
  EXPECT_EQ(by_sender(messages), (std::vector<std::size_t>{1, 4, 0, 2, 5, 3}));
  EXPECT_TRUE(by_sender({}).empty());
}

}  // namespace
}  // namespace takt::transport
