// Prints greetings until SIGTERM or SIGINT; then it finishes what it has begun. Usage: work [server]

#include <takt/worker.h>

#include <cstdio>

#include "greeting.h"

int main(int argc, char** argv) {
  takt::WorkerOptions options;
  options.name = "work";
  options.subscriptions = {{.topic = "greetings", .concurrency = 2}};
  options.handle_signals = true;
  if (argc > 1) options.server = argv[1];
  auto worker = takt::Worker::open(options);
  if (!worker) {
    std::fprintf(stderr, "%s\n", worker.error().text().c_str());
    return 2;
  }
  worker->handle<Greeting>([](takt::Context& context, const Greeting& greeting) -> takt::Outcome {
    if (greeting.times < 1) return takt::dead("a greeting is said at least once");
    std::printf("%s: hello %s, %d times\n", context.id().text().c_str(), greeting.name.c_str(), greeting.times);
    return takt::done();
  });
  const auto stats = worker->run();
  if (!stats) {
    std::fprintf(stderr, "%s\n", stats.error().text().c_str());
    return 1;
  }
  std::printf("done %llu\n", static_cast<unsigned long long>(stats->metrics.done));
  return 0;
}
