#include "tests/attack/honest.h"

#include <takt/client.h>
#include <takt/worker.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/support/deadline.h"
#include "tests/support/raw_socket.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using takt::testing::patience;
using takt::testing::wait_until;

constexpr std::size_t payload_bytes = 100;
constexpr auto newcomer_interval = 500ms;
constexpr int probe_tries = 10;   // a probe is cut off like any other when its request does not come at once
constexpr auto probe_pause = 50ms;

/// What stands at the begin of a payload.
struct Stamp {
  std::int64_t sent_ns;
  std::uint64_t number;
  Phase phase;
};

double at_share(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

Latencies summary(std::vector<double> ms) {
  std::ranges::sort(ms);
  return {ms.size(), at_share(ms, 0.50), at_share(ms, 0.99), ms.empty() ? 0 : ms.back()};
}

Worker open_worker(const std::string& server) {
  auto worker = Worker::open({.server = server, .name = "honest", .subscriptions = {{.topic = "honest", .group = "honest"}}});
  if (!worker) throw std::runtime_error(worker.error().text());
  return *std::move(worker);
}

Client open_client(const std::string& server) {
  auto client = Client::open({.server = server, .name = "honest"});
  if (!client) throw std::runtime_error(client.error().text());
  return *std::move(client);
}

}  // namespace

class Honest::Body {
 public:
  explicit Body(HonestOptions options)
      : options_(std::move(options)),
        worker_(open_worker(options_.server)),
        client_(open_client(options_.server)) {
    if (const auto connected = client_.wait_connected(patience); !connected) throw std::runtime_error(connected.error().text());
    worker_.handle_batch([this](std::span<const Delivered> messages) { handled(messages); });
    work_ = std::jthread([this] {
      if (const auto ran = worker_.run(); !ran) fail("worker: " + ran.error().text());
    });
    send_ = std::jthread([this](std::stop_token stop) { send(stop); });
    visit_ = std::jthread([this](std::stop_token stop) { visit(stop); });
  }
  ~Body() {
    stop_sending();
    worker_.stop();
  }

  void enter(Phase phase) { phase_ = phase; }
  std::size_t handled(Phase phase) const {
    const std::lock_guard lock(mutex_);
    return ms_[static_cast<std::size_t>(phase)].size();
  }
  HonestReport finish();

 private:
  void handled(std::span<const Delivered> messages);
  void send(const std::stop_token& stop);
  void visit(const std::stop_token& stop);
  void newcomer();
  void probe();
  void stop_sending();
  void fail(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++failures_[what];
  }
  bool wait(const std::stop_token& stop, Clock::time_point until) {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_until(lock, stop, until, [] { return false; }) && !stop.stop_requested();
  }

  const HonestOptions options_;
  std::atomic<Phase> phase_{Phase::kBefore};
  mutable std::mutex mutex_;                        // guards what follows, up to the clients
  std::condition_variable_any stopped_;
  std::array<std::vector<double>, 2> ms_;
  std::vector<bool> stored_, seen_;                 ///< by number
  std::map<std::string, std::uint64_t> failures_;
  std::uint64_t sent_ = 0;                          // send_ only, until it ended

  Worker worker_;
  Client client_;
  std::jthread work_, send_, visit_;
};

void Honest::Body::handled(std::span<const Delivered> messages) {
  const auto now = Clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  for (const Delivered& message : messages) {
    Stamp stamp{};
    if (message.payload().size() != payload_bytes) continue;   // a newcomer's
    std::memcpy(&stamp, message.payload().data(), sizeof stamp);
    if (stamp.number >= seen_.size()) seen_.resize(stamp.number + 1);
    if (seen_[stamp.number]) continue;
    seen_[stamp.number] = true;
    ms_[static_cast<std::size_t>(stamp.phase)].push_back(
        std::chrono::duration<double, std::milli>(now - std::chrono::nanoseconds(stamp.sent_ns)).count());
  }
}

void Honest::Body::send(const std::stop_token& stop) {
  const auto pause = std::chrono::nanoseconds(1s) / options_.messages_per_second;
  Clock::time_point next = Clock::now();
  while (wait(stop, next)) {
    next += pause;
    std::array<std::byte, payload_bytes> payload{};
    const Stamp stamp{Clock::now().time_since_epoch().count(), sent_, phase_};
    std::memcpy(payload.data(), &stamp, sizeof stamp);
    const std::uint64_t number = sent_++;
    const auto accepted = client_.send_async_bytes("honest", payload, {.topic = "honest"}, [this, number](const Result<Receipt>& receipt) {
      if (!receipt) return fail("send: " + receipt.error().text());
      const std::lock_guard lock(mutex_);
      if (number >= stored_.size()) stored_.resize(number + 1);
      stored_[number] = true;
    });
    if (!accepted) fail("send: " + accepted.error().text());
  }
}

void Honest::Body::visit(const std::stop_token& stop) {
  while (wait(stop, Clock::now() + newcomer_interval)) {
    if (options_.newcomers == HonestOptions::Newcomers::kExpected) newcomer();
    probe();
  }
}

void Honest::Body::newcomer() {
  auto client = Client::open({.server = options_.server, .name = "newcomer"});
  if (!client) return fail("newcomer: " + client.error().text());
  const std::string payload = "new";
  const auto receipt = client->send_bytes("honest", std::as_bytes(std::span(payload)), {.topic = "honest"});
  if (!receipt) fail("newcomer: " + receipt.error().text());
}

void Honest::Body::probe() {
  for (int i = 0; i < probe_tries; ++i) {
    const auto answer = takt::testing::http_get(options_.http_port, "/livez");
    if (answer && answer->status == 200) return;
    std::this_thread::sleep_for(probe_pause);
  }
  fail("probe: /livez did not answer 200");
}

void Honest::Body::stop_sending() {
  for (std::jthread* thread : {&send_, &visit_}) {
    thread->request_stop();
    if (thread->joinable()) thread->join();
  }
}

HonestReport Honest::Body::finish() {
  stop_sending();
  if (const auto flushed = client_.flush(patience); !flushed) fail("flush: " + flushed.error().text());
  const auto unhandled = [this] {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < stored_.size(); ++i) count += stored_[i] && (i >= seen_.size() || !seen_[i]) ? 1 : 0;
    return count;
  };
  wait_until([&] { return unhandled() == 0; });
  if (client_.metrics().connections != 1) fail("the producer had to connect again");
  if (worker_.metrics().connections != 1) fail("the worker had to connect again");
  HonestReport report{summary(ms_[0]), summary(ms_[1]), sent_, unhandled(), {}};
  const std::lock_guard lock(mutex_);
  report.failures = failures_;
  return report;
}

Honest::Honest(HonestOptions options) : body_(std::make_unique<Body>(std::move(options))) {}
Honest::~Honest() = default;
void Honest::enter(Phase phase) { body_->enter(phase); }
std::size_t Honest::handled(Phase phase) const { return body_->handled(phase); }
HonestReport Honest::finish() { return body_->finish(); }

}  // namespace takt::attack
