// Makes one mistake with the SDK, as a user's first program would, and prints the error as the SDK's text() gives it.
// Usage: sdk MISTAKE; the broker's address is in TAKT_SERVER.

#include <takt/takt.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

namespace {

using namespace std::chrono_literals;

struct Resize {
  static constexpr std::string_view kind = "photo.resize";
  std::string path;
  int width = 640;
  MSGPACK_DEFINE_MAP(path, width)
};

/// What a program that sends too much, or names the wrong width, has in its hands.
struct ResizeByName {
  static constexpr std::string_view kind = "photo.resize";
  std::string path;
  std::string width;
  MSGPACK_DEFINE_MAP(path, width)
};

std::string server() {
  const char* address = std::getenv("TAKT_SERVER");
  return address == nullptr ? "" : address;
}

template <class T>
std::optional<takt::Error> error_of(const takt::Result<T>& result) {
  if (result) return std::nullopt;
  return result.error();
}

std::optional<takt::Error> open_client(takt::ClientOptions options) { return error_of(takt::Client::open(std::move(options))); }

std::optional<takt::Error> send(const takt::SendOptions& options, const Resize& job = {}) {
  auto client = takt::Client::open({.server = server(), .send_timeout = 1s});
  if (!client) return client.error();
  return error_of(client->send(job, options));
}

takt::WorkerOptions worker_options(takt::Subscription subscription) {
  return {.server = server(), .subscriptions = {std::move(subscription)}, .connect_timeout = 1s};
}

std::optional<takt::Error> open_worker(takt::Subscription subscription) {
  return error_of(takt::Worker::open(worker_options(std::move(subscription))));
}

std::optional<takt::Error> send_after_close() {
  auto client = takt::Client::open({.server = server(), .send_timeout = 1s});
  if (!client) return client.error();
  (void)client->close(0ms);
  return error_of(client->send(Resize{}, {.topic = "photos"}));
}

std::optional<takt::Error> buffer_full() {
  auto client = takt::Client::open({.server = server(), .batch_bytes = 1024, .send_timeout = 1s, .buffer_bytes_max = 2048});
  if (!client) return client.error();
  (void)client->wait_connected(1s);
  const Resize job{.path = std::string(1500, 'x')};
  if (const auto first = client->try_send(job, {.topic = "photos"}); !first) return first.error();
  return error_of(client->try_send(job, {.topic = "photos"}));
}

std::optional<takt::Error> send_in_callback() {
  auto client = takt::Client::open({.server = server(), .send_timeout = 200ms});
  if (!client) return client.error();
  std::optional<takt::Error> error;
  const auto callback = [&](takt::Result<takt::Receipt>) { error = error_of(client->send(Resize{}, {.topic = "photos"})); };
  if (const auto sent = client->send_async(Resize{}, {.topic = "photos"}, callback); !sent) return sent.error();
  (void)client->close(10s);
  return error;
}

std::optional<takt::Error> no_handler() {
  auto worker = takt::Worker::open(worker_options({.topic = "photos"}));
  if (!worker) return worker.error();
  return error_of(worker->run());
}

std::optional<takt::Error> worker_without_broker() {
  auto worker = takt::Worker::open(worker_options({.topic = "photos"}));
  if (!worker) return worker.error();
  worker->handle<Resize>([](takt::Context&, const Resize&) {});
  return error_of(worker->run());
}

std::optional<takt::Error> wrong_field_type() {
  const auto bytes = takt::pack_payload(ResizeByName{.path = "a.jpg", .width = "wide"});
  return error_of(takt::unpack_payload<Resize>(std::as_bytes(std::span(bytes.data(), bytes.size()))));
}

std::optional<takt::Error> not_msgpack() {
  const std::string text = "{\"path\":\"a.jpg\"}";
  return error_of(takt::unpack_payload<Resize>(std::as_bytes(std::span(text))));
}

const std::map<std::string, std::function<std::optional<takt::Error>()>> mistakes{
    {"bad_topic_name", [] { return send({.topic = "my photos"}); }},
    {"no_topic", [] { return send({}); }},
    {"bad_priority", [] { return send({.topic = "photos", .priority = 8}); }},
    {"negative_delay", [] { return send({.topic = "photos", .delay = -5s}); }},
    {"delay_and_at", [] { return send({.topic = "photos", .delay = 5s, .at = std::chrono::system_clock::now()}); }},
    {"early_instant", [] { return send({.topic = "photos", .at = std::chrono::system_clock::time_point(-1h)}); }},
    {"too_many_tags", [] { return send({.topic = "photos", .tags = std::vector<std::string>(17, "tag")}); }},
    {"payload_too_large", [] { return send({.topic = "photos"}, {.path = std::string(17u << 20, 'x')}); }},
    {"no_broker", [] { return send({.topic = "photos"}); }},
    {"no_address", [] { return open_client({.server = ""}); }},
    {"http_address", [] { return open_client({.server = "http://localhost:7400"}); }},
    {"bad_port", [] { return open_client({.server = "tcp://localhost:74000"}); }},
    {"small_batches", [] { return open_client({.server = server(), .batch_bytes = 10}); }},
    {"send_after_close", &send_after_close},
    {"buffer_full", &buffer_full},
    {"send_in_callback", &send_in_callback},
    {"no_subscription", [] { return error_of(takt::Worker::open({.server = server()})); }},
    {"bad_group_name", [] { return open_worker({.topic = "photos", .group = "thumb/nails"}); }},
    {"concurrency_0", [] { return open_worker({.topic = "photos", .concurrency = 0}); }},
    {"no_handler", &no_handler},
    {"worker_without_broker", &worker_without_broker},
    {"wrong_field_type", &wrong_field_type},
    {"not_msgpack", &not_msgpack},
};

}  // namespace

int main(int argc, char** argv) {
  const auto mistake = mistakes.find(argc == 2 ? argv[1] : "");
  if (mistake == mistakes.end()) {
    std::fputs("usage: sdk MISTAKE\n", stderr);
    return 64;
  }
  const auto error = mistake->second();
  if (!error) {
    std::fputs("no error came\n", stderr);
    return 0;
  }
  std::fprintf(stderr, "error %s\n", error->text().c_str());
  return 1;
}
