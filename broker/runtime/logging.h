#pragma once
// The broker's log: events with fields, one line each, on standard error. Payloads are never logged.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace takt::runtime {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

struct LogField {
  std::string_view name;
  std::variant<std::string, std::uint64_t, double> value;

  LogField(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  LogField(std::string_view n, std::string_view v) : name(n), value(std::string(v)) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string(v)) {}
  LogField(std::string_view n, std::uint64_t v) : name(n), value(v) {}
  LogField(std::string_view n, double v) : name(n), value(v) {}
};

/// Once, before the first thread.
void open_log(LogLevel least, LogFormat format);
/// Thread: any. `event` is snake_case and stable: `store_write_failed`.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

/// The line without time and level: `event key=value key="two words"`, or `"event":"...","key":"..."` for json.
std::string render_event(LogFormat format, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace takt::runtime
