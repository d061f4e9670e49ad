#pragma once
// A message as the command line describes it.

#include <string>
#include <string_view>
#include <vector>

#include <takt/client.h>

#include <CLI/CLI.hpp>

#include "cli/failure.h"
#include "cli/payload.h"
#include "proto/result.h"

namespace takt::cli {

/// `--tag`, `--attribute` and `--priority` as they were given.
Result<SendOptions, Failure> message_options(const std::string& topic, const std::vector<std::string>& tags,
                                             const std::vector<std::string>& attributes, const std::string& priority);
/// Each once. `shown_by` ends the advice for what is none: give an id as ...
Result<std::vector<MessageId>, Failure> parse_message_ids(const std::vector<std::string>& texts, std::string_view shown_by);
/// A message's own retries, as they were given.
struct RetryArguments {
  std::string attempts;
  std::string backoff;
  std::string jitter;
  std::string give_up;
};
/// Adds `--attempts`, `--backoff`, `--retry-jitter` and `--give-up-after`.
void declare_retries(CLI::App& command, RetryArguments& given);
/// Where something is given; the rest of a policy is as a group's is when nobody says anything.
Result<void, Failure> take_retries(const RetryArguments& given, SendOptions& options);

/// What `--data` holds: the bytes as they are, or JSON as msgpack. `where` names the source for an error.
enum class PayloadForm { kRaw, kJson };
Result<Bytes, Failure> payload_of(PayloadForm form, const std::string& where, std::string_view text);
/// The same, read as `--data` says; without data `{}`, so that a typed handler gets a map, whose fields keep their defaults.
Result<Bytes, Failure> read_payload(PayloadForm form, const std::string& data, std::size_t bytes_max);

}  // namespace takt::cli
