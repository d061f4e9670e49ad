#include "tests/sim/admin.h"

namespace takt::sim {

Admin::Admin(World& world, const Options& options, Checker& checker, Network& network, std::vector<GroupName> groups)
    : Client(world, options, checker, network, proto::ClientKind::kTool, "admin"),
      groups_(groups.begin(), groups.end()) {
  connect();
  ask();
}

void Admin::ask() {
  if (groups_.empty()) return;
  const GroupName& group = groups_.front();
  session_.request(sdk::TicketId(++last_ticket_),
                   proto::PutGroup{group.topic, group.group, proto::StartFrom::kEarliest, {options_.attempts_max, options_.retry}}, {},
                   world_.mono() + std::chrono::seconds(10), world_.now());
}

void Admin::handle(sdk::Event&& event) {
  if (const auto* answered = std::get_if<sdk::RequestAnswered>(&event)) {
    if (answered->ticket.value != last_ticket_) return;
    const GroupName group = groups_.front();
    groups_.pop_front();
    if (!checker_.view().has_ever(group))
      checker_.fail("group " + group.topic + "/" + group.group + " is confirmed and not in the durable log");
    ask();
  } else if (std::holds_alternative<sdk::RequestFailed>(event)) {
    ask();
  }
}

}  // namespace takt::sim
