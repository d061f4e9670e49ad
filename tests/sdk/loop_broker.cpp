#include "tests/sdk/loop_broker.h"

#include "proto/check.h"
#include "worker-sdk/cpp/src/connection.h"

namespace takt::sdk {

LoopBroker::LoopBroker(const std::string& listen, transport::IntakeLimits limits) : limits_(limits) { start(listen); }
LoopBroker::~LoopBroker() { stop(); }

void LoopBroker::start(const std::string& listen) {
  partition_ = log_.open(settings_, read_clock());
  transport::ZmqGatewaySettings settings;
  settings.listen = listen;
  settings.desk.intake = limits_;
  settings.clock = [] { return read_clock().mono; };
  auto gateway = transport::ZmqGateway::open(settings, *this);
  check(gateway.has_value(), "a free port can be bound");
  gateway_ = std::move(*gateway);
  server_ = gateway_->endpoint();
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
  gateway_->start();
}

void LoopBroker::stop() {
  gateway_->stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    commands_.clear();
  }
  work_there_.notify_all();
  thread_.join();
  gateway_.reset();
}

void LoopBroker::restart() {
  stop();
  start(server_);
}

void LoopBroker::end_sessions() { gateway_->end_sessions({ErrorCode::kSessionExpired, "the test says so"}); }

void LoopBroker::stall() {
  const std::lock_guard lock(mutex_);
  is_stalled_ = true;
}

void LoopBroker::go_on() {
  {
    const std::lock_guard lock(mutex_);
    is_stalled_ = false;
  }
  gateway_->room();
}

bool LoopBroker::post(transport::CommandBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stalled_) return false;
    for (auto* queue : {&batch.prior, &batch.later}) {
      for (core::Command& command : *queue) commands_.push_back(std::move(command));
    }
  }
  batch = {};
  work_there_.notify_all();
  return true;
}

void LoopBroker::run() {
  while (true) {
    std::vector<core::Command> commands;
    {
      std::unique_lock lock(mutex_);
      const auto there = [&] { return stopping_ || !commands_.empty(); };
      if (const auto deadline = partition_->next_deadline()) {
        work_there_.wait_for(lock, *deadline - read_clock().mono, there);
      } else {
        work_there_.wait(lock, there);
      }
      if (stopping_) return;
      commands.swap(commands_);
    }
    const Now now = read_clock();
    for (core::Command& command : commands) partition_->handle(std::move(command), now);
    partition_->tick(now);
    std::vector<core::Outgoing> replies;
    for (bool more = true; more || partition_->staged_bytes() > 0;) {  // serving may stage what releases the next effect
      more = false;
      while (auto commit = partition_->seal(now)) {
        partition_->committed(commit->end, now);
        log_.append(std::move(*commit));
        more = true;
      }
      for (core::Effect& effect : partition_->take_effects()) {
        more = true;
        if (auto* outgoing = std::get_if<core::Outgoing>(&effect)) {
          replies.push_back(std::move(*outgoing));
        } else {
          partition_->handle(log_.read(std::get<core::LoadBlocks>(effect), settings_.uuid), now);
        }
      }
    }
    if (!replies.empty()) gateway_->post(std::move(replies));
  }
}

}  // namespace takt::sdk
