#include "broker/runtime/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

namespace takt::runtime {
namespace {

std::atomic<LogFormat> current_format = LogFormat::kText;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// A JSON string, quotes included; bytes that are no UTF-8 are replaced.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string text_value(const std::string& text) {
  const bool is_plain =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c != '"' && c != '=' && c != '\\' && c != 127; });
  return is_plain ? text : json_string(text);
}

std::string render_value(LogFormat format, const LogField& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) return format == LogFormat::kJson ? json_string(*text) : text_value(*text);
  if (const auto* number = std::get_if<std::uint64_t>(&field.value)) return std::to_string(*number);
  return nlohmann::json(std::get<double>(field.value)).dump();
}

}  // namespace

void open_log(LogLevel least, LogFormat format) {
  current_format = format;
  auto logger = std::make_shared<spdlog::logger>("taktd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(to_spdlog(least));
  // spdlog fills in time and level; what comes as %v is rendered, and escaped, here.
  const char* pattern = format == LogFormat::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v";
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  spdlog::log(to_spdlog(level), "{}", render_event(current_format, event, fields));
}

std::string render_event(LogFormat format, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = format == LogFormat::kJson ? "\"event\":" + json_string(event) : std::string(event);
  for (const LogField& field : fields) {
    line += format == LogFormat::kJson ? "," + json_string(field.name) + ":" : " " + std::string(field.name) + "=";
    line += render_value(format, field);
  }
  return line;
}

}  // namespace takt::runtime
