// takt version [--server]: this program's version, and on demand the broker's.

#include "cli/version.h"
#include "cli/commands/commands.h"
#include "cli/connection.h"

namespace takt::cli {
namespace {

struct Arguments {
  bool ask = false;
  std::vector<std::string> address;
};

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const Console& console = environment.console;
  nlohmann::ordered_json document{{"takt", version}};
  std::string text = std::string("takt ") + version + "\n";
  if (given.ask) {
    Environment asked = environment;
    if (!given.address.empty() && !given.address.front().empty()) asked.server = given.address.front();
    const auto connection = connect_admin(asked);
    if (!connection) return failed(connection.error());
    const BrokerInfo& broker = connection->broker;
    document["server"] = {{"address", asked.server},
                          {"software", broker.software},
                          {"partitions", broker.partitions},
                          {"message_bytes_max", broker.message_bytes_max},
                          {"batch_bytes_max", broker.batch_bytes_max},
                          {"batch_messages_max", broker.batch_messages_max}};
    text += broker.software + " at " + asked.server + ", partitions: " + std::to_string(broker.partitions) + "\n";
  }
  if (console.format == Format::kJson) {
    console.write_document(document);
  } else {
    console.write(text);
  }
  return ExitCode::kOk;
}

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt version
takt version --server
takt version --server tcp://10.0.0.7:7400)");
  // Here --server may stand without a value: ask the broker that every other command would ask.
  CLI::Option* server = command.add_option("--server", given.address, "Ask the broker too; its address may be left out")
                            ->type_name("[ADDRESS]")
                            ->expected(0, 1);
  command.parse_complete_callback([&given, server] { given.ask = server->count() > 0; });
}

}  // namespace

void add_version(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "version", "Show the version of this program, and of the broker", &declare, &run);
}

}  // namespace takt::cli
