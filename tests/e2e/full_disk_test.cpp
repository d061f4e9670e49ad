// A broker on a disk of its own that runs full: 64 MiB of tmpfs, in a mount namespace of this process. TAKT_PROVE_COUNT
// says how often.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <takt/client.h>
#include <unistd.h>

#include "tests/e2e/payload.h"
#include "tests/e2e/stage.h"
#include "tests/support/proof.h"

namespace takt::e2e {
namespace {

using namespace std::chrono_literals;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount("tmpfs", disk_.path().c_str(), "tmpfs", 0, "size=64m") == 0;
    if (!is_mounted) {
      std::fprintf(stderr, "\n*** NOT TESTED: what a full disk does. Mounting a file system needs root. ***\n\n");
      GTEST_SKIP();
    }
  }
  void TearDown() override { ::umount2(disk_.path().c_str(), MNT_DETACH); }

  std::vector<std::string> settings(const std::string& ballast) const {
    return {"store.disk_free_min=0", "store.ballast_bytes=" + ballast, "store.bytes_max=256MiB", "store.checkpoint_interval=200ms",
            "store.checkpoint_bytes=1MiB"};
  }
  std::filesystem::path data() const { return disk_.path() / "data"; }
  std::uint64_t free_bytes() const {
    struct statvfs figures{};
    EXPECT_EQ(::statvfs(disk_.path().c_str(), &figures), 0);
    return std::uint64_t{figures.f_bavail} * figures.f_frsize;
  }
  /// Somebody else's file takes all that is left.
  void fill() const {
    const int file = ::open((disk_.path() / "filler").c_str(), O_RDWR | O_CREAT, 0600);
    for (std::uint64_t size = 0; free_bytes() > 0; size += 4096) {
      const std::uint64_t left = free_bytes();
      if (::posix_fallocate(file, static_cast<off_t>(size), static_cast<off_t>(left)) == 0) size += left;
    }
    ::close(file);
    ASSERT_EQ(free_bytes(), 0u);
  }
  void make_room() const { std::filesystem::remove(disk_.path() / "filler"); }

  takt::testing::TempFolder disk_;
};

Client client_of(Stage& stage) {
  auto client = Client::open({.server = stage.broker().server(), .acks = Acks::kAll, .send_timeout = 1s});
  if (!client) throw std::runtime_error(client.error().text());
  return *std::move(client);
}

Result<Receipt> send(Client& client, std::size_t number) {
  const std::string payload = std::to_string(number) + ";" + std::string(100'000, 'x');
  return client.send_bytes(job_kind, std::as_bytes(std::span(payload)), {.topic = "jobs"});
}

TEST_F(FullDisk, AcksGoOnWithoutAByteFreeAndSendsWhenThereIsRoomAgain) {
  Stage stage(settings("8MiB"), data());
  ASSERT_TRUE(stage.admin().put_topic("jobs", {}));
  ASSERT_TRUE(stage.admin().put_group("jobs", "g", {}));
  auto client = client_of(stage);
  std::size_t stored = 0;
  std::chrono::milliseconds resumed_max{};
  const std::uint64_t cycles = takt::testing::slice_or({.count = 3}).count;
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {
    for (int i = 0; i < 100; ++i, ++stored) ASSERT_TRUE(send(client, stored));
    ASSERT_TRUE(std::filesystem::exists(data() / "ballast"));
    fill();
    std::optional<Error> refusal;
    for (int i = 0; i < 200 && !refusal; ++i) {
      const auto receipt = send(client, stored);
      if (receipt) ++stored;
      if (!receipt) refusal = receipt.error();
    }
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->label(), "TK2002 store_full") << refusal->text();
    EXPECT_NE(refusal->text().find("disk"), std::string::npos) << refusal->text();
    EXPECT_FALSE(std::filesystem::exists(data() / "ballast")) << "a full disk's last room is for acks";
    fill();   // of that too: what is left is in the files that there are

    const std::string name = "worker" + std::to_string(cycle);
    auto worker = stage.worker(name, "jobs", {"--concurrency", "2"});
    ASSERT_TRUE(wait_until([&] { return stage.is_drained("jobs", "g"); })) << stage.broker().log_text();
    EXPECT_TRUE(ends_well(worker));
    EXPECT_TRUE(stage.broker().is_running());

    make_room();
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(wait_until([&] { return send(client, stored).has_value(); }));
    const auto resumed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    EXPECT_LT(resumed, 5s);
    resumed_max = std::max(resumed_max, resumed);
    ++stored;
    ASSERT_TRUE(wait_until([&] { return stage.metrics().sum("takt_store_full") == 0; }));
  }
  EXPECT_EQ(stage.metrics().sum("takt_store_reloads_total"), 0) << stage.broker().log_text();
  auto worker = stage.worker("last", "jobs");
  ASSERT_TRUE(wait_until([&] { return stage.is_drained("jobs", "g"); }));
  EXPECT_TRUE(ends_well(worker));
  EXPECT_EQ(stage.group("jobs", "g").value_or(GroupInfo{}).done, stored);
  takt::testing::print_figures(
      {{"cycles", cycles}, {"messages", stored}, {"resumed_ms_max", static_cast<std::uint64_t>(resumed_max.count())}});
}

TEST_F(FullDisk, WithoutABallastNothingThatWasConfirmedIsLostAndTheBrokerComesBack) {
  Stage stage(settings("0"), data());
  ASSERT_TRUE(stage.admin().put_topic("jobs", {}));
  ASSERT_TRUE(stage.admin().put_group("jobs", "g", {}));
  std::size_t stored = 0;
  {
    auto client = client_of(stage);
    for (; stored < 50; ++stored) ASSERT_TRUE(send(client, stored));
    fill();
    while (send(client, stored)) ++stored;   // as long as pages that were freed are left
  }
  ASSERT_TRUE(wait_until([&] { return stage.metrics().sum("takt_store_errors_total", {"kind=\"full\""}) > 0; }));
  EXPECT_TRUE(stage.broker().is_running());
  make_room();
  auto client = client_of(stage);
  ASSERT_TRUE(wait_until([&] { return send(client, stored).has_value(); })) << stage.broker().log_text();
  auto worker = stage.worker("worker", "jobs", {"--concurrency", "2"});
  ASSERT_TRUE(wait_until([&] { return stage.is_drained("jobs", "g"); }));
  EXPECT_TRUE(ends_well(worker));
  EXPECT_GE(stage.group("jobs", "g").value_or(GroupInfo{}).done, stored + 1);   // one may have been stored unconfirmed
}

}  // namespace
}  // namespace takt::e2e
