#include "tests/sim/options.h"

#include <array>
#include <utility>

#include "tests/sim/random.h"

namespace takt::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::pair<Lie, std::string_view>, 11> lie_names{{
    {Lie::kNone, "none"},
    {Lie::kAckBeforeSync, "ack_before_sync"},
    {Lie::kFailedAppendReported, "failed_append_reported"},
    {Lie::kLostCommit, "lost_commit"},
    {Lie::kForgottenAcks, "forgotten_acks"},
    {Lie::kForgottenRetries, "forgotten_retries"},
    {Lie::kFrontFreedEarly, "front_freed_early"},
    {Lie::kForgottenCarry, "forgotten_carry"},
    {Lie::kSkippedBlock, "skipped_block"},
    {Lie::kRepeatedDelivery, "repeated_delivery"},
    {Lie::kSwallowedSessionEnd, "swallowed_session_end"},
}};

void draw_faults(Options& o, Random& random) {
  const auto sometimes = [&](std::uint32_t permille, Duration low, Duration high) {
    return random.permille(permille) ? random.duration(low, high) : Duration::zero();
  };
  o.crash_every = sometimes(700, seconds(1), seconds(20));
  o.crash_at_port_permille = random.permille(500) ? static_cast<std::uint32_t>(random.between(1, 30)) : 0;
  o.restart_max = random.duration(milliseconds(10), seconds(3));
  o.drain_every = sometimes(250, seconds(3), seconds(20));
  const Duration stall_every = sometimes(250, seconds(3), seconds(20));
  o.crash_each_boundary = random.permille(200) ? random.between(3, 60) : 0;
  o.clock_step_every = sometimes(400, milliseconds(200), seconds(10));
  // A calm run is one in which no producer is forgotten, so the clock stays within its expiry.
  const Duration years = std::chrono::hours(24 * 365 * 3);
  o.clock_step_max = random.pick<Duration>({milliseconds(50), seconds(20), std::chrono::hours(5), o.is_calm ? seconds(20) : years});
  o.append_failure_permille = random.permille(400) ? static_cast<std::uint32_t>(random.between(1, 40)) : 0;
  o.checkpoint_failure_permille = random.permille(300) ? static_cast<std::uint32_t>(random.between(10, 300)) : 0;
  o.read_failure_permille = random.permille(200) ? static_cast<std::uint32_t>(random.between(10, 200)) : 0;
  if (o.is_calm) return;
  o.stall_every = stall_every;   // a broker silent for a session timeout loses its clients' connections, and with them leases
  o.cut_every = sometimes(600, milliseconds(300), seconds(10));
  o.half_open_permille = random.permille(300) ? static_cast<std::uint32_t>(random.between(50, 800)) : 0;
  o.late_permille = random.permille(400) ? static_cast<std::uint32_t>(random.between(100, 900)) : 0;
  o.delay_every = sometimes(300, milliseconds(300), seconds(5));
  o.repeat_permille = random.permille(300) ? static_cast<std::uint32_t>(random.between(5, 100)) : 0;
  if (o.repeat_permille > 0) o.double_permille = random.pick({20u, 200u, 1000u});
  o.worker_death_every = sometimes(500, milliseconds(500), seconds(10));
  o.worker_freeze_every = sometimes(400, seconds(1), seconds(15));
  o.worker_leave_every = sometimes(300, milliseconds(500), seconds(10));
  o.producer_death_every = sometimes(400, milliseconds(500), seconds(10));
  o.producer_freeze_every = sometimes(300, seconds(1), seconds(10));
  o.takeover_every = sometimes(300, milliseconds(500), seconds(10));
  o.delete_every = sometimes(250, milliseconds(500), seconds(10));
}

std::string text(Duration duration) { return std::to_string(duration / std::chrono::milliseconds(1)) + "ms"; }

}  // namespace

std::string_view name_of(Lie lie) {
  for (const auto& [value, name] : lie_names)
    if (value == lie) return name;
  return "unknown";
}

std::optional<Lie> lie_of(std::string_view name) {
  for (const auto& [value, known] : lie_names)
    if (known == name) return value;
  return std::nullopt;
}

Options draw_options(std::uint64_t seed, Lie lie) {
  Random random(seed * 0x2545F4914F6CDD1Dull + 1);
  Options o;
  o.seed = seed;
  o.lie = lie;
  o.is_calm = random.permille(200);

  o.topics = static_cast<std::uint32_t>(random.between(1, 3));
  o.groups_per_topic = static_cast<std::uint32_t>(random.between(1, 3));
  o.lanes = static_cast<std::uint32_t>(random.between(1, 3));
  o.producers = static_cast<std::uint32_t>(random.between(1, 4));
  o.workers_per_group = static_cast<std::uint32_t>(random.between(1, 3));
  o.batch_messages_max = random.pick({1u, 3u, 20u, 100u});
  o.payload_bytes_max = random.pick({20u, 100u, 2000u});
  o.messages_max = random.between(200, 2500);
  o.owed_max = random.pick<std::uint64_t>({50, 300, 1500});
  o.publish_every = random.duration(milliseconds(5), milliseconds(400));
  o.send_timeout = random.pick<Duration>({seconds(2), seconds(30), seconds(120)});
  o.relaxed_permille = random.permille(300) ? 200 : 0;
  o.handle_time = random.duration(milliseconds(1), milliseconds(50));
  o.long_jobs_permille = random.permille(400) ? 20 : 0;
  o.long_job_time = random.duration(seconds(2), seconds(25));
  o.pull_permille = random.pick({0u, 500u, 1000u});
  o.credit_max = random.pick({1u, 10u, 100u, 2000u});
  o.concurrency_max = static_cast<std::uint32_t>(random.between(1, 8));
  o.complete_permille = random.permille(600) ? 200 : 0;
  if (!o.is_calm) {
    o.retry_permille = random.pick({0u, 50u, 300u});
    o.release_permille = random.pick({0u, 50u});
    o.dead_permille = random.pick({0u, 10u});
  }

  o.session_timeout = random.pick<Duration>({seconds(1), seconds(3), seconds(10)});
  o.recover_grace = o.is_calm ? seconds(12) : random.pick<Duration>({Duration::zero(), o.session_timeout, seconds(10)});
  o.held_after = random.pick<Duration>({milliseconds(100), seconds(1), seconds(10)});
  o.cache_bytes = random.pick<std::size_t>({1, 20'000, 64u << 20});
  o.checkpoint_bytes = random.pick<std::size_t>({2'000, 50'000, 128u << 20});
  o.checkpoint_interval = random.pick<Duration>({milliseconds(200), seconds(2), seconds(10)});
  o.front_bytes = random.pick<std::size_t>({2'000, 20'000, 256u << 20});
  // A small store needs a front that is carried before it is full, and follow-ups count as messages: they cannot make room.
  const bool may_fill = o.front_bytes <= 20'000 && o.complete_permille == 0;
  o.store_bytes_max = may_fill && random.permille(400) ? 200'000 : std::uint64_t{1} << 40;
  o.attempts_max = random.pick({1u, 3u, 8u, 1000u});
  o.retry.backoff = static_cast<proto::Backoff>(random.pick({1u, 2u, 3u}));
  o.retry.base_ms = random.pick({0u, 10u, 1000u});
  o.retry.cap_ms = static_cast<std::uint64_t>(failure_delay_max.count());
  if (o.retry.backoff == proto::Backoff::kList) o.retry.delays_ms = {0, 100, 2000};
  o.retry.jitter_percent = random.pick({0u, 20u, 100u});
  o.retry.give_up_ms = random.pick({0u, 0u, 3000u});
  o.retry.deaths_max = random.pick({0u, 1u, 2u, 3u, 1000u});
  if (o.is_calm) o.attempts_max = 1000, o.retry.give_up_ms = 0, o.retry.deaths_max = 0;
  o.inbox_bound = random.pick<std::size_t>({3, 100, 100'000});
  o.producer_idle_expiry = !o.is_calm && random.permille(200) ? random.duration(seconds(1), seconds(20)) : std::chrono::hours(7 * 24);

  const auto sometimes = [&](std::uint32_t permille, Duration low, Duration high) {
    return random.permille(permille) ? random.duration(low, high) : Duration::zero();
  };
  o.look_every = sometimes(500, milliseconds(100), seconds(3));
  o.settings_every = sometimes(400, milliseconds(300), seconds(10));
  o.late_group_every = sometimes(300, seconds(1), seconds(10));
  o.from_now_permille = random.pick({0u, 500u, 1000u});
  o.keep_ms = random.permille(400) ? random.between(10, 20'000) : 0;
  o.keep_bytes = random.permille(400) ? random.between(100, 50'000) : 0;
  o.topic_bytes_max = random.permille(300) ? random.between(5'000, 50'000) : 0;

  if (!o.is_calm) {   // a calm run promises that Resume gets everything back, which a bound may refuse
    if (random.permille(200)) o.in_flight_max = static_cast<std::uint32_t>(random.between(3, 50));
    if (random.permille(200)) o.in_flight_per_worker_max = static_cast<std::uint32_t>(random.between(1, 20));
  }

  o.latency_max = random.pick<Duration>({milliseconds(1), milliseconds(20), milliseconds(200)});
  o.sync_max = random.pick<Duration>({milliseconds(1), milliseconds(20), milliseconds(300)});
  o.read_max = random.pick<Duration>({milliseconds(1), milliseconds(50)});
  o.turn_max = random.pick<Duration>({std::chrono::microseconds(50), milliseconds(2)});
  o.scan_max = random.pick<Duration>({milliseconds(1), milliseconds(500), seconds(3)});
  draw_faults(o, random);
  o.turn_cost = random.pick<std::size_t>({1, 20'000, 1u << 20});
  o.scheduled_permille = random.pick({0u, 100u, 500u});
  o.schedule_max = random.pick<Duration>({milliseconds(20), seconds(3), seconds(20)});
  if (random.permille(80)) {   // much in one lane, so that acked runs reach over the edges of slabs
    o.topics = o.groups_per_topic = o.lanes = 1;
    o.batch_messages_max = 100;
    o.messages_max = 2500;
    o.owed_max = 1500;
    o.publish_every = o.handle_time = milliseconds(5);
    o.long_jobs_permille = o.scheduled_permille = 0;
    o.credit_max = 2000;
    o.topic_bytes_max = 0;
    o.store_bytes_max = std::uint64_t{1} << 40;
  }
  o.schedules_every = sometimes(400, milliseconds(300), seconds(5));
  if (o.schedules_every != Duration::zero()) o.outage_max = std::chrono::minutes(4);
  return o;
}

void Options::heal() {
  was_deleting = deletes();
  crash_every = drain_every = stall_every = cut_every = delay_every = worker_death_every = worker_freeze_every = worker_leave_every =
      producer_death_every = producer_freeze_every = takeover_every = clock_step_every = settings_every = delete_every = late_group_every =
          schedules_every = Duration::zero();
  crash_each_boundary = crash_at_boundary = 0;
  repeat_permille = double_permille = crash_at_port_permille = append_failure_permille = checkpoint_failure_permille =
      read_failure_permille = 0;
  retry_permille = release_permille = dead_permille = long_jobs_permille = scheduled_permille = 0;
  // What is left is worked off quickly: only faults are interesting when they meet work.
  handle_time = latency_max = sync_max = read_max = scan_max = milliseconds(1);
}

std::string Options::describe() const {
  std::string out;
  const auto add = [&](const char* name, const std::string& value) { out += (out.empty() ? "" : " ") + std::string(name) + "=" + value; };
  const auto number = [&](const char* name, std::uint64_t value) {
    if (value != 0) add(name, std::to_string(value));
  };
  const auto time = [&](const char* name, Duration value) {
    if (value != Duration::zero()) add(name, text(value));
  };
  if (lie != Lie::kNone) add("lie", std::string(name_of(lie)));
  if (is_calm) add("calm", "yes");
  number("topics", topics);
  number("groups", groups_per_topic);
  number("lanes", lanes);
  number("producers", producers);
  number("workers", workers_per_group);
  number("batch", batch_messages_max);
  number("credit", credit_max);
  number("owed", owed_max);
  time("publish", publish_every);
  time("handle", handle_time);
  number("scheduled", scheduled_permille);
  if (scheduled_permille > 0) time("schedule", schedule_max);
  if (in_flight_max < 1'000'000) number("in_flight", in_flight_max);
  if (in_flight_per_worker_max < 65'536) number("in_flight_per_worker", in_flight_per_worker_max);
  time("timeout", session_timeout);
  time("grace", recover_grace);
  time("held", held_after);
  number("cache", cache_bytes);
  number("front", front_bytes);
  if (store_bytes_max < std::uint64_t{1} << 40) number("store", store_bytes_max);
  time("latency", latency_max);
  time("sync", sync_max);
  time("crash", crash_every);
  number("port_crash", crash_at_port_permille);
  number("boundary_crash", crash_each_boundary);
  time("drain", drain_every);
  time("stall", stall_every);
  time("cut", cut_every);
  number("half_open", half_open_permille);
  number("late", late_permille);
  time("delay", delay_every);
  number("repeat", repeat_permille);
  number("double", double_permille);
  time("worker_death", worker_death_every);
  time("freeze", worker_freeze_every);
  time("leave", worker_leave_every);
  time("producer_death", producer_death_every);
  time("producer_freeze", producer_freeze_every);
  time("takeover", takeover_every);
  if (producer_idle_expiry < std::chrono::hours(1)) time("expiry", producer_idle_expiry);
  time("clock", clock_step_every);
  if (clock_step_every != Duration::zero()) time("clock_step", clock_step_max);
  time("look", look_every);
  time("settings", settings_every);
  time("schedules", schedules_every);
  if (outage_max != Duration::zero()) time("outage", outage_max);
  number("keep_ms", keep_ms);
  number("keep_bytes", keep_bytes);
  number("topic_bytes", topic_bytes_max);
  time("delete", delete_every);
  time("late_group", late_group_every);
  number("append_failure", append_failure_permille);
  number("checkpoint_failure", checkpoint_failure_permille);
  number("read_failure", read_failure_permille);
  return out;
}

}  // namespace takt::sim
