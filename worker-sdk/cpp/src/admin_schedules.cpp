#include "proto/limits.h"
#include "worker-sdk/cpp/src/admin_body.h"
#include "worker-sdk/cpp/src/record_encoder.h"
#include "worker-sdk/cpp/src/stream.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;
using std::chrono::milliseconds;

Instant from_ms(std::uint64_t ms) { return Instant(std::chrono::sys_time<milliseconds>(milliseconds(ms))); }
std::optional<Instant> from_ms(const std::optional<std::uint64_t>& ms) { return ms ? std::optional(from_ms(*ms)) : std::nullopt; }

/// What the broker would refuse is told with the option's name; rule and zone it has to read itself.
Result<proto::ScheduleSettings> to_wire(const ScheduleSettings& settings) {
  const auto wrong = [](const char* option, const char* why) {
    return tl::make_unexpected(bad_option(std::string("ScheduleSettings.") + option, why));
  };
  const auto is_instant = [](const std::optional<Instant>& instant) {
    const auto ms = instant ? instant->time.time_since_epoch().count() : 1;
    return ms >= 1 && static_cast<std::uint64_t>(ms) <= limits::due_ms_max;
  };
  const auto ms_of = [](const std::optional<Instant>& instant) {
    return instant ? std::optional(static_cast<std::uint64_t>(instant->time.time_since_epoch().count())) : std::nullopt;
  };
  const auto is_span = [](milliseconds span, std::uint64_t most) {
    return span.count() >= 0 && static_cast<std::uint64_t>(span.count()) <= most;
  };
  if (settings.rule.empty()) return wrong("rule", "it is empty; write a cron expression such as '30 2 * * *', or '@every 90s'");
  if (settings.rule.size() > limits::schedule_rule_bytes_max) return wrong("rule", "it has more than 256 bytes");
  if (settings.zone.size() > limits::zone_bytes_max) return wrong("zone", "it has more than 64 bytes");
  if (!is_instant(settings.start)) return wrong("start", "it is not between the years 1970 and 9999");
  if (!is_instant(settings.end)) return wrong("end", "it is not between the years 1970 and 9999");
  if (settings.start && settings.end && settings.end->time < settings.start->time) return wrong("end", "it is before start");
  if (!is_span(settings.jitter, limits::jitter_ms_max)) return wrong("jitter", "it must be 0 to a day");
  if (settings.catch_up_max < 1 || settings.catch_up_max > limits::catch_up_max) return wrong("catch_up_max", "it must be 1 to 100");
  if (!is_span(settings.catch_up_window, limits::span_ms_max)) return wrong("catch_up_window", "it must be 0 to 100 years");
  if (!settings.overlap_group.empty()) {
    if (auto error = check_topic("ScheduleSettings.overlap_group", settings.overlap_group)) return tl::make_unexpected(std::move(*error));
  }
  return proto::ScheduleSettings{.rule = settings.rule,
                                 .zone = settings.zone,
                                 .start_ms = ms_of(settings.start),
                                 .end_ms = ms_of(settings.end),
                                 .jitter_ms = static_cast<std::uint64_t>(settings.jitter.count()),
                                 .catch_up = static_cast<proto::CatchUp>(settings.catch_up),
                                 .catch_up_max = settings.catch_up_max,
                                 .catch_up_window_ms = static_cast<std::uint64_t>(settings.catch_up_window.count()),
                                 .overlap = static_cast<proto::Overlap>(settings.overlap),
                                 .overlap_group = settings.overlap_group};
}

ScheduleSettings to_public(const proto::ScheduleSettings& wire) {
  ScheduleSettings settings;
  settings.rule = wire.rule;
  settings.zone = wire.zone;
  settings.start = from_ms(wire.start_ms);
  settings.end = from_ms(wire.end_ms);
  settings.jitter = milliseconds(wire.jitter_ms);
  settings.catch_up = static_cast<CatchUp>(wire.catch_up);
  settings.catch_up_max = wire.catch_up_max;
  settings.catch_up_window = milliseconds(wire.catch_up_window_ms);
  settings.overlap = static_cast<Overlap>(wire.overlap);
  settings.overlap_group = wire.overlap_group;
  return settings;
}

ScheduleInfo to_public(const proto::ScheduleEntry& entry) {
  ScheduleInfo info;
  info.name = entry.schedule;
  info.partition = entry.partition.value;
  info.topic = entry.topic;
  info.priority = entry.lane.value;
  info.settings = to_public(entry.settings);
  info.kind = entry.kind;
  info.payload_bytes = entry.payload_bytes;
  info.paused = entry.paused;
  info.next = from_ms(entry.next_ms);
  info.next_due = from_ms(entry.next_due_ms);
  info.waits = entry.waits;
  info.fired = entry.fired;
  info.skipped = entry.skipped;
  info.trouble = entry.trouble;
  return info;
}

PastOccurrence to_public(const proto::PastOccurrence& past, PartitionId partition) {
  PastOccurrence shown{
      from_ms(past.planned_ms), from_ms(past.decided_ms), static_cast<PastOccurrence::Outcome>(past.outcome), past.count, {}};
  if (past.message) shown.message = MessageId{partition.value, past.message->value};
  return shown;
}

}  // namespace

Result<PutScheduleResult> Admin::put_schedule_bytes(const std::string& schedule, const ScheduleSettings& settings, std::string_view kind,
                                                    std::span<const std::byte> payload, const SendOptions& message) {
  if (auto error = check_topic("schedule", schedule)) return tl::make_unexpected(std::move(*error));
  auto wire = to_wire(settings);
  if (!wire) return tl::make_unexpected(std::move(wire.error()));
  if (is_scheduled(message)) return tl::make_unexpected(bad_option("SendOptions", "the message of a schedule has neither delay nor at"));
  if (auto error = check_message(kind, payload.size(), message, limits::schedule_payload_bytes_max))
    return tl::make_unexpected(std::move(*error));
  RecordEncoder encoder;
  proto::SectionBuilder builder;
  const ByteView metadata = encoder.encode(kind, message);
  if (auto error = check_metadata(metadata.size())) return tl::make_unexpected(std::move(*error));
  builder.add(metadata, payload);
  proto::Sections sections = builder.take();
  proto::PutSchedule put{schedule,
                         message.topic,
                         Lane(message.priority),
                         std::move(*wire),
                         proto::section_checksum(sections.metadata),
                         proto::section_checksum(sections.payload)};
  auto answer = body_->ask(std::move(put), std::move(sections));
  auto reply = expect<proto::ScheduleDone>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return PutScheduleResult{static_cast<PutScheduleResult::Outcome>(reply->outcome), from_ms(reply->next_ms)};
}

Result<void> Admin::delete_schedule(const std::string& schedule) {
  if (auto error = check_topic("schedule", schedule)) return tl::make_unexpected(std::move(*error));
  auto answer = body_->ask(proto::DeleteSchedule{schedule});
  auto reply = expect<proto::ScheduleDeleted>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return {};
}

Result<std::vector<ScheduleInfo>> Admin::schedules() {
  std::vector<ScheduleInfo> schedules;
  for (;;) {
    auto answer = body_->ask(proto::ListSchedules{schedules.empty() ? "" : schedules.back().name});
    auto reply = expect<proto::Schedules>(answer);
    if (!reply) return tl::make_unexpected(std::move(reply.error()));
    if (reply->schedules.empty()) return schedules;
    for (const proto::ScheduleEntry& entry : reply->schedules) schedules.push_back(to_public(entry));
  }
}

Result<ScheduleDetails> Admin::schedule(const std::string& schedule, std::uint32_t upcoming_max) {
  if (auto error = check_topic("schedule", schedule)) return tl::make_unexpected(std::move(*error));
  if (upcoming_max > limits::upcoming_max) return tl::make_unexpected(bad_option("upcoming_max", "it must be 0 to 1,000"));
  auto answer = body_->ask(proto::ShowSchedule{schedule, upcoming_max});
  auto reply = expect<proto::ScheduleShown>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  ScheduleDetails details{to_public(reply->entry), {}, {}};
  for (const std::uint64_t ms : reply->upcoming) details.upcoming.push_back(from_ms(ms));
  for (const proto::PastOccurrence& past : reply->history) details.history.push_back(to_public(past, reply->entry.partition));
  return details;
}

Result<bool> Admin::pause_schedule(const std::string& schedule) { return set_paused(schedule, true); }
Result<bool> Admin::resume_schedule(const std::string& schedule) { return set_paused(schedule, false); }

Result<bool> Admin::set_paused(const std::string& schedule, bool paused) {
  if (auto error = check_topic("schedule", schedule)) return tl::make_unexpected(std::move(*error));
  auto answer = body_->ask(proto::PauseSchedule{schedule, paused});
  auto reply = expect<proto::SchedulePaused>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return reply->changed;
}

Result<PastOccurrence> Admin::trigger_schedule(const std::string& schedule) {
  if (auto error = check_topic("schedule", schedule)) return tl::make_unexpected(std::move(*error));
  auto answer = body_->ask(proto::TriggerSchedule{schedule});
  auto reply = expect<proto::ScheduleTriggered>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return to_public(reply->occurrence, reply->partition);
}

}  // namespace takt
