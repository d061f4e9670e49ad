// A worker for the end-to-end tests: does what payloads ask for and writes down what it was given, what became of it and
// which acks were confirmed.

#include <takt/worker.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <filesystem>
#include <iostream>
#include <mutex>

#include "tests/e2e/payload.h"
#include "tests/support/deadline.h"
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
  std::string group = "g";
  std::string follow_topic;
  bool pull = false;
  std::uint32_t concurrency = 1;
  std::uint32_t prefetch = 0;
  int grace_ms = 25'000;
};

/// False: told to stop before the time was over.
bool work_for(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any told;
  std::unique_lock lock(mutex);
  return !told.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
}

class Work {
 public:
  Work(const Options& options, LedgerWriter& ledger) : options_(options), ledger_(ledger) {}

  Outcome operator()(Context& context) const {
    const std::string payload(context.message().payload_text());
    const std::string id = context.id().text();
    const auto write = [&](LedgerEvent event) {
      ledger_.write(event, context.group(), id, payload, {context.attempt(), context.fencing_token()});
    };
    write(LedgerEvent::kBegun);
    // The test opens the gate; a stubborn job looks at nothing else.
    if (const auto gate = e2e::option_of(payload, "gate")) {
      const bool stubborn = e2e::number_of(payload, "stubborn") != 0;
      takt::testing::wait_until([&] { return std::filesystem::exists(*gate) || (!stubborn && context.stop_requested()); }, 10min);
    } else if (const auto work = e2e::number_of(payload, "work"); work > 0) {
      work_for(std::chrono::milliseconds(work), context.stop_token());
    }
    if (context.stop_requested() && e2e::number_of(payload, "stubborn") == 0) {
      write(LedgerEvent::kInterrupted);
      return release();
    }
    if (context.attempt() <= e2e::number_of(payload, "fail")) {
      write(LedgerEvent::kFailed);
      return retry_in(std::chrono::milliseconds(e2e::number_of(payload, "delay")), "told to fail");
    }
    if (e2e::option_of(payload, "do") == "dead") {
      write(LedgerEvent::kFinished);
      return dead("told to die");
    }
    if (!options_.follow_topic.empty()) {
      const std::string follow = "follow:" + payload;
      ledger_.write(LedgerEvent::kFollow, "-", "-", follow);
      if (const auto sent = context.send_bytes(e2e::job_kind, std::as_bytes(std::span(follow)), {.topic = options_.follow_topic}); !sent) {
        return retry(sent.error().text());
      }
    }
    write(LedgerEvent::kFinished);
    return done();
  }

 private:
  const Options& options_;
  LedgerWriter& ledger_;
};

std::string summary(const WorkerStats& stats) {
  const WorkerMetrics& m = stats.metrics;
  std::string text = "worker";
  const auto add = [&](const char* name, std::uint64_t value) { text.append(";").append(name).append("=").append(std::to_string(value)); };
  add("delivered", m.delivered);
  add("done", m.done);
  add("retried", m.retried);
  add("released", m.released);
  add("dead", m.dead);
  add("stale", m.stale);
  add("unconfirmed", m.unconfirmed);
  add("lost", m.leases_lost);
  add("follow_ups", m.follow_ups);
  add("connections", m.connections);
  add("abandoned", stats.abandoned);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("worker of the end-to-end tests");
  app.add_option("--server", options.server)->required();
  app.add_option("--name", options.name)->required();
  app.add_option("--ledger", options.ledger)->required();
  app.add_option("--topic", options.topic)->required();
  app.add_option("--group", options.group);
  app.add_option("--follow-topic", options.follow_topic);
  app.add_flag("--pull", options.pull);
  app.add_option("--concurrency", options.concurrency);
  app.add_option("--prefetch", options.prefetch);
  app.add_option("--grace-ms", options.grace_ms);
  CLI11_PARSE(app, argc, argv);

  LedgerWriter ledger(options.ledger, options.name);
  auto worker = Worker::open({.server = options.server,
                              .name = options.name,
                              .subscriptions = {{.topic = options.topic,
                                                 .group = options.group,
                                                 .concurrency = options.concurrency,
                                                 .mode = options.pull ? Mode::kPull : Mode::kPush,
                                                 .prefetch = options.prefetch}},
                              .shutdown_grace = std::chrono::milliseconds(options.grace_ms),
                              .handle_signals = true,
                              .on_confirmed = [&](const Confirmed& confirmed) {
                                ledger.write(LedgerEvent::kConfirmed, confirmed.group, confirmed.id.text(), "-");
                              }});
  if (!worker) {
    std::cerr << worker.error().text() << '\n';
    return 2;
  }
  worker->handle_any(Work(options, ledger));
  const auto stats = worker->run();
  if (!stats) {
    std::cerr << stats.error().text() << '\n';
    return 1;
  }
  ledger.note(summary(*stats));
}
