#include "cli/message.h"

#include <algorithm>

#include "cli/input.h"
#include "cli/retry.h"
#include "cli/values.h"

namespace takt::cli {

Result<SendOptions, Failure> message_options(const std::string& topic, const std::vector<std::string>& tags,
                                             const std::vector<std::string>& attributes, const std::string& priority) {
  SendOptions options{.topic = topic, .tags = tags};
  const auto lane = parse_whole("--priority", priority, 0, 7);
  if (!lane) return failed(lane.error());
  options.priority = static_cast<std::uint8_t>(*lane);
  for (const auto& text : attributes) {
    auto attribute = parse_attribute(text);
    if (!attribute) return failed(attribute.error());
    options.attributes.emplace_back(std::move(attribute->first), std::move(attribute->second));
  }
  return options;
}

Result<std::vector<MessageId>, Failure> parse_message_ids(const std::vector<std::string>& texts, std::string_view shown_by) {
  std::vector<MessageId> ids;
  for (const std::string& text : texts) {
    const auto id = MessageId::parse(text);
    if (!id) return failed(usage_failure("ID cannot be '" + text + "'", "give an id as " + std::string(shown_by) + ": 0-1042"));
    if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

void declare_retries(CLI::App& command, RetryArguments& given) {
  command.add_option("--attempts", given.attempts, "Failures until it is dead, 1 to 1,000; else as its group says")->type_name("N");
  command
      .add_option("--backoff", given.backoff, "When it is tried again: exponential:1s:5m, linear:10s:5m or a list; else as its group says")
      ->type_name("BACKOFF");
  command.add_option("--retry-jitter", given.jitter, "Shorten each delay by a random share of up to so many percent")->type_name("PERCENT");
  command.add_option("--give-up-after", given.give_up, "Dead when its next attempt would begin so long after the first failure; 0: never")
      ->type_name("DURATION");
}

Result<void, Failure> take_retries(const RetryArguments& given, SendOptions& options) {
  if (!given.attempts.empty()) {
    const auto attempts = parse_whole("--attempts", given.attempts, 1, 1'000);
    if (!attempts) return failed(attempts.error());
    options.attempts_max = static_cast<std::uint32_t>(*attempts);
  }
  if (given.backoff.empty() && given.jitter.empty() && given.give_up.empty()) return {};
  RetryPolicy& policy = options.retry.emplace();
  if (!given.backoff.empty())
    if (auto parsed = parse_backoff("--backoff", given.backoff, policy); !parsed) return parsed;
  if (!given.jitter.empty()) {
    const auto jitter = parse_whole("--retry-jitter", given.jitter, 0, 100);
    if (!jitter) return failed(jitter.error());
    policy.jitter_percent = static_cast<std::uint32_t>(*jitter);
  }
  if (given.give_up.empty()) return {};
  const auto give_up = parse_duration_or_none("--give-up-after", given.give_up);
  if (!give_up) return failed(give_up.error());
  policy.give_up = *give_up;
  return {};
}

Result<Bytes, Failure> payload_of(PayloadForm form, const std::string& where, std::string_view text) {
  if (form == PayloadForm::kJson) return msgpack_from_json(where, text);
  const auto bytes = std::as_bytes(std::span(text));
  return Bytes(bytes.begin(), bytes.end());
}

Result<Bytes, Failure> read_payload(PayloadForm form, const std::string& data, std::size_t bytes_max) {
  const auto input = read_input(data.empty() && form == PayloadForm::kJson ? "{}" : data, bytes_max);
  if (!input) return failed(input.error());
  return payload_of(form, input->where, input->bytes);
}

}  // namespace takt::cli
