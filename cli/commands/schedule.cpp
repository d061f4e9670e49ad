// takt schedule, and of its commands preview: when a rule comes round, without a broker.

#include "cli/commands/commands.h"
#include "cli/commands/schedules.h"
#include "cli/schedule_values.h"
#include "cli/values.h"
#include "scheduler/recurrence.h"

namespace takt::cli {
namespace {

constexpr std::uint64_t occurrences_max = 1000;

struct Arguments {
  std::string cron;
  std::string zone = "UTC";
  std::string from;
  std::string number = "5";
};

Result<std::chrono::sys_seconds, Failure> parse_from(const Arguments& given) {
  if (given.from.empty()) return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto from = parse_instant("--from", given.from);
  if (!from) return failed(from.error());
  return std::chrono::floor<std::chrono::seconds>(*from);
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const auto number = parse_whole("-n", given.number, 1, occurrences_max);
  if (!number) return failed(number.error());
  const auto from = parse_from(given);
  if (!from) return failed(from.error());
  const auto parsed = scheduler::Recurrence::parse(given.cron, given.zone, *from);
  if (const auto* wrong = std::get_if<scheduler::CronError>(&parsed)) return failed(not_a_rule(given.cron, given.zone, *wrong));
  const auto& rule = std::get<scheduler::Recurrence>(parsed);
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  std::string text = rule.description() + "\n";
  for (const std::chrono::sys_seconds occurrence : rule.preview(*from, *number)) {
    document.push_back(instant_text(occurrence));
    text += instant_text(occurrence) + "  " + rule.local_text(occurrence) + "\n";
  }
  if (environment.console.format == Format::kJson)
    environment.console.write_document(document);
  else
    environment.console.write(text);
  return ExitCode::kOk;
}

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt schedule preview --cron '30 2 * * MON-FRI' --tz Europe/Berlin
takt schedule preview --cron '@every 90s' -n 3
takt schedule preview --cron '0 0 L * *' --tz Asia/Tokyo --from 2027-01-01T00:00:00Z -n 12 -o json)");
  command.add_option("--cron", given.cron, "The rule: a cron expression, or @every with a duration")->type_name("RULE")->required();
  command.add_option("--tz", given.zone, "The zone whose clocks it goes by, as in the IANA database")
      ->type_name("ZONE")
      ->capture_default_str();
  command.add_option("--from", given.from, "Occurrences behind this instant; now when left out")->type_name("RFC3339");
  command.add_option("-n,--number", given.number, "So many of them, at most 1,000")->type_name("N")->capture_default_str();
}

}  // namespace

void add_schedule(CLI::App& app, Action& action) {
  CLI::App* schedule = app.add_subcommand("schedule", "Recurring schedules");
  schedule->require_subcommand(0, 1);
  add_schedule_put(*schedule, action);
  add_schedule_admin(*schedule, action);
  add_command<Arguments>(*schedule, action, "preview", "Show when a rule comes round, without a broker", &declare, &run);
}

}  // namespace takt::cli
