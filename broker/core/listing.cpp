// What people see: listings and statistics.

#include "broker/core/partition_body.h"

namespace takt::core {
namespace {

constexpr std::size_t listed_max = 2000;   // keeps a listing under the envelope's bound; the rest is in the metrics

}  // namespace

void Partition::Body::decide(Session&, ClientRequest& request, proto::ListTopics&, Now) {
  proto::Topics list;
  for (const auto& [id, topic] : journal_.state().topics()) {
    if (list.topics.size() == listed_max) break;
    proto::TopicEntry entry{
        settings_.partition, topic.name, topic.settings, topic.retained_messages(), 0, 0, static_cast<std::uint32_t>(topic.groups.size())};
    entry.bytes = entry.messages * topic.mean_bytes();
    topic.lanes.each([&](Lane, const TopicLane& lane) { entry.enqueued += lane.enqueued(); });
    list.topics.push_back(std::move(entry));
  }
  answer(request, std::move(list));
}

proto::GroupEntry Partition::Body::group_entry(const Topic& topic, const Group& group) const {
  proto::GroupEntry entry;
  entry.partition = settings_.partition;
  entry.topic = topic.name;
  entry.group = group.name;
  entry.settings = group.settings;
  entry.done = group.done;
  const GroupWork* work = dispatcher_.find_work(topic.id, group.id);
  std::uint64_t open = 0;
  group.lanes.each([&](Lane lane, const GroupLane& owed) {
    const TopicLane* here = topic.lanes.find(lane);
    if (here == nullptr) return;
    open += here->next.value - owed.done.floor().value - owed.done.count_above_floor() + owed.redriven.size();
    entry.dead += owed.dead.size() - owed.redriven.size();
    entry.held += dispatcher_.unreadable().owed(topic.id, lane, owed);
    const LaneWork* term = work == nullptr ? nullptr : work->lanes.find(lane);
    if (term == nullptr || term->grace_over) return;
    // Until the grace ends, what may be out with a worker of the last term is neither ready nor leased.
    const std::uint64_t waiting = owed.owed_within(Offset(0), term->uncertain_end);
    const std::uint64_t back = term->leased + term->parked.size() + term->free + term->suspects.size();
    entry.held += waiting > back ? waiting - back : 0;
  });
  if (work != nullptr) {
    entry.leased = work->leased();
    entry.retrying = work->parked();
    entry.workers = work->subscriptions;
  }
  const std::uint64_t busy = entry.leased + entry.retrying + entry.held;
  entry.ready = open > busy ? open - busy : 0;
  return entry;
}

void Partition::Body::decide(Session&, ClientRequest& request, proto::ListGroups& list, Now) {
  proto::Groups groups;
  const auto add = [&](const Topic& topic) {
    for (const auto& [id, group] : topic.groups) {
      if (groups.groups.size() == listed_max) return;
      groups.groups.push_back(group_entry(topic, group));
    }
  };
  if (!list.topic.empty()) {
    const Topic* topic = journal_.state().find_topic(list.topic);
    if (topic == nullptr) return refuse(request, unknown_topic(list.topic));
    add(*topic);
  } else {
    for (const auto& [id, topic] : journal_.state().topics()) {
      if (groups.groups.size() == listed_max) break;
      add(topic);
    }
  }
  answer(request, std::move(groups));
}

PartitionStats Partition::Body::stats() const {
  PartitionStats stats;
  stats.partition = settings_.partition;
  stats.end = end();
  stats.committed = committed_end();
  stats.epoch = journal_.state().epoch();
  stats.commits = commits_;
  stats.sessions = dispatcher_.session_count();
  stats.subscriptions = dispatcher_.subscription_count();
  stats.producers = journal_.state().producers().size();
  stats.leased = dispatcher_.leased();
  stats.times_at_lease_bound = dispatcher_.times_at_bound();
  stats.cache_bytes = cache_.bytes();
  stats.unreadable = dispatcher_.unreadable().count();
  const scheduler::TimerWheel& wheel = journal_.state().wheel();
  stats.wheel = {.pending = wheel.armed(),
                 .bytes = wheel.bytes(),
                 .overdue = {},
                 .waits_for_storage = wheel.is_late(partition_time(now_)),
                 .lateness = lateness_};
  if (const auto first = wheel.first_due()) stats.wheel.overdue = std::max<std::chrono::milliseconds>(partition_time(now_) - *first, {});
  stats.schedules = {journal_.state().schedules().all().size(), schedule_turns_.size(), occurrences_};
  for (const auto& [code, count] : refusals_) stats.refusals.push_back({code, count});
  for (const auto& [id, topic] : journal_.state().topics()) {
    TopicStats t;
    t.topic = topic.name;
    t.messages = topic.retained_messages();
    t.bytes = t.messages * topic.mean_bytes();
    if (const auto counted = counters_.find(id); counted != counters_.end()) {
      t.enqueued = counted->second.enqueued;
      t.enqueued_bytes = counted->second.enqueued_bytes;
      t.deduplicated = counted->second.deduplicated;
      t.fired = counted->second.fired;
      t.cancelled = counted->second.cancelled;
      t.rescheduled = counted->second.rescheduled;
    }
    topic.lanes.each([&](Lane, const TopicLane& lane) { t.scheduled += lane.scheduled; });
    for (const auto& [group_id, group] : topic.groups) {
      const proto::GroupEntry entry = group_entry(topic, group);
      std::uint64_t unreadable = 0;
      group.lanes.each([&](Lane lane, const GroupLane& owed) { unreadable += dispatcher_.unreadable().owed(id, lane, owed); });
      GroupStats g{.group = entry.group,
                   .ready = entry.ready,
                   .leased = entry.leased,
                   .retrying = entry.retrying,
                   .held = entry.held - unreadable,
                   .unreadable = unreadable,
                   .dead = entry.dead,
                   .workers = entry.workers,
                   .alone = dispatcher_.alone_for(id, group_id, now_.mono)};
      if (const GroupWork* work = dispatcher_.find_work(id, group_id)) {
        const GroupCounters& c = work->counters;
        g.delivered = c.delivered;
        g.acked = c.acked;
        g.retried = c.retried;
        g.redriven = c.redriven;
        g.purged = c.purged;
        g.dead_lettered = c.dead_lettered;
        g.stale = c.stale;
        g.redelivered_lost = c.returned_lost;
        g.redelivered_retry = c.returned_retry;
        g.redelivered_released = c.returned_released;
      }
      t.groups.push_back(std::move(g));
    }
    stats.topics.push_back(std::move(t));
  }
  return stats;
}

}  // namespace takt::core
