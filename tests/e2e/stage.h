#pragma once
// Where an end-to-end test plays: a folder, a real broker in it, producers and workers as processes of their own, their
// ledgers, and views of the broker.

#include <takt/admin.h>

#include <string>
#include <vector>

#include "tests/support/broker_process.h"
#include "tests/support/checker.h"
#include "tests/support/deadline.h"
#include "tests/support/ledger.h"
#include "tests/support/metrics_page.h"
#include "tests/support/raw_socket.h"
#include "tests/support/temp_folder.h"

namespace takt::e2e {

using takt::testing::BrokerProcess;
using takt::testing::LedgerEntry;
using takt::testing::LedgerEvent;
using takt::testing::MetricsPage;
using takt::testing::patience;
using takt::testing::Process;
using takt::testing::wait_until;

class Stage {
 public:
  /// `settings` as taktd --set takes them.
  explicit Stage(std::vector<std::string> settings = {});
  /// With the broker's data on a disk of the test's own.
  Stage(std::vector<std::string> settings, std::filesystem::path data);

  BrokerProcess& broker() { return broker_; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  /// Started; `arguments` beside server, name, ledger and topic.
  Process producer(const std::string& name, const std::string& topic, std::vector<std::string> arguments = {}) const;
  Process worker(const std::string& name, const std::string& topic, std::vector<std::string> arguments = {}) const;

  /// What a job waits for that has `;gate=FILE` in its payload.
  std::string gate() const { return (folder() / "gate").string(); }
  void open_gate() const;

  std::vector<LedgerEntry> ledger(const std::string& actor) const;
  std::vector<LedgerEntry> ledgers() const { return takt::testing::read_ledgers(folder()); }
  std::size_t count(const std::string& actor, LedgerEvent event) const;
  bool wait_for(const std::string& actor, LedgerEvent event, std::size_t count) const;
  /// The value of `;KEY=` in the actor's last note, which it writes at its end.
  std::uint64_t final_number(const std::string& actor, const std::string& key) const;

  /// None: the broker is away, or there is no such group.
  std::optional<GroupInfo> group(const std::string& topic, const std::string& group);
  /// Nothing of the group is ready, leased, waiting for a retry or held.
  bool is_drained(const std::string& topic, const std::string& group);
  /// Throws std::runtime_error when the broker does not show its metrics.
  MetricsPage metrics() const;
  Admin& admin() { return admin_; }

 private:
  Process actor(const std::filesystem::path& program, const std::string& name, const std::string& topic,
                std::vector<std::string> arguments) const;

  takt::testing::TempFolder folder_;
  BrokerProcess broker_;
  Admin admin_;
};

/// SIGTERM; true when it ended with exit code 0.
bool ends_well(Process& process, std::chrono::milliseconds grace = std::chrono::seconds(30));

}  // namespace takt::e2e
