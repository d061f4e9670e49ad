#pragma once
// For tests of Client, Worker and Admin over real sockets and threads.

#include <gtest/gtest.h>
#include <takt/takt.h>

#include <optional>
#include <thread>

#include "tests/sdk/loop_broker.h"
#include "tests/support/deadline.h"

namespace takt {

/// Long enough for a sanitizer build on a busy machine, short enough to see a hang.
template <class Condition>
bool wait_until(Condition holds) {
  return testing::wait_until(holds, std::chrono::seconds(20));
}

struct Job {
  static constexpr std::string_view kind = "job";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};
struct Other {
  static constexpr std::string_view kind = "other";
  std::string number;
  MSGPACK_DEFINE_MAP(number)
};

/// A worker that runs on a thread of its own.
class Running {
 public:
  explicit Running(Worker& worker) : worker_(worker), thread_([this] { result_.emplace(worker_.run()); }) {}
  ~Running() { stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  WorkerStats stop() {
    worker_.stop();
    if (thread_.joinable()) thread_.join();
    EXPECT_TRUE(result_->has_value()) << (*result_ ? "" : result_->error().text());
    return *result_ ? **result_ : WorkerStats{};
  }

 private:
  Worker& worker_;
  std::optional<Result<WorkerStats>> result_;
  std::thread thread_;
};

struct Live : ::testing::Test {
  sdk::LoopBroker broker;
  Client client = *Client::open({.server = broker.server(), .name = "test"});
  SendOptions to_jobs{.topic = "jobs"};

  Worker worker(Subscription subscription, std::chrono::milliseconds grace = std::chrono::seconds(25)) {
    WorkerOptions options;
    options.server = broker.server();
    options.subscriptions = {std::move(subscription)};
    options.shutdown_grace = grace;
    options.backoff = takt::Backoff{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
    auto opened = Worker::open(std::move(options));
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  Worker worker() { return worker({.topic = "jobs"}); }
  void send(int first, int count) {
    std::vector<Job> jobs;
    for (int i = first; i < first + count; ++i) jobs.push_back({i});
    for (const auto& receipt : client.send_all(jobs, to_jobs)) ASSERT_TRUE(receipt) << receipt.error().text();
  }
  GroupInfo group(const std::string& topic = "jobs") {
    auto admin = Admin::open({.server = broker.server()});
    const auto groups = admin->groups(topic);
    EXPECT_TRUE(groups);
    return groups && !groups->empty() ? groups->front() : GroupInfo{};
  }
};

}  // namespace takt
