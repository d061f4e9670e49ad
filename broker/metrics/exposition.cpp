#include "broker/metrics/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "broker/metrics/process.h"

namespace takt::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::array<const char*, proto::outcome_count> outcomes{"on_time", "late", "manual", "buffered", "missed", "overlap", "waits"};

double seconds(std::chrono::duration<double> duration) { return duration.count(); }

/// One family under construction.
class Family {
 public:
  Family(std::string name, std::string help, MetricType type) {
    family_.name = std::move(name);
    family_.help = std::move(help);
    family_.type = type;
  }
  Family& add(std::uint64_t value, Labels labels = {}) { return add(static_cast<double>(value), std::move(labels)); }
  Family& add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  Family& add(const Histogram& histogram) {
    ClientMetric metric;
    metric.histogram.sample_count = histogram.count();
    metric.histogram.sample_sum = histogram.sum();
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
      cumulative += histogram.counts()[i];
      const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative, bound});
    }
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  Family& add(const core::Lateness& lateness) {
    ClientMetric metric;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < lateness.counts.size(); ++i) {
      cumulative += lateness.counts[i];
      const double bound = i < lateness.bounds.size() ? seconds(lateness.bounds[i]) : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative, bound});
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = lateness.sum_seconds;
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  MetricFamily take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

Family counter(std::string name, std::string help) { return {std::move(name), std::move(help), MetricType::Counter}; }
Family gauge(std::string name, std::string help) { return {std::move(name), std::move(help), MetricType::Gauge}; }
Family histogram(std::string name, std::string help) { return {std::move(name), std::move(help), MetricType::Histogram}; }

void add_to(core::TopicStats& sum, const core::TopicStats& topic) {
  sum.messages += topic.messages;
  sum.bytes += topic.bytes;
  sum.enqueued += topic.enqueued;
  sum.enqueued_bytes += topic.enqueued_bytes;
  sum.deduplicated += topic.deduplicated;
  sum.scheduled += topic.scheduled;
  sum.fired += topic.fired;
  sum.cancelled += topic.cancelled;
  sum.rescheduled += topic.rescheduled;
}

void add_to(core::GroupStats& sum, const core::GroupStats& group) {
  sum.ready += group.ready;
  sum.leased += group.leased;
  sum.retrying += group.retrying;
  sum.held += group.held;
  sum.unreadable += group.unreadable;
  sum.dead += group.dead;
  sum.workers += group.workers;
  sum.alone = std::max(sum.alone, group.alone);
  sum.delivered += group.delivered;
  sum.acked += group.acked;
  sum.retried += group.retried;
  sum.redriven += group.redriven;
  sum.purged += group.purged;
  for (std::size_t reason = 0; reason < proto::dead_reason_count; ++reason) sum.dead_lettered[reason] += group.dead_lettered[reason];
  sum.stale += group.stale;
  sum.redelivered_lost += group.redelivered_lost;
  sum.redelivered_retry += group.redelivered_retry;
  sum.redelivered_released += group.redelivered_released;
}

/// The first `topics_max` topics, the rest as one.
std::vector<core::TopicStats> limit_topics(const std::vector<core::TopicStats>& topics, std::size_t topics_max) {
  if (topics.size() <= topics_max) return topics;
  std::vector<core::TopicStats> kept(topics.begin(), topics.begin() + static_cast<std::ptrdiff_t>(topics_max));
  core::TopicStats other;
  other.topic = "_other";
  core::GroupStats group;
  group.group = "_other";
  for (std::size_t i = topics_max; i < topics.size(); ++i) {
    add_to(other, topics[i]);
    for (const core::GroupStats& one : topics[i].groups) add_to(group, one);
  }
  other.groups.push_back(std::move(group));
  kept.push_back(std::move(other));
  return kept;
}

/// The first `groups_max` groups in the order of their topics, the rest as one per topic. Returns how many were summed.
std::size_t limit_groups(std::vector<core::TopicStats>& topics, std::size_t groups_max) {
  std::size_t summed = 0;
  for (core::TopicStats& topic : topics) {
    const std::size_t kept = std::min(topic.groups.size(), groups_max);
    groups_max -= kept;
    if (topic.groups.size() <= kept + 1) continue;   // a sum of one saves nothing
    core::GroupStats other;
    other.group = "_other";
    for (std::size_t i = kept; i < topic.groups.size(); ++i) add_to(other, topic.groups[i]);
    summed += topic.groups.size() - kept;
    topic.groups.resize(kept);
    topic.groups.push_back(std::move(other));
  }
  return summed;
}

void topic_families(std::vector<MetricFamily>& out, const std::vector<core::TopicStats>& topics) {
  auto enqueued = counter("takt_messages_enqueued_total", "Messages stored.");
  auto deduplicated = counter("takt_messages_deduplicated_total", "Messages of repeated batches that were answered and not stored again.");
  auto enqueued_bytes = counter("takt_enqueued_bytes_total", "Bytes of the messages stored, metadata and payload.");
  auto messages = gauge("takt_topic_messages", "Messages retained.");
  auto bytes = gauge("takt_topic_stored_bytes", "Bytes of the messages retained, estimated.");
  auto scheduled = gauge("takt_topic_scheduled_messages", "Messages that wait for their due.");
  auto fired = counter("takt_messages_fired_total", "Scheduled messages that came due.");
  auto cancelled = counter("takt_messages_cancelled_total", "Messages that people cancelled.");
  auto rescheduled = counter("takt_messages_rescheduled_total", "Messages that people rescheduled, or ran now.");
  auto delivered = counter("takt_messages_delivered_total", "Hand-outs of messages to workers.");
  auto acked = counter("takt_messages_acked_total", "Messages that a group is done with.");
  auto retried = counter("takt_messages_retried_total", "Failed attempts that will be repeated.");
  auto dead = counter("takt_messages_dead_lettered_total", "Messages given up.");
  auto redriven = counter("takt_messages_redriven_total", "Dead messages owed again.");
  auto purged = counter("takt_messages_purged_total", "Dead messages thrown away.");
  auto stale = counter("takt_messages_stale_acks_total", "Acks refused because the lease was lost.");
  auto redelivered = counter("takt_messages_redelivered_total", "Messages handed out again, by cause.");
  auto states = gauge("takt_group_messages", "Messages that a group owes, by state.");
  auto workers = gauge("takt_group_workers", "Workers subscribed to a group.");
  auto alone = gauge("takt_group_alone_seconds", "How long a group has had no worker, since the start at most.");
  for (const core::TopicStats& topic : topics) {
    const Labels of_topic{{"topic", topic.topic}};
    enqueued.add(topic.enqueued, of_topic);
    deduplicated.add(topic.deduplicated, of_topic);
    enqueued_bytes.add(topic.enqueued_bytes, of_topic);
    messages.add(topic.messages, of_topic);
    bytes.add(topic.bytes, of_topic);
    scheduled.add(topic.scheduled, of_topic);
    fired.add(topic.fired, of_topic);
    cancelled.add(topic.cancelled, of_topic);
    rescheduled.add(topic.rescheduled, of_topic);
    for (const core::GroupStats& group : topic.groups) {
      const Labels of_group{{"topic", topic.topic}, {"group", group.group}};
      const auto with = [&](const char* name, std::string_view value) {
        Labels labels = of_group;
        labels.push_back({name, std::string(value)});
        return labels;
      };
      delivered.add(group.delivered, of_group);
      acked.add(group.acked, of_group);
      retried.add(group.retried, of_group);
      for (std::size_t reason = 0; reason < proto::dead_reason_count; ++reason)
        dead.add(group.dead_lettered[reason], with("reason", name_of(static_cast<proto::DeadReason>(reason + 1))));
      redriven.add(group.redriven, of_group);
      purged.add(group.purged, of_group);
      stale.add(group.stale, of_group);
      redelivered.add(group.redelivered_lost, with("cause", "lost"));
      redelivered.add(group.redelivered_retry, with("cause", "retry"));
      redelivered.add(group.redelivered_released, with("cause", "released"));
      states.add(group.ready, with("state", "ready"));
      states.add(group.leased, with("state", "leased"));
      states.add(group.retrying, with("state", "retry"));
      states.add(group.held, with("state", "held"));
      states.add(group.unreadable, with("state", "unreadable"));
      states.add(group.dead, with("state", "dead"));
      workers.add(std::uint64_t{group.workers}, of_group);
      alone.add(seconds(group.alone), of_group);
    }
  }
  for (Family* family : {&enqueued, &deduplicated, &enqueued_bytes, &messages, &bytes, &scheduled, &fired, &cancelled, &rescheduled,
                         &delivered, &acked, &retried, &dead, &stale, &redelivered, &states, &workers, &alone})
    out.push_back(family->take());
}

void partition_families(std::vector<MetricFamily>& out, const core::PartitionStats& stats) {
  out.push_back(
      gauge("takt_log_end_position", "Where the partition's log ends, with what is not durable yet.").add(stats.end.value).take());
  out.push_back(gauge("takt_log_committed_position", "Up to where the partition's log is durable.").add(stats.committed.value).take());
  out.push_back(gauge("takt_node_epoch", "The leader's term: raised at every start.").add(std::uint64_t{stats.epoch.value}).take());
  out.push_back(counter("takt_store_commits_total", "Group commits sealed.").add(stats.commits).take());
  out.push_back(gauge("takt_sessions", "Sessions open.").add(stats.sessions).take());
  out.push_back(gauge("takt_subscriptions", "Subscriptions open.").add(stats.subscriptions).take());
  out.push_back(gauge("takt_producers", "Producers remembered.").add(stats.producers).take());
  out.push_back(gauge("takt_leased_messages", "Messages leased to workers.").add(stats.leased).take());
  out.push_back(counter("takt_lease_bound_waits_total", "Times a subscription with credit waited for leases to end: a bound was reached.")
                    .add(stats.times_at_lease_bound)
                    .take());
  out.push_back(gauge("takt_messages_unreadable", "Messages whose stored bytes are damaged, passed over since the start.")
                    .add(stats.unreadable)
                    .take());
  out.push_back(gauge("takt_timers_pending", "Timers that wait for their due.").add(stats.wheel.pending).take());
  out.push_back(gauge("takt_timers_memory_bytes", "Memory of the timer wheel.").add(std::uint64_t{stats.wheel.bytes}).take());
  out.push_back(gauge("takt_timers_overdue_seconds", "How long the oldest timer that has not fired has been due.")
                    .add(seconds(stats.wheel.overdue))
                    .take());
  out.push_back(gauge("takt_timers_late", "1 while due timers are still being read from the disk.")
                    .add(std::uint64_t{stats.wheel.waits_for_storage})
                    .take());
  out.push_back(histogram("takt_schedule_lateness_seconds", "From a scheduled message's due to when it could be delivered.")
                    .add(stats.wheel.lateness)
                    .take());
  out.push_back(gauge("takt_schedules", "Recurring schedules.").add(stats.schedules.schedules).take());
  out.push_back(
      gauge("takt_schedules_due", "Schedules that are due and wait for their turn, or for room.").add(stats.schedules.due).take());
  auto occurrences = counter("takt_schedule_occurrences_total", "Occurrences of schedules, by what became of them.");
  for (std::size_t outcome = 0; outcome < proto::outcome_count; ++outcome)
    occurrences.add(stats.schedules.occurrences[outcome], {{"outcome", outcomes[outcome]}});
  out.push_back(occurrences.take());
  out.push_back(gauge("takt_cache_bytes", "Memory of the tail cache.").add(stats.cache_bytes).take());
}

void store_families(std::vector<MetricFamily>& out, const StoreStats& store) {
  out.push_back(gauge("takt_store_used_bytes", "Bytes of disk that log and tables take.").add(store.log_bytes + store.tables_bytes).take());
  out.push_back(gauge("takt_store_limit_bytes", "Bytes that log and tables may reach; enqueues are refused at 90 percent.")
                    .add(store.limit_bytes)
                    .take());
  if (store.disk_free_bytes)
    out.push_back(gauge("takt_store_disk_free_bytes", "Room on the data folder's disk.").add(*store.disk_free_bytes).take());
  out.push_back(gauge("takt_store_full", "1 while enqueues are refused for want of room.").add(std::uint64_t{store.is_full}).take());
  out.push_back(counter("takt_store_checkpoints_total", "Checkpoints written.").add(store.checkpoints).take());
  out.push_back(
      counter("takt_store_carried_messages_total", "Messages carried out of the log's front.").add(store.carried_messages).take());
  out.push_back(counter("takt_store_reloads_total", "Reloads from disk after a failed write.").add(store.reloads).take());
  out.push_back(counter("takt_store_errors_total", "Store operations that failed, by kind.")
                    .add(store.errors_full, {{"kind", "full"}})
                    .add(store.errors_io, {{"kind", "io"}})
                    .add(store.errors_corrupt, {{"kind", "corrupt"}})
                    .take());
  out.push_back(histogram("takt_store_commit_seconds", "Time of one append with its sync.").add(store.commit_seconds).take());
  out.push_back(histogram("takt_store_commit_size_bytes", "Bytes of one append.").add(store.commit_bytes).take());
}

void clock_families(std::vector<MetricFamily>& out, const ClockStats& clock) {
  using State = core::PartitionClock::State;
  const auto is = [&](State state) { return std::uint64_t{clock.state == state}; };
  out.push_back(gauge("takt_clock_state", "1 for what the partition's time does: follows the wall clock, slews, runs on, or holds.")
                    .add(is(State::kFollows), {{"state", "follows"}})
                    .add(is(State::kSlews), {{"state", "slews"}})
                    .add(is(State::kRunsOn), {{"state", "runs_on"}})
                    .add(is(State::kHolds), {{"state", "holds"}})
                    .take());
  out.push_back(
      gauge("takt_clock_ahead_seconds", "How far the wall clock is ahead of the partition's time.").add(seconds(clock.ahead)).take());
  out.push_back(counter("takt_clock_steps_total", "Steps of the wall clock that were followed at once.").add(clock.steps).take());
}

void gateway_families(std::vector<MetricFamily>& out, const transport::DeskStats& gateway) {
  out.push_back(gauge("takt_connections", "Connections open.").add(gateway.connections).take());
  out.push_back(counter("takt_connections_opened_total", "Connections that have spoken.").add(gateway.connections_opened).take());
  out.push_back(
      counter("takt_connections_refused_total", "Connections closed because there are too many.").add(gateway.connections_refused).take());
  out.push_back(counter("takt_connections_unheard_total", "Connections that ended before a message: handshakes failed or not finished.")
                    .add(gateway.connections_unheard)
                    .take());
  out.push_back(counter("takt_routing_ids_ignored_total", "Routing ids that clients announced, and did not get.")
                    .add(gateway.routing_ids_ignored)
                    .take());
  out.push_back(counter("takt_newcomers_held_total", "Times new connections waited for what ended ones had sent to be read.")
                    .add(gateway.newcomers_held)
                    .take());
  out.push_back(counter("takt_sessions_opened_total", "Sessions opened.").add(gateway.sessions_opened).take());
  out.push_back(
      counter("takt_sessions_timed_out_total", "Sessions ended because nothing was heard.").add(gateway.sessions_timed_out).take());
  out.push_back(counter("takt_sessions_taken_over_total", "Sessions ended because their client came back on another connection.")
                    .add(gateway.sessions_taken_over)
                    .take());
  out.push_back(
      counter("takt_slow_peers_dropped_total", "Clients dropped because too much waited for them.").add(gateway.slow_peers_dropped).take());
  out.push_back(counter("takt_endless_messages_total", "Connections closed because a message on them did not end.")
                    .add(gateway.endless_messages)
                    .take());
  out.push_back(
      counter("takt_strangers_dropped_total", "Connections closed because they said no hello.").add(gateway.strangers_dropped).take());
  out.push_back(
      counter("takt_replies_dropped_total", "Replies to sessions or connections that had ended.").add(gateway.replies_dropped).take());
  out.push_back(gauge("takt_replies_owed", "Requests that wait for their reply.").add(gateway.replies_reserved).take());
  out.push_back(
      gauge("takt_publish_in_flight_bytes", "Bytes of messages received and not stored yet.").add(gateway.publish_bytes_in_flight).take());
  out.push_back(gauge("takt_outbound_bytes", "Bytes that wait for clients' connections.").add(gateway.outbound_bytes).take());
  out.push_back(counter("takt_network_received_bytes_total", "Bytes of frames received.").add(gateway.received_bytes).take());
  out.push_back(counter("takt_network_sent_bytes_total", "Bytes of frames sent.").add(gateway.sent_bytes).take());
  out.push_back(counter("takt_network_received_messages_total", "Protocol messages received.").add(gateway.received_messages).take());
  out.push_back(counter("takt_network_sent_messages_total", "Protocol messages sent.").add(gateway.sent_messages).take());
}

void refusal_family(std::vector<MetricFamily>& out, const Snapshot& snapshot) {
  std::map<ErrorCode, std::uint64_t> refusals = snapshot.gateway.refusals;
  for (const core::RefusalCount& refusal : snapshot.partition.refusals) refusals[refusal.code] += refusal.count;
  auto family = counter("takt_requests_refused_total", "Requests refused, by error code.");
  for (const auto& [code, count] : refusals) {
    const auto entry = find_error(code);
    family.add(count, {{"code", entry ? std::string(entry->name) : std::string("unknown")}});
  }
  if (!refusals.empty()) out.push_back(family.take());
}

void process_families(std::vector<MetricFamily>& out) {
  const ProcessStats process = read_process_stats();
  out.push_back(counter("process_cpu_seconds_total", "Processor time used.").add(process.cpu_seconds).take());
  out.push_back(gauge("process_resident_memory_bytes", "Memory in use.").add(process.resident_bytes).take());
  out.push_back(gauge("process_open_fds", "Descriptors open.").add(process.open_descriptors).take());
}

}  // namespace

std::string Exposition::render(const Snapshot& snapshot) {
  std::vector<MetricFamily> families;
  families.push_back(
      gauge("takt_build_info", "1, with the version as a label.").add(std::uint64_t{1}, {{"version", snapshot.version}}).take());
  auto topics = limit_topics(snapshot.partition.topics, topics_max_);
  if (snapshot.partition.topics.size() > topics_max_) series_dropped_ += snapshot.partition.topics.size() - topics_max_;
  series_dropped_ += limit_groups(topics, groups_max_);
  if (!topics.empty()) topic_families(families, topics);
  partition_families(families, snapshot.partition);
  store_families(families, snapshot.store);
  clock_families(families, snapshot.clock);
  gateway_families(families, snapshot.gateway);
  families.push_back(counter("takt_http_connections_refused_total", "HTTP connections closed because a bound was reached.")
                         .add(snapshot.http_connections_refused)
                         .take());
  refusal_family(families, snapshot);
  families.push_back(counter("takt_metrics_series_dropped_total", "Topics and groups summed as _other, counted at every scrape.")
                         .add(series_dropped_.load())
                         .take());
  process_families(families);
  std::erase_if(families, [](const MetricFamily& family) { return family.metric.empty(); });
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace takt::metrics
