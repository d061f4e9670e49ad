#include "cli/connection.h"

namespace takt::cli {
namespace {

bool nobody_answered(const Error& error) { return error.is("not_connected") || error.is("timed_out"); }

Failure nobody_at(const Environment& environment, const Error& error) {
  return unreachable(environment.server, duration_text(environment.timeout), error.message);
}

}  // namespace

Failure explain(const Environment& environment, const Error& error) {
  if (error.is("not_connected")) return nobody_at(environment, error);
  return refused(error);
}

Result<Connection, Failure> connect_admin(const Environment& environment, Milliseconds patience) {
  environment.console.detail("connecting to " + environment.server);
  auto admin = Admin::open({.server = environment.server, .name = "takt", .timeout = environment.timeout});
  if (!admin) return failed(explain(environment, admin.error()));
  auto broker = admin->broker();
  if (!broker) {
    if (nobody_answered(broker.error())) return failed(nobody_at(environment, broker.error()));
    return failed(explain(environment, broker.error()));
  }
  environment.console.detail("connected: " + broker->software + ", partitions: " + std::to_string(broker->partitions));
  if (patience.count() > 0) {  // only once it is known that somebody answers
    admin = Admin::open({.server = environment.server, .name = "takt", .timeout = environment.timeout + patience});
    if (!admin) return failed(explain(environment, admin.error()));
  }
  return Connection{std::move(*admin), std::move(*broker)};
}

Result<Client, Failure> connect_client(const Environment& environment, ClientOptions options) {
  environment.console.detail("connecting to " + environment.server);
  options.server = environment.server;
  options.name = "takt";
  auto client = Client::open(std::move(options));
  if (!client) return failed(explain(environment, client.error()));
  if (const auto connected = client->wait_connected(environment.timeout); !connected) {
    if (nobody_answered(connected.error())) return failed(nobody_at(environment, connected.error()));
    return failed(explain(environment, connected.error()));
  }
  environment.console.detail("connected");
  return std::move(*client);
}

}  // namespace takt::cli
