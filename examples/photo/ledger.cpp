#include "examples/photo/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace photo {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<LedgerEvent, std::string_view>, 6> event_names{{{LedgerEvent::kStarted, "started"},
                                                                               {LedgerEvent::kEffect, "effect"},
                                                                               {LedgerEvent::kRepeat, "repeat"},
                                                                               {LedgerEvent::kReleased, "released"},
                                                                               {LedgerEvent::kFailed, "failed"},
                                                                               {LedgerEvent::kDead, "dead"}}};

std::optional<LedgerEvent> event_named(std::string_view name) {
  for (const auto& [event, known] : event_names) {
    if (known == name) return event;
  }
  return std::nullopt;
}

}  // namespace

std::string_view event_name(LedgerEvent event) {
  for (const auto& [known, name] : event_names) {
    if (known == event) return name;
  }
  return {};
}

std::string to_json_line(const LedgerLine& line) {
  const json object{{"event", event_name(line.event)}, {"job", line.job},       {"kind", line.kind}, {"message", line.message},
                    {"attempt", line.attempt},         {"worker", line.worker}, {"pid", line.pid},   {"start_ms", line.start_ms},
                    {"end_ms", line.end_ms},           {"output", line.output}, {"hash", line.hash}, {"text", line.text}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<LedgerLine> parse_ledger_line(std::string_view text) {
  try {
    const json object = json::parse(text);
    const auto event = event_named(object.at("event").get<std::string>());
    if (!event) return std::nullopt;
    return LedgerLine{.event = *event,
                      .job = object.at("job"),
                      .kind = object.at("kind"),
                      .message = object.at("message"),
                      .attempt = object.at("attempt"),
                      .worker = object.at("worker"),
                      .pid = object.at("pid"),
                      .start_ms = object.at("start_ms"),
                      .end_ms = object.at("end_ms"),
                      .output = object.at("output"),
                      .hash = object.at("hash"),
                      .text = object.at("text")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

Result<Ledger> Ledger::open(const std::filesystem::path& folder, const std::string& worker) {
  const auto path = folder / (worker + ".ndjson");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return problem("ledger " + path.string() + " cannot be opened: " + std::strerror(errno));
  return Ledger(path, fd);
}

Ledger::~Ledger() {
  if (fd_ >= 0) ::close(fd_);
}

Ledger::Ledger(Ledger&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

Result<void> Ledger::append(const LedgerLine& line) {
  const std::string text = to_json_line(line) + "\n";
  const std::lock_guard lock(mutex_);
  // One write of one line to an O_APPEND file: a reader and a crash see a whole line, or a torn last one.
  if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fdatasync(fd_) != 0) {
    return problem("ledger " + path_.string() + " cannot be written: " + std::strerror(errno));
  }
  return {};
}

Result<std::vector<LedgerLine>> LedgerReader::read_new() {
  std::vector<LedgerLine> lines;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    std::ifstream in(entry.path(), std::ios::binary);
    auto& until = read_until_[entry.path()];
    in.seekg(until);
    std::string text;
    while (std::getline(in, text) && !in.eof()) {
      until += static_cast<std::streamoff>(text.size() + 1);
      auto line = parse_ledger_line(text);
      if (!line) return problem("ledger " + entry.path().string() + " holds a line that is not one of ours: " + text.substr(0, 120));
      lines.push_back(std::move(*line));
    }
  }
  if (error) return problem("ledger folder " + folder_.string() + " cannot be read: " + error.message());
  return lines;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace photo
