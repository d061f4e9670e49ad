// For each line `SECONDS EXPRESSION` of its input the three occurrences behind that instant, in seconds since 1970, UTC.

#include <cstdio>
#include <iostream>
#include <string>

#include "scheduler/recurrence.h"

int main() {
  using namespace takt::scheduler;
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t space = line.find(' ');
    const std::chrono::sys_seconds after(std::chrono::seconds(std::stoll(line.substr(0, space))));
    const auto parsed = Recurrence::parse(line.substr(space + 1), "UTC", {});
    if (const auto* error = std::get_if<CronError>(&parsed)) {
      std::printf("refused: %s\n", error->text().c_str());
      continue;
    }
    std::string text;
    for (const auto at : std::get<Recurrence>(parsed).preview(after, 3)) text += std::to_string(at.time_since_epoch().count()) + " ";
    std::printf("%s\n", text.c_str());
  }
}
