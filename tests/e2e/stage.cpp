#include "tests/e2e/stage.h"

#include <fstream>
#include <stdexcept>

#include "tests/e2e/payload.h"

namespace takt::e2e {
namespace {

Admin open_admin(const std::string& server) {
  auto admin = Admin::open({.server = server, .name = "stage", .timeout = std::chrono::seconds(20)});
  if (!admin) throw std::runtime_error(admin.error().text());
  return *std::move(admin);
}

}  // namespace

Stage::Stage(std::vector<std::string> settings) : Stage(std::move(settings), {}) {}

Stage::Stage(std::vector<std::string> settings, std::filesystem::path data)
    : broker_({folder_.path(), std::move(settings), data.empty() ? folder_.path() / "data" : std::move(data)}),
      admin_(open_admin(broker_.server())) {}

Process Stage::actor(const std::filesystem::path& program, const std::string& name, const std::string& topic,
                     std::vector<std::string> arguments) const {
  const std::string ledger = (folder() / (name + ".ledger")).string();
  arguments.insert(arguments.begin(), {"--server", broker_.server(), "--name", name, "--ledger", ledger, "--topic", topic});
  auto process = Process::start({.name = name, .program = program, .arguments = std::move(arguments), .log = folder() / (name + ".log")});
  if (!process) throw std::runtime_error(process.error().text);
  return *std::move(process);
}

Process Stage::producer(const std::string& name, const std::string& topic, std::vector<std::string> arguments) const {
  return actor(E2E_PRODUCER_PATH, name, topic, std::move(arguments));
}

Process Stage::worker(const std::string& name, const std::string& topic, std::vector<std::string> arguments) const {
  return actor(E2E_WORKER_PATH, name, topic, std::move(arguments));
}

void Stage::open_gate() const { std::ofstream(gate()) << "open\n"; }

std::vector<LedgerEntry> Stage::ledger(const std::string& actor) const {
  return takt::testing::read_ledger(folder() / (actor + ".ledger"));
}

std::size_t Stage::count(const std::string& actor, LedgerEvent event) const {
  std::size_t sum = 0;
  for (const LedgerEntry& entry : ledger(actor)) sum += entry.event == event ? 1 : 0;
  return sum;
}

bool Stage::wait_for(const std::string& actor, LedgerEvent event, std::size_t wanted) const {
  return wait_until([&] { return count(actor, event) >= wanted; });
}

std::uint64_t Stage::final_number(const std::string& actor, const std::string& key) const {
  const auto entries = ledger(actor);
  if (entries.empty() || entries.back().event != LedgerEvent::kNote) throw std::runtime_error(actor + " wrote no last note");
  return number_of(entries.back().payload, key);
}

std::optional<GroupInfo> Stage::group(const std::string& topic, const std::string& name) {
  const auto groups = admin_.groups(topic);
  if (!groups) return std::nullopt;
  for (const GroupInfo& info : *groups) {
    if (info.name == name) return info;
  }
  return std::nullopt;
}

bool Stage::is_drained(const std::string& topic, const std::string& name) {
  const auto info = group(topic, name);
  return info && info->ready + info->leased + info->retrying + info->held == 0 &&
         metrics().sum("takt_topic_scheduled_messages", {"topic=\"" + topic + "\""}) == 0;
}

MetricsPage Stage::metrics() const {
  const auto answer = takt::testing::http_get(broker_.http_port(), "/metrics");
  if (!answer || answer->status != 200) throw std::runtime_error("no metrics");
  return takt::testing::read_metrics(answer->body);
}

bool ends_well(Process& process, std::chrono::milliseconds grace) { return process.stop(grace).is_success(); }

}  // namespace takt::e2e
