#include "broker/transport/flood_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "tests/support/deadline.h"

namespace takt::transport {
namespace {

using takt::testing::patience;
using takt::testing::wait_until;

/// A connection over loopback.
class FloodWatchTest : public ::testing::Test {
 protected:
  FloodWatchTest() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const bool is_made = bind(listener, any, length) == 0 && getsockname(listener, any, &length) == 0 && listen(listener, 1) == 0 &&
                         connect(client, any, length) == 0;
    if (is_made) server = accept(listener, nullptr, nullptr);
    close(listener);
    watch.accepted(server);
  }
  ~FloodWatchTest() override {
    if (client >= 0) close(client);
    close(server);
  }
  void leave(bool by_reset) {
    const linger how{by_reset ? 1 : 0, 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &how, sizeof how);
    close(std::exchange(client, -1));
  }

  int client = socket(AF_INET, SOCK_STREAM, 0);
  int server = -1;
  FloodWatch watch{{.message_bytes_max = 1000, .queue_bytes_max = 1000, .all_bytes_max = 1000, .scarce_bytes_max = 1000}};
};

TEST_F(FloodWatchTest, TellsAResetOnce) {
  ASSERT_GE(server, 0);
  EXPECT_TRUE(watch.look().left.empty());
  EXPECT_EQ(watch.look().ending, 0u);
  leave(true);
  std::vector<int> told;
  ASSERT_TRUE(wait_until([&] { return !(told = watch.look().left).empty(); }, patience));
  EXPECT_EQ(told, std::vector{server});
  EXPECT_TRUE(watch.look().left.empty());
  EXPECT_EQ(watch.look().ending, 1u) << "until it is closed here";
  watch.closed(server);
  EXPECT_EQ(watch.look().ending, 0u);
}

TEST_F(FloodWatchTest, AnOrderlyEndIsNoResetAndAnEnd) {
  leave(false);
  char nothing = 0;
  ASSERT_EQ(recv(server, &nothing, 1, 0), 0) << "the end has come";
  const FloodWatch::Look seen = watch.look();
  EXPECT_TRUE(seen.left.empty());
  EXPECT_EQ(seen.ending, 1u);
}

}  // namespace
}  // namespace takt::transport
