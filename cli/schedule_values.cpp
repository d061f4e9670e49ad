#include "cli/schedule_values.h"

#include <array>
#include <utility>

#include <date/date.h>

#include "cli/values.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

constexpr std::array<std::pair<std::string_view, Overlap>, 4> overlaps{{{"at-most-one", Overlap::kAtMostOne},
                                                                        {"buffer-one", Overlap::kBufferOne},
                                                                        {"allow", Overlap::kAllow},
                                                                        {"replace", Overlap::kReplace}}};

}  // namespace

Result<void, Failure> parse_catch_up(std::string_view option, std::string_view text, ScheduleSettings& settings) {
  constexpr std::string_view all = "all:";
  if (text == "last") {
    settings.catch_up = CatchUp::kLast;
  } else if (text == "skip") {
    settings.catch_up = CatchUp::kSkip;
  } else if (text == "all") {
    settings.catch_up = CatchUp::kAll;
  } else if (text.starts_with(all)) {
    const auto most = parse_whole(option, text.substr(all.size()), 1, limits::catch_up_max);
    if (!most)
      return failed(usage_failure(std::string(option) + " cannot be '" + std::string(text) + "'",
                                  "give all:1 to all:" + std::to_string(limits::catch_up_max)));
    settings.catch_up = CatchUp::kAll;
    settings.catch_up_max = static_cast<std::uint32_t>(*most);
  } else {
    return failed(usage_failure(std::string(option) + " cannot be '" + std::string(text) + "'", "give one of: last, skip, all, all:20"));
  }
  return {};
}

std::string catch_up_text(const ScheduleSettings& settings) {
  switch (settings.catch_up) {
    case CatchUp::kLast: return "last";
    case CatchUp::kSkip: return "skip";
    case CatchUp::kAll: return "all:" + std::to_string(settings.catch_up_max);
  }
  return "?";   // of a newer broker
}

Result<Overlap, Failure> parse_overlap(std::string_view option, std::string_view text) {
  for (const auto& [name, overlap] : overlaps)
    if (name == text) return overlap;
  return failed(usage_failure(std::string(option) + " cannot be '" + std::string(text) + "'",
                              "give one of: at-most-one, buffer-one, allow, replace"));
}

std::string_view overlap_text(Overlap overlap) {
  for (const auto& [name, known] : overlaps)
    if (known == overlap) return name;
  return "?";   // of a newer broker
}

std::string_view outcome_text(PastOccurrence::Outcome outcome) {
  switch (outcome) {
    case PastOccurrence::Outcome::kOnTime: return "on time";
    case PastOccurrence::Outcome::kLate: return "late";
    case PastOccurrence::Outcome::kManual: return "manual";
    case PastOccurrence::Outcome::kBuffered: return "had waited";
    case PastOccurrence::Outcome::kMissed: return "skipped: missed";
    case PastOccurrence::Outcome::kOverlap: return "skipped: overlap";
  }
  return "?";   // of a newer broker
}

std::string instant_text(const std::optional<Instant>& instant) {
  if (!instant) return "-";
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant->time);
  return instant->time == seconds ? instant_text(seconds) : date::format("%FT%TZ", instant->time);
}

Failure not_a_rule(std::string_view rule, std::string_view zone, const scheduler::CronError& why) {
  if (why.field == "zone")
    return usage_failure("--tz cannot be '" + std::string(zone) + "': " + why.what, "see docs/scheduling.md for the zones");
  return usage_failure("--cron cannot be '" + std::string(rule) + "': " + why.text(), "see docs/scheduling.md for what a rule may say");
}

}  // namespace takt::cli
