// Sends ten greetings and waits until all of them are durable. Usage: produce [server]

#include <takt/client.h>

#include <cstdio>

#include "greeting.h"

int main(int argc, char** argv) {
  takt::ClientOptions options;
  options.name = "produce";
  options.send_timeout = std::chrono::seconds(5);
  if (argc > 1) options.server = argv[1];
  auto client = takt::Client::open(options);
  if (!client) {
    std::fprintf(stderr, "%s\n", client.error().text().c_str());
    return 2;
  }
  std::vector<Greeting> greetings;
  for (int i = 1; i <= 10; ++i) greetings.push_back({"world", i});
  int failures = 0;
  for (const auto& receipt : client->send_all(greetings, {.topic = "greetings"})) {
    if (receipt) {
      std::printf("sent %s\n", receipt->id.text().c_str());
    } else {
      std::fprintf(stderr, "%s\n", receipt.error().text().c_str());
      ++failures;
    }
  }
  return failures == 0 ? 0 : 1;
}
