// photo_worker: takes photo jobs from the broker and does them, each once in effect (execution.h).

#include <takt/worker.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "examples/photo/execution.h"

namespace {

using namespace std::chrono_literals;

struct Options {
  std::string server = "tcp://127.0.0.1:7400";
  std::string topic = "photos";
  std::string group = "photo-workers";
  std::string name = "worker-1";
  takt::Mode mode = takt::Mode::kPush;
  std::uint32_t concurrency = 2;
  std::uint32_t prefetch = 0;
  std::string run;
};

void describe(CLI::App& app, Options& options) {
  const std::map<std::string, takt::Mode> modes{{"push", takt::Mode::kPush}, {"pull", takt::Mode::kPull}};
  app.add_option("--server", options.server, "Address of taktd")->capture_default_str();
  app.add_option("--topic", options.topic, "Topic of the jobs")->capture_default_str();
  app.add_option("--group", options.group, "Group that shares the jobs")->capture_default_str();
  app.add_option("--name", options.name, "Name of this worker, and of its ledger")->capture_default_str();
  app.add_option("--mode", options.mode, "push: the broker keeps jobs on their way; pull: a job is asked for when a thread is free")
      ->transform(CLI::CheckedTransformer(modes, CLI::ignore_case));
  app.add_option("--concurrency", options.concurrency, "Jobs at a time")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--prefetch", options.prefetch, "In push mode: jobs that may be here un-acked; 0: twice the concurrency")
      ->capture_default_str();
  app.add_option("--run", options.run, "Run folder: outputs, effect records and the ledger")->required();
}

takt::Outcome to_outcome(photo::Conclusion conclusion) {
  switch (conclusion.ending) {
    case photo::Ending::kDone: return takt::done();
    case photo::Ending::kRetry: return takt::retry(std::move(conclusion.text));
    case photo::Ending::kRelease: return takt::release();
    case photo::Ending::kDead: return takt::dead(std::move(conclusion.text));
  }
  return takt::dead("no such ending");
}

template <class OneJob>
void handle(takt::Worker& worker, const Options& options, photo::Ledger& ledger) {
  worker.handle<OneJob>([&options, &ledger](takt::Context& context, const OneJob& job) {
    OneJob mine = job;
    if (const auto night = context.occurrence()) mine.job += "-" + night->id();   // each time a job of its own
    const photo::Delivery delivery{.message = context.id().text(), .attempt = context.attempt(), .worker = options.name};
    return to_outcome(photo::execute_once({options.run}, ledger, mine, delivery, context.stop_token()));
  });
}

int complain(const std::string& text) {
  std::cerr << "photo_worker: " << text << std::endl;
  return 1;
}

int work(const Options& options) {
  const photo::RunFolder run{options.run};
  if (!std::filesystem::is_directory(run.ledger()))
    return complain(options.run + " is not a run folder; photo_demo makes one, or: mkdir -p " + options.run +
                    "/{outputs,effects,ledger,sent,logs}");
  auto ledger = photo::Ledger::open(run.ledger(), options.name);
  if (!ledger) return complain(ledger.error().text);
  auto worker = takt::Worker::open({.server = options.server,
                                    .name = options.name,
                                    .subscriptions = {{.topic = options.topic,
                                                       .group = options.group,
                                                       .concurrency = options.concurrency,
                                                       .mode = options.mode,
                                                       .prefetch = options.prefetch}},
                                    .handle_signals = true,
                                    .connect_timeout = 15s});
  if (!worker) return complain(worker.error().text());
  handle<photo::ThumbnailJob>(*worker, options, *ledger);
  handle<photo::CropJob>(*worker, options, *ledger);
  handle<photo::SharpenJob>(*worker, options, *ledger);
  handle<photo::BlurJob>(*worker, options, *ledger);
  std::cout << options.name << ": pid " << ::getpid() << ", " << (options.mode == takt::Mode::kPush ? "push" : "pull") << ", "
            << options.concurrency << " at a time" << std::endl;
  const auto stats = worker->run();
  if (!stats) return complain(stats.error().text());
  const auto& metrics = stats->metrics;
  std::cout << options.name << ": delivered " << metrics.delivered << ", done " << metrics.done << ", retried " << metrics.retried
            << ", released " << metrics.released << ", dead " << metrics.dead << ", stale " << metrics.stale << ", unconfirmed "
            << metrics.unconfirmed << ", leases lost " << metrics.leases_lost << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Does photo jobs. Stops in order on SIGTERM or Ctrl-C: running jobs end, the rest goes back.", "photo_worker");
  Options options;
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  return work(options);
}
