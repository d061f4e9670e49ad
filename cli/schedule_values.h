#pragma once
// What of a schedule is text on the command line.

#include <string>
#include <string_view>

#include <takt/schedule.h>

#include "cli/failure.h"
#include "proto/result.h"
#include "scheduler/cron.h"

namespace takt::cli {

/// `last`, `skip`, `all`, `all:20`.
Result<void, Failure> parse_catch_up(std::string_view option, std::string_view text, ScheduleSettings& settings);
std::string catch_up_text(const ScheduleSettings& settings);
/// `at-most-one`, `buffer-one`, `allow`, `replace`.
Result<Overlap, Failure> parse_overlap(std::string_view option, std::string_view text);
std::string_view overlap_text(Overlap overlap);
/// `on time`, `late`, `manual`, `waited`, `skipped: missed`, `skipped: the one before was not done`.
std::string_view outcome_text(PastOccurrence::Outcome outcome);
/// In UTC, with milliseconds where there are some: `2027-01-01T08:00:00Z`; none: `-`.
std::string instant_text(const std::optional<Instant>& instant);
/// What a rule or its zone is refused for, by the options' names.
Failure not_a_rule(std::string_view rule, std::string_view zone, const scheduler::CronError& why);

}  // namespace takt::cli
