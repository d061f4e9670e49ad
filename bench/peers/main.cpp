// takt_peer_NAME: a client of another broker, for scripts/bench --peers. One JSON object as a result.

#include <CLI/CLI.hpp>
#include <iostream>

#include "bench/peers/roles.h"

int main(int argc, char** argv) {
  CLI::App app("A client of another message broker, loaded as takt bench loads taktd");
  app.require_subcommand(1);
  takt::bench::PeerOptions options;
  std::uint64_t count = 100'000;
  std::uint64_t rate = 1'000;
  std::uint64_t seconds = 5;
  std::size_t size = 100;
  app.add_option("--host", options.host, "Where the server is")->capture_default_str();
  app.add_option("--port", options.port, "Where the server is")->required();
  app.add_option("--kind", options.kind, "Of queue, where the server has several");
  app.add_option("--batch", options.batch, "Messages per request or transaction")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--outstanding", options.outstanding, "Unconfirmed messages at most")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--take", options.take, "Messages asked for at a time")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--connections", options.connections, "Of a producer")->capture_default_str()->check(CLI::PositiveNumber);
  CLI::App* prepare = app.add_subcommand("prepare", "Make the queue");
  CLI::App* empty = app.add_subcommand("empty", "Throw away what an earlier load left in the queue");
  CLI::App* send = app.add_subcommand("send", "Send until all is confirmed");
  CLI::App* work = app.add_subcommand("work", "Take and ack");
  CLI::App* latency = app.add_subcommand("latency", "Send at a rate, and take");
  for (CLI::App* command : {send, work})
    command->add_option("--count", count, "Messages")->capture_default_str()->check(CLI::PositiveNumber);
  for (CLI::App* command : {send, latency})
    command->add_option("--size", size, "Bytes of a message")->capture_default_str()->check(CLI::Range(8, 1 << 20));
  latency->add_option("--rate", rate, "Messages per second")->capture_default_str()->check(CLI::PositiveNumber);
  latency->add_option("--seconds", seconds, "How long")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto peer = takt::bench::make_peer(options);
    takt::bench::Json result = takt::bench::Json::object();
    if (prepare->parsed()) peer->prepare();
    if (empty->parsed()) peer->empty();
    if (send->parsed()) result = takt::bench::send(*peer, count, size, options.outstanding);
    if (work->parsed()) result = takt::bench::work(*peer, count);
    if (latency->parsed()) result = takt::bench::latency(*peer, rate, seconds, size, options.outstanding);
    std::cout << result.dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}
