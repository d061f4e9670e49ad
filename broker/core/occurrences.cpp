#include "broker/core/occurrences.h"

#include <algorithm>
#include <array>
#include <span>

#include "proto/limits.h"
#include "proto/section.h"

namespace takt::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

WallTime at(std::uint64_t ms) { return WallTime(milliseconds(ms)); }

Refusal bad_setting(const std::string& name, const std::string& why) {
  return {ErrorCode::kBadField, "put_schedule: field 'settings." + name + "': " + why};
}

}  // namespace

Occurrences::Occurrences(const std::string& schedule, const proto::ScheduleSettings& settings, scheduler::Recurrence rule)
    : rule_(std::move(rule)),
      seed_(proto::section_checksum(as_bytes(schedule))),
      settings_(settings) {}

Result<Occurrences, Refusal> Occurrences::parse(const std::string& schedule, const proto::ScheduleSettings& settings, WallTime anchor) {
  const auto from = settings.start_ms ? std::chrono::ceil<seconds>(at(*settings.start_ms)) : std::chrono::floor<seconds>(anchor);
  auto rule = scheduler::Recurrence::parse(settings.rule, settings.zone, from);
  if (const auto* error = std::get_if<scheduler::CronError>(&rule))
    return error->field == "zone" ? failed(bad_setting("zone", error->what)) : failed(bad_setting("rule", error->text()));
  return Occurrences(schedule, settings, std::get<scheduler::Recurrence>(std::move(rule)));
}

std::optional<NextOccurrence> Occurrences::next(WallTime after) const {
  sys_seconds behind = std::chrono::floor<seconds>(after);
  if (settings_.start_ms) behind = std::max(behind, std::chrono::ceil<seconds>(at(*settings_.start_ms)) - seconds(1));
  const auto planned = rule_.next(behind);
  if (!planned || *planned > at(settings_.end_ms.value_or(limits::due_ms_max))) return std::nullopt;
  return NextOccurrence{*planned, due(*planned)};
}

WallTime Occurrences::due(WallTime planned) const {
  if (settings_.jitter_ms == 0) return planned;
  const auto following = rule_.next(std::chrono::floor<seconds>(planned));
  const milliseconds gap = following ? *following - planned : milliseconds::max();
  const std::uint64_t width = std::min<std::uint64_t>(settings_.jitter_ms + 1, static_cast<std::uint64_t>(gap.count()));
  const std::array<std::uint64_t, 2> which{seed_, static_cast<std::uint64_t>(planned.time_since_epoch().count())};
  return planned + milliseconds(proto::section_checksum(std::as_bytes(std::span(which))) % width);
}

/// The last one that is due by `now`.
WallTime Occurrences::newest(WallTime first, WallTime now) const {
  const WallTime until = std::min(now, at(settings_.end_ms.value_or(limits::due_ms_max)));
  auto planned = rule_.prior(std::chrono::floor<seconds>(until) + seconds(1));
  if (planned && due(*planned) > now) planned = rule_.prior(*planned);
  return planned ? std::max<WallTime>(*planned, first) : first;
}

bool Occurrences::is_wanted(WallTime planned, WallTime now) const {
  const auto past = now - due(planned);
  return past <= on_time || (settings_.catch_up != proto::CatchUp::kSkip && past <= milliseconds(settings_.catch_up_window_ms));
}

/// The first one from `first` on that the schedule catches up.
std::optional<WallTime> Occurrences::first_wanted(WallTime first, WallTime now) const {
  WallTime wanted = newest(first, now);
  if (!is_wanted(wanted, now)) return std::nullopt;
  if (settings_.catch_up != proto::CatchUp::kAll) return wanted;
  for (std::uint32_t n = 1; n < settings_.catch_up_max && wanted > first; ++n) {
    const auto before = rule_.prior(std::chrono::floor<seconds>(wanted));
    if (!before || *before < first || !is_wanted(*before, now)) break;
    wanted = *before;
  }
  return wanted;
}

std::uint32_t Occurrences::count(WallTime first, WallTime until) const {
  std::uint32_t count = 1;
  for (auto at = rule_.next(std::chrono::floor<seconds>(first)); at && *at <= until && count < missed_max; at = rule_.next(*at)) ++count;
  return count;
}

Occurrences::Verdict Occurrences::judge(WallTime first, WallTime now) const {
  const auto wanted = first_wanted(first, now);
  if (wanted == first) return {first, due(first) + on_time >= now ? proto::Outcome::kOnTime : proto::Outcome::kLate};
  WallTime last = newest(first, now);
  if (wanted)
    last = std::max<WallTime>(first, rule_.prior(std::chrono::floor<seconds>(*wanted)).value_or(std::chrono::floor<seconds>(first)));
  return {last, proto::Outcome::kMissed, count(first, last)};
}

}  // namespace takt::core
