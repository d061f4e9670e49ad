// A producer for the end-to-end tests: sends until SIGTERM (or --count) and writes down what the broker answered.

#include <signal.h>
#include <takt/client.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <iostream>

#include "tests/e2e/payload.h"
#include "tests/support/ledger.h"

namespace {

using namespace takt;
using namespace std::chrono_literals;
using takt::testing::LedgerEvent;
using takt::testing::LedgerWriter;

struct Options {
  std::string server;
  std::string name;
  std::string ledger;
  std::string topic;
  std::size_t batch = 1;         ///< messages per call: 1 is send(), more is send_all()
  std::size_t per_second = 0;    ///< on average, catching up after a pause, `batch` at most per call; 0: as `batch` and `pause_ms` say
  std::size_t count = 0;         ///< 0: until SIGTERM
  std::size_t work_every = 0;    ///< every so many-th message is a long job
  std::string work;              ///< and this is added to its payload
  std::string all;               ///< added to every payload
  int later_ms = 0;              ///< the delay of every message, in its payload too: `;later=MS`
  int pause_ms = 0;              ///< between two calls, to bound the load
};

class Producer {
 public:
  Producer(const Options& options, Client client) : options_(options), client_(std::move(client)), ledger_(options.ledger, options.name) {}

  void run(const sigset_t& stop) {
    while (options_.count == 0 || sent_ < options_.count) {
      send_once();
      const timespec pause{options_.pause_ms / 1000, options_.pause_ms % 1000 * 1'000'000L};
      if (::sigtimedwait(&stop, nullptr, &pause) > 0) return;
    }
  }
  std::string summary() {
    const ClientMetrics metrics = client_.metrics();
    return "producer;sent=" + std::to_string(metrics.sent) + ";failed=" + std::to_string(metrics.failed) +
           ";unknown=" + std::to_string(metrics.unknown) + ";duplicates=" + std::to_string(metrics.duplicates) +
           ";resent=" + std::to_string(metrics.resent_batches) + ";connections=" + std::to_string(metrics.connections);
  }
  LedgerWriter& ledger() { return ledger_; }

 private:
  /// Written down before it is sent: a producer that dies before the answer has sent it all the same.
  std::string next_payload() {
    std::string payload = options_.name + "-" + std::to_string(sent_++) + options_.all;
    if (options_.later_ms > 0) payload += ";later=" + std::to_string(options_.later_ms);
    if (options_.work_every > 0 && sent_ % options_.work_every == 0) payload += options_.work;
    ledger_.write(LedgerEvent::kSending, options_.topic, "-", payload);
    return payload;
  }
  void write_down(const std::string& payload, const Result<Receipt>& result) {
    if (result) {
      ledger_.write(LedgerEvent::kSent, options_.topic, result->id.text(), payload);
      return;
    }
    const bool unknown = result.error().outcome == ErrorOutcome::kUnknown;
    ledger_.write(unknown ? LedgerEvent::kUnknown : LedgerEvent::kRefused, options_.topic, "-", payload);
    ledger_.note(result.error().name);
  }
  /// Messages of the next call.
  std::size_t due_now() const {
    if (options_.per_second == 0) return options_.batch;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began_;
    const auto wanted = static_cast<std::size_t>(elapsed.count() * static_cast<double>(options_.per_second));
    return std::min(options_.batch, wanted - std::min(wanted, sent_));
  }
  void send_once() {
    const SendOptions send{.topic = options_.topic, .delay = std::chrono::milliseconds(options_.later_ms)};
    if (options_.batch == 1) {
      const std::string payload = next_payload();
      write_down(payload, client_.send_bytes(e2e::job_kind, std::as_bytes(std::span(payload)), send));
      return;
    }
    std::vector<std::string> payloads;
    const std::size_t wanted = due_now();
    if (wanted == 0) return;
    while (payloads.size() < wanted && (options_.count == 0 || sent_ < options_.count)) payloads.push_back(next_payload());
    std::vector<RawMessage> messages;
    for (const auto& payload : payloads) messages.push_back({e2e::job_kind, std::as_bytes(std::span(payload))});
    const auto results = client_.send_all_bytes(messages, send);
    for (std::size_t i = 0; i < results.size(); ++i) write_down(payloads[i], results[i]);
  }

  const Options& options_;
  Client client_;
  LedgerWriter ledger_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::size_t sent_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("producer of the end-to-end tests");
  app.add_option("--server", options.server)->required();
  app.add_option("--name", options.name)->required();
  app.add_option("--ledger", options.ledger)->required();
  app.add_option("--topic", options.topic)->required();
  app.add_option("--batch", options.batch);
  app.add_option("--count", options.count);
  app.add_option("--work-every", options.work_every);
  app.add_option("--work", options.work);
  app.add_option("--all", options.all);
  app.add_option("--per-second", options.per_second);
  app.add_option("--later-ms", options.later_ms);
  app.add_option("--pause-ms", options.pause_ms);
  CLI11_PARSE(app, argc, argv);

  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  auto client = Client::open({.server = options.server, .name = options.name, .acks = Acks::kAll, .send_timeout = 60s});
  if (!client) {
    std::cerr << client.error().text() << '\n';
    return 2;
  }
  Producer producer(options, *std::move(client));
  producer.run(stop);
  producer.ledger().note(producer.summary());
}
