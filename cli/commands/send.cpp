// takt send TOPIC KIND: one message, the same one many times, or one per line of stdin.

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/connection.h"
#include "cli/input.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "proto/limits.h"

namespace takt::cli {
namespace {

/// One of many messages waits behind the others: at least the SDK's own default.
constexpr Milliseconds stream_timeout_min{30'000};

struct Arguments {
  std::string topic;
  std::string kind;
  std::string data;
  std::vector<std::string> tags;
  std::vector<std::string> attributes;
  std::string priority = "0";
  std::string count = "1";
  std::string acks = "all";
  std::string delay;
  std::string at;
  RetryArguments retries;
  bool raw = false;
  bool lines = false;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt send photos photo.resize --data '{"path":"in/1.jpg","width":640}' --tag urgent
takt send photos photo.resize --data @job.json --priority 7
takt send photos photo.resize --lines < jobs.ndjson
takt send photos photo.resize --delay 90m
takt send photos photo.resize --at 2027-01-01T08:00:00+01:00
takt send photos raw.bytes --raw --data @in/1.jpg)");
  command.add_option("TOPIC", given.topic, "Name of the topic; made on first use")->type_name("")->required();
  command.add_option("KIND", given.kind, "What the message asks for: handlers are chosen by it (photo.resize)")->type_name("")->required();
  CLI::Option* data = command.add_option("--data", given.data, "Payload: a JSON object, @file, or - for stdin; {} when left out")
                          ->type_name("JSON|@FILE|-");
  command.add_option("--tag", given.tags, "A tag; may be repeated")->type_name("TAG")->allow_extra_args(false);
  command.add_option("--attribute", given.attributes, "An attribute; may be repeated")->type_name("NAME=VALUE")->allow_extra_args(false);
  command.add_option("--priority", given.priority, "0 (default) to 7 (most urgent)")->type_name("N");
  CLI::Option* count = command.add_option("--count", given.count, "Send the message so many times")->type_name("N");
  command.add_option("--acks", given.acks, "What counts as sent: nothing, synced on the leader, synced on every in-sync replica")
      ->type_name("0|1|all")
      ->capture_default_str();
  CLI::Option* delay = command.add_option("--delay", given.delay, "Not before so long from now: 10s, 90m, 7d")->type_name("DURATION");
  command.add_option("--at", given.at, "Not before this instant, with its zone: 2027-01-01T08:00:00Z")
      ->type_name("RFC3339")
      ->excludes(delay);
  declare_retries(command, given.retries);
  command.add_flag("--raw", given.raw, "Send the bytes as they are instead of turning JSON into msgpack");
  command.add_flag("--lines", given.lines, "One message per line of stdin, each line a payload")->excludes(data)->excludes(count);
}

Result<Acks, Failure> parse_acks(const std::string& text) {
  if (text == "0") return Acks::kNone;
  if (text == "1") return Acks::kLeader;
  if (text == "all") return Acks::kAll;
  return failed(usage_failure("--acks cannot be '" + text + "'", "give one of: 0, 1, all"));
}

Result<SendOptions, Failure> parse_options(const Arguments& given) {
  auto options = message_options(given.topic, given.tags, given.attributes, given.priority);
  if (!options) return options;
  if (!given.delay.empty()) {
    const auto delay = parse_duration("--delay", given.delay);
    if (!delay) return failed(delay.error());
    options->delay = *delay;
  }
  if (!given.at.empty()) {
    const auto at = parse_instant("--at", given.at);
    if (!at) return failed(at.error());
    options->at = *at;
  }
  if (const auto taken = take_retries(given.retries, *options); !taken) return failed(taken.error());
  return options;
}

PayloadForm form_of(const Arguments& given) { return given.raw ? PayloadForm::kRaw : PayloadForm::kJson; }

/// What became of the messages of one run. The callbacks come on the client's thread.
class Tally {
 public:
  void count(const takt::Result<Receipt>& answer) {
    const std::lock_guard lock(mutex_);
    ++answered_;
    changed_.notify_all();
    if (!answer) {
      if (!first_error_) first_error_ = answer.error();
      return;
    }
    ++stored_;
    duplicates_ += answer->duplicate ? 1 : 0;
    if (!first_) first_ = *answer;
    last_ = *answer;
  }

  /// Waits for every answer up to `sent`; the SDK's send timeout bounds it.
  void wait_for(std::uint64_t sent, Progress& progress) {
    std::unique_lock lock(mutex_);
    while (answered_ < sent) {
      changed_.wait(lock);
      progress.reach(answered_);
    }
  }
  std::uint64_t answered() const {
    const std::lock_guard lock(mutex_);
    return answered_;
  }
  bool has_failed() const {
    const std::lock_guard lock(mutex_);
    return first_error_.has_value();
  }

  // Only after the last answer.
  std::uint64_t stored() const { return stored_; }
  std::uint64_t duplicates() const { return duplicates_; }
  const std::optional<Receipt>& first() const { return first_; }
  const std::optional<Receipt>& last() const { return last_; }
  const std::optional<Error>& error() const { return first_error_; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t answered_ = 0;
  std::uint64_t stored_ = 0;
  std::uint64_t duplicates_ = 0;
  std::optional<Receipt> first_;
  std::optional<Receipt> last_;
  std::optional<Error> first_error_;
};

void report(const Console& console, const Arguments& given, Acks acks, const Tally& tally, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(tally.stored()) / seconds : 0;
  const bool known = acks != Acks::kNone;
  if (console.format == Format::kJson) {
    const auto id = [&](const std::optional<Receipt>& receipt) { return known && receipt ? Json(receipt->id.text()) : Json(nullptr); };
    console.write_document({{"topic", given.topic},
                            {"kind", given.kind},
                            {"sent", tally.stored()},
                            {"duplicates", tally.duplicates()},
                            {"first_id", id(tally.first())},
                            {"last_id", id(tally.last())},
                            {"seconds", seconds},
                            {"msgs_per_second", rate}});
  } else if (!known) {
    console.write("sent " + grouped(tally.stored()) + " to '" + given.topic + "' without acknowledgement\n");
  } else if (tally.stored() == 0) {
    console.note("nothing to send: stdin had no lines");
  } else if (tally.stored() == 1) {
    console.write("sent " + tally.first()->id.text() + " to '" + given.topic + "'\n");
  } else {
    console.write("sent " + grouped(tally.stored()) + " messages to '" + given.topic + "', " + tally.first()->id.text() + " to " +
                  tally.last()->id.text() + ", " + grouped(static_cast<std::uint64_t>(rate)) + "/s\n");
  }
}

/// `total` none: until `next` gives no more. `next` gives a payload, none at the end, or why it cannot.
template <class Next>
Result<ExitCode, Failure> send_all(const Arguments& given, const Environment& environment, std::optional<std::uint64_t> total, Next next) {
  const auto acks = parse_acks(given.acks);
  if (!acks) return failed(acks.error());
  const auto options = parse_options(given);
  if (!options) return failed(options.error());
  // The first payload is read before anything is asked of the broker: a mistake in it costs no connection.
  Result<std::optional<Bytes>, Failure> payload = next();
  if (!payload) return failed(payload.error());
  const Milliseconds patience = total == 1 ? environment.timeout : std::max(environment.timeout, stream_timeout_min);
  auto client = connect_client(environment, {.acks = *acks, .send_timeout = patience});
  if (!client) return failed(client.error());

  Tally tally;
  Progress progress(environment.console, "sending", total);
  std::uint64_t sent = 0;
  std::optional<Failure> stopped;
  while (!stopped && !tally.has_failed() && *payload) {
    const auto accepted =
        client->send_async_bytes(given.kind, **payload, *options, [&tally](const takt::Result<Receipt>& answer) { tally.count(answer); });
    if (!accepted) {
      stopped = explain(environment, accepted.error());
      break;
    }
    ++sent;
    progress.reach(tally.answered());
    if (total && sent == *total) break;
    payload = next();
    if (!payload) {
      stopped = payload.error();
      break;
    }
  }
  tally.wait_for(sent, progress);
  const double seconds = progress.elapsed().count();
  if (tally.error()) stopped = explain(environment, *tally.error());
  if (const auto closed = client->close(environment.timeout); !closed && !stopped) stopped = explain(environment, closed.error());
  if (stopped) {
    if (tally.stored() == 0) return failed(*stopped);
    return failed(partly_done(*stopped, tally.stored(), total));
  }
  report(environment.console, given, *acks, tally, seconds);
  return ExitCode::kOk;
}

Result<ExitCode, Failure> send_lines(const Arguments& given, const Environment& environment) {
  std::uint64_t number = 0;
  return send_all(given, environment, std::nullopt, [&given, &number]() -> Result<std::optional<Bytes>, Failure> {
    while (true) {
      const std::string where = "stdin line " + std::to_string(++number);
      const auto line = read_line(stdin, where, limits::message_bytes_hard);
      if (!line) return failed(line.error());
      if (!*line) return std::optional<Bytes>();
      if ((*line)->find_first_not_of(" \t\r") == std::string::npos) continue;
      auto payload = payload_of(form_of(given), where, **line);
      if (!payload) return failed(payload.error());
      return std::optional<Bytes>(std::move(*payload));
    }
  });
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  if (given.lines) return send_lines(given, environment);
  const auto count = parse_whole("--count", given.count, 1, 1'000'000'000);
  if (!count) return failed(count.error());
  const auto payload = read_payload(form_of(given), given.data, limits::message_bytes_hard);
  if (!payload) return failed(payload.error());
  return send_all(given, environment, *count,
                  [&payload]() -> Result<std::optional<Bytes>, Failure> { return std::optional<Bytes>(*payload); });
}

}  // namespace

void add_send(CLI::App& app, Action& action) { add_command<Arguments>(app, action, "send", "Send messages to a topic", &declare, &run); }

}  // namespace takt::cli
