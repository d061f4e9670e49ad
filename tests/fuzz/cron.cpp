// links: takt_scheduler takt_proto
// What people write for a schedule: taken or refused; what is taken finds its occurrences forth and back.

#include "proto/check.h"
#include "scheduler/recurrence.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace takt;
  fuzz::Input input(data, size);
  const std::chrono::sys_seconds start(std::chrono::hours(input.number()) * 24 + std::chrono::seconds(input.number()));
  const std::string zone(input.text(input.byte() % 32));
  const std::string_view rule = input.rest();

  static_cast<void>(scheduler::Recurrence::parse("0 0 * * *", zone, start));
  const auto parsed = scheduler::Recurrence::parse(rule, "Europe/Berlin", start);
  if (const auto* error = std::get_if<scheduler::CronError>(&parsed)) {
    check(!error->what.empty(), "a refusal says why");
    return 0;
  }
  const auto& recurrence = std::get<scheduler::Recurrence>(parsed);
  check(!recurrence.description().empty(), "whatever is taken can be told");
  std::chrono::sys_seconds at = start;
  for (int i = 0; i < 4; ++i) {
    const auto next = recurrence.next(at);
    if (!next) break;
    check(*next > at, "time goes on");
    check(recurrence.prior(*next + std::chrono::seconds(1)) == *next, "what comes forth is found back");
    at = *next;
  }
  return 0;
}
