// RFC 3339. A file of its own, because date.h is large.

#include <date/date.h>

#include <sstream>

#include "cli/values.h"

namespace takt::cli {

Result<std::chrono::sys_time<Milliseconds>, Failure> parse_instant(std::string_view option, std::string_view text) {
  std::string zoned(text);
  if (zoned.ends_with('Z') || zoned.ends_with('z')) zoned.replace(zoned.size() - 1, 1, "+00:00");
  std::istringstream in(zoned);
  date::sys_time<Milliseconds> instant;
  in >> date::parse(zoned.find(' ') == std::string::npos ? "%FT%T%Ez" : "%F %T%Ez", instant);
  if (!in.fail() && in.peek() == std::istringstream::traits_type::eof() && instant.time_since_epoch().count() >= 0) return instant;
  return failed(usage_failure(std::string(option) + " cannot be '" + std::string(text) + "'",
                              "give date, time and zone, not before 1970: 2027-01-01T08:00:00Z or 2027-01-01T08:00:00+01:00"));
}

std::string instant_text(std::chrono::sys_seconds instant) { return date::format("%FT%TZ", instant); }

}  // namespace takt::cli
