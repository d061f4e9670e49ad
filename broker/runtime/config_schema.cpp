#include "broker/runtime/config_schema.h"

#include <algorithm>

#include "broker/runtime/quantity.h"
#include "proto/limits.h"

namespace takt::runtime {
namespace {

using Kind = KeySpec::Kind;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr std::uint64_t tib = 1024 * gib;
constexpr std::uint64_t second = 1000;
constexpr std::uint64_t minute = 60 * second;
constexpr std::uint64_t hour = 60 * minute;
constexpr std::uint64_t day = 24 * hour;

template <auto Member>
KeySpec::Field top(Config& config) {
  return &(config.*Member);
}
template <auto Section, auto Member>
KeySpec::Field in(Config& config) {
  return &(config.*Section.*Member);
}

}  // namespace

const std::vector<KeySpec>& key_specs() {   // NOLINT(readability-function-size): a table, one row per key
  static const std::vector<KeySpec> specs = {
      {"listen",
       Kind::kText,
       0,
       0,
       {},
       top<&Config::listen>,
       "Address for clients, tcp://host:port; port 0 lets the system choose. Anything but this machine needs insecure_no_auth."},
      {"http", Kind::kText, 0, 0, {}, top<&Config::http>, "Address for /metrics, /livez and /readyz, host:port, or off."},
      {"data",
       Kind::kText,
       0,
       0,
       {},
       top<&Config::data>,
       "Folder of the broker's data; made on the first start. On a local disk, for one broker alone."},
      {"partitions", Kind::kCount, 1, 1, {}, top<&Config::partitions>, "Logs of a fresh data folder. This version has one."},
      {"insecure_no_auth",
       Kind::kBool,
       0,
       1,
       {},
       top<&Config::insecure_no_auth>,
       "Lets other machines connect although clients are not authenticated yet."},
      {"limits.connections",
       Kind::kCount,
       1,
       65'536,
       {},
       in<&Config::limits, &Config::Limits::connections>,
       "Open connections; more are closed at once."},
      {"limits.handshake_time",
       Kind::kDuration,
       100,
       minute,
       {},
       in<&Config::limits, &Config::Limits::handshake_time>,
       "A connection that has not finished its handshake by then is closed."},
      {"limits.hello_time",
       Kind::kDuration,
       100,
       10 * minute,
       {},
       in<&Config::limits, &Config::Limits::hello_time>,
       "A connection that has had no session for so long is closed."},
      {"limits.message_bytes",
       Kind::kBytes,
       kib,
       limits::message_bytes_hard,
       {},
       in<&Config::limits, &Config::Limits::message_bytes>,
       "Largest payload of a message; its metadata may have 8 KiB more."},
      {"limits.batch_bytes",
       Kind::kBytes,
       kib,
       limits::batch_bytes_hard,
       {},
       in<&Config::limits, &Config::Limits::batch_bytes>,
       "Largest batch of messages in one request. At least limits.message_bytes."},
      {"limits.batch_messages",
       Kind::kCount,
       1,
       limits::batch_messages_hard,
       {},
       in<&Config::limits, &Config::Limits::batch_messages>,
       "Most messages in one request."},
      {"limits.publish_bytes",
       Kind::kBytes,
       mib,
       16 * gib,
       {},
       in<&Config::limits, &Config::Limits::publish_bytes>,
       "Bytes of messages that were received and are not stored yet; above it publishes are refused as busy. One session alone takes three "
       "quarters of it at most."},
      {"limits.outbound_bytes",
       Kind::kBytes,
       256 * kib,
       64 * mib,
       {},
       in<&Config::limits, &Config::Limits::outbound_bytes>,
       "Bytes that may wait for one client, and most bytes that one worker may have un-acked; a client that stays above it is dropped."},
      {"limits.outbound_bytes_total",
       Kind::kBytes,
       mib,
       16 * gib,
       {},
       in<&Config::limits, &Config::Limits::outbound_bytes_total>,
       "Bytes that may wait for all clients; above half of it those that read nothing for the longest are dropped. At least twice "
       "limits.outbound_bytes."},
      {"limits.replies_per_session",
       Kind::kCount,
       1,
       65'536,
       {},
       in<&Config::limits, &Config::Limits::replies_per_session>,
       "Requests of one session that wait for their reply."},
      {"limits.replies",
       Kind::kCount,
       1,
       10'000'000,
       {},
       in<&Config::limits, &Config::Limits::replies>,
       "Requests of all sessions that wait for their reply; half of them may be peeks and pulls that wait for messages."},
      {"limits.topics", Kind::kCount, 1, 10'000'000, {}, in<&Config::limits, &Config::Limits::topics>, "Topics."},
      {"limits.schedules", Kind::kCount, 1, 1'000'000, {}, in<&Config::limits, &Config::Limits::schedules>, "Schedules."},
      {"limits.producers",
       Kind::kCount,
       1,
       10'000'000,
       {},
       in<&Config::limits, &Config::Limits::producers>,
       "Producers whose sequence numbers are remembered; above it, those silent for an hour are forgotten first."},
      {"limits.groups_per_topic",
       Kind::kCount,
       1,
       100'000,
       {},
       in<&Config::limits, &Config::Limits::groups_per_topic>,
       "Groups on one topic."},
      {"limits.groups", Kind::kCount, 1, 10'000'000, {}, in<&Config::limits, &Config::Limits::groups>, "Groups on all topics together."},
      {"limits.subscriptions_per_session",
       Kind::kCount,
       1,
       100'000,
       {},
       in<&Config::limits, &Config::Limits::subscriptions_per_session>,
       "Subscriptions of one session."},
      {"limits.in_flight",
       Kind::kCount,
       1,
       100'000'000,
       {},
       in<&Config::limits, &Config::Limits::in_flight>,
       "Messages leased to workers, in all."},
      {"limits.in_flight_per_worker",
       Kind::kCount,
       1,
       1'000'000,
       {},
       in<&Config::limits, &Config::Limits::in_flight_per_worker>,
       "Messages leased to one worker."},
      {"store.bytes_max",
       Kind::kBytes,
       16 * mib,
       tib,
       {},
       in<&Config::store, &Config::Store::bytes_max>,
       "Disk that log and tables may take; enqueues are refused at 90 % of it."},
      {"store.map_bytes",
       Kind::kBytes,
       64 * mib,
       16 * tib,
       {},
       in<&Config::store, &Config::Store::map_bytes>,
       "Address space reserved for each store file. Costs no disk. At least twice store.bytes_max."},
      {"store.disk_free_min",
       Kind::kBytes,
       0,
       tib,
       {},
       in<&Config::store, &Config::Store::disk_free_min>,
       "Enqueues are refused when the disk has less room than this, or than 5 % of it where that is less."},
      {"store.ballast_bytes",
       Kind::kBytes,
       0,
       gib,
       {},
       in<&Config::store, &Config::Store::ballast_bytes>,
       "File that is given up when the disk is full, for acks and for freeing. At most 5 % of the disk."},
      {"store.checkpoint_bytes",
       Kind::kBytes,
       mib,
       16 * gib,
       {},
       in<&Config::store, &Config::Store::checkpoint_bytes>,
       "A checkpoint follows so much log; a restart replays at most about that."},
      {"store.checkpoint_interval",
       Kind::kDuration,
       100,
       hour,
       {},
       in<&Config::store, &Config::Store::checkpoint_interval>,
       "A checkpoint follows a change after at most so long."},
      {"store.cache_bytes",
       Kind::kBytes,
       mib,
       64 * gib,
       {},
       in<&Config::store, &Config::Store::cache_bytes>,
       "Memory for the newest messages, so that workers who keep up are served without reading."},
      {"store.drain_bytes",
       Kind::kBytes,
       4 * kib,
       2 * mib,
       {},
       in<&Config::store, &Config::Store::drain_bytes>,
       "Small commits are moved from the write-ahead file into the log when so much of it is in use."},
      {"store.front_bytes",
       Kind::kBytes,
       64 * kib,
       16 * gib,
       {},
       in<&Config::store, &Config::Store::front_bytes>,
       "When less than half of so much of the oldest log is still wanted, that is moved to the tables and the rest freed."},
      {"session.timeout",
       Kind::kDuration,
       second,
       hour,
       {},
       in<&Config::session, &Config::Session::timeout>,
       "A client that is silent so long loses its session and its leases."},
      {"session.heartbeat",
       Kind::kDuration,
       100,
       10 * minute,
       {},
       in<&Config::session, &Config::Session::heartbeat>,
       "How often a quiet client gives a sign of life. At most half of session.timeout."},
      {"session.recover_grace",
       Kind::kDuration,
       0,
       hour,
       {},
       in<&Config::session, &Config::Session::recover_grace>,
       "After a restart, how long messages that may be with a worker wait for it to resume; 0 hands them out at once."},
      {"session.held_after",
       Kind::kDuration,
       second,
       hour,
       {},
       in<&Config::session, &Config::Session::held_after>,
       "A lease older than this is logged, so that it outlives a crash of the broker."},
      {"session.producer_idle_expiry",
       Kind::kDuration,
       minute,
       365 * day,
       {},
       in<&Config::session, &Config::Session::producer_idle_expiry>,
       "How long a silent producer's sequence numbers are remembered."},
      {"log.level", Kind::kText, 0, 0, {"debug", "info", "warn", "error"}, in<&Config::log, &Config::Log::level>, "What is logged."},
      {"log.format",
       Kind::kText,
       0,
       0,
       {"auto", "text", "json"},
       in<&Config::log, &Config::Log::format>,
       "How: text for people, json for machines; auto is text on a terminal and json elsewhere."},
  };
  return specs;
}

const KeySpec* find_key(std::string_view name) {
  const auto found = std::ranges::find(key_specs(), name, &KeySpec::name);
  return found == key_specs().end() ? nullptr : &*found;
}

std::string environment_name(const KeySpec& key) {
  std::string name = "TAKT_";
  for (const char c : key.name) {
    if (c == '.') {
      name += "__";
    } else {
      name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
  }
  return name;
}

std::string range_text(const KeySpec& key) {
  switch (key.kind) {
    case Kind::kText: {
      std::string text;
      for (const std::string_view choice : key.choices) text += (text.empty() ? "" : ", ") + std::string(choice);
      return text;
    }
    case Kind::kCount: return key.min == key.max ? std::to_string(key.min) : std::to_string(key.min) + " to " + std::to_string(key.max);
    case Kind::kBytes: return format_bytes(key.min) + " to " + format_bytes(key.max);
    case Kind::kDuration:
      return format_duration(std::chrono::milliseconds(key.min)) + " to " + format_duration(std::chrono::milliseconds(key.max));
    case Kind::kBool: return "true, false";
  }
  return {};
}

std::string describe_value(const KeySpec& key) {
  switch (key.kind) {
    case Kind::kText: return key.choices.empty() ? "a text in quotes" : "one of " + range_text(key);
    case Kind::kCount: return "a whole number, " + range_text(key);
    case Kind::kBytes: return "a size like \"64MiB\", " + range_text(key);
    case Kind::kDuration: return "a time like \"10s\", " + range_text(key);
    case Kind::kBool: return "true or false";
  }
  return {};
}

std::string shown_value(const KeySpec& key, Config& config) {
  const KeySpec::Field field = key.field(config);
  switch (key.kind) {
    case Kind::kText: return *std::get<std::string*>(field);
    case Kind::kCount: return std::to_string(*std::get<std::uint64_t*>(field));
    case Kind::kBytes: return format_bytes(*std::get<std::uint64_t*>(field));
    case Kind::kDuration: return format_duration(*std::get<Duration*>(field));
    case Kind::kBool: return *std::get<bool*>(field) ? "true" : "false";
  }
  return {};
}

}  // namespace takt::runtime
