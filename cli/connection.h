#pragma once
// Reaching the broker, and saying so when it cannot be reached.

#include <takt/admin.h>
#include <takt/client.h>

#include "cli/console.h"

namespace takt::cli {

/// `error` of a call to the broker of `environment`: no connection names the address and how to start a broker.
Failure explain(const Environment& environment, const Error& error);

struct Connection {
  Admin admin;
  BrokerInfo broker;
};
/// Connects and waits for the greeting. `patience` is added to the timeout of every later call: for calls that wait at
/// the broker on purpose.
Result<Connection, Failure> connect_admin(const Environment& environment, Milliseconds patience = Milliseconds(0));
/// Connects and waits for the greeting. The server and the name of `options` are set here.
Result<Client, Failure> connect_client(const Environment& environment, ClientOptions options);

}  // namespace takt::cli
