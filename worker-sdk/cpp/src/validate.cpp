#include "worker-sdk/cpp/src/validate.h"

#include <algorithm>
#include <set>

#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "worker-sdk/cpp/src/refusal.h"

namespace takt::sdk {
namespace {

std::string bound(std::string_view what, std::size_t is, std::size_t at_most, std::string_view unit) {
  return std::string(what) + " has " + std::to_string(is) + " " + std::string(unit) + ", at most " + std::to_string(at_most) +
         " are allowed";
}

std::optional<Error> check_tags(const std::vector<std::string>& tags) {
  if (tags.size() > limits::tags_max) return bad_option("SendOptions.tags", bound("the set", tags.size(), limits::tags_max, "tags"));
  std::set<std::string_view> seen;
  for (const std::string& tag : tags) {
    if (tag.empty()) return bad_option("SendOptions.tags", "a tag is empty");
    if (tag.size() > limits::tag_bytes_max)
      return bad_option("SendOptions.tags", bound("'" + tag + "'", tag.size(), limits::tag_bytes_max, "bytes"));
    if (!is_utf8(tag)) return bad_option("SendOptions.tags", quote(tag) + " is not UTF-8 text");
    if (!seen.insert(tag).second) return bad_option("SendOptions.tags", "'" + tag + "' is there twice");
  }
  return std::nullopt;
}

std::optional<Error> check_attributes(const Attributes& attributes) {
  constexpr std::string_view field = "SendOptions.attributes";
  if (attributes.size() > limits::attributes_max)
    return bad_option(field, bound("the list", attributes.size(), limits::attributes_max, "attributes"));
  std::set<std::string_view> seen;
  for (const auto& [name, value] : attributes) {
    if (name.empty()) return bad_option(field, "a name is empty");
    if (name.size() > limits::attribute_name_bytes_max)
      return bad_option(field, bound("the name '" + name + "'", name.size(), limits::attribute_name_bytes_max, "bytes"));
    if (!is_utf8(name)) return bad_option(field, "the name " + quote(name) + " is not UTF-8 text");
    if (!seen.insert(name).second) return bad_option(field, "the name '" + name + "' is there twice");
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->size() > limits::attribute_value_bytes_max) {
      return bad_option(field, bound("the value of '" + name + "'", text->size(), limits::attribute_value_bytes_max, "bytes"));
    }
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && !is_utf8(*text)) {
      return bad_option(field, "the value of '" + name + "' is not UTF-8 text; bytes belong into the payload");
    }
  }
  return std::nullopt;
}

}  // namespace

Error bad_option(std::string_view field, std::string_view what) {
  return make_error(ErrorCode::kBadOption, std::string(field) + ": " + std::string(what), ErrorOutcome::kRefused);
}

std::optional<Error> check_topic(std::string_view field, std::string_view topic) {
  if (topic.empty()) return bad_option(field, "it is empty; name it, with 1 to 200 characters of A-Z a-z 0-9 . _ -");
  const auto checked = proto::check_name(field, topic);
  if (checked) return std::nullopt;
  return make_error(checked.error().code, checked.error().message, ErrorOutcome::kRefused);
}

std::optional<Error> check_client_name(std::string_view field, std::string_view name) {
  if (!is_utf8(name)) return bad_option(field, quote(name) + " is not UTF-8 text");
  if (name.size() <= limits::name_bytes_max) return std::nullopt;
  return bad_option(field, bound("it", name.size(), limits::name_bytes_max, "bytes"));
}

namespace {

std::optional<Error> check_schedule(const SendOptions& options) {
  if (options.delay.count() < 0) return bad_option("SendOptions.delay", "it is negative; 0 sends at once");
  if (static_cast<std::uint64_t>(options.delay.count()) > limits::span_ms_max)
    return bad_option("SendOptions.delay", "it is longer than 100 years");
  if (!options.at) return std::nullopt;
  if (options.delay.count() > 0) return bad_option("SendOptions.at", "it stands beside a delay; give one of them");
  const auto ms = options.at->time.time_since_epoch().count();
  if (ms < 1 || static_cast<std::uint64_t>(ms) > limits::due_ms_max)
    return bad_option("SendOptions.at", "it is not between the years 1970 and 9999");
  return std::nullopt;
}

}  // namespace

std::optional<Error> check_retry(std::string_view field, const RetryPolicy& policy) {
  const auto wrong = [&](const char* option, const char* why) { return bad_option(std::string(field) + "." + option, why); };
  const auto is_span = [](std::chrono::milliseconds span) {
    return span.count() >= 0 && static_cast<std::uint64_t>(span.count()) <= limits::span_ms_max;
  };
  if (!is_span(policy.base)) return wrong("base", "it must be 0 to 100 years");
  if (!is_span(policy.cap)) return wrong("cap", "it must be 0 to 100 years");
  if (policy.kind != RetryPolicy::Kind::kList && policy.base > policy.cap) return wrong("cap", "it must not be below base");
  if ((policy.kind == RetryPolicy::Kind::kList) == policy.delays.empty() || policy.delays.size() > limits::retry_delays_max)
    return wrong("delays", "a list has 1 to 32 of them, another backoff none");
  if (!std::ranges::all_of(policy.delays, is_span)) return wrong("delays", "each must be 0 to 100 years");
  if (policy.jitter_percent > 100) return wrong("jitter_percent", "it must be 0 to 100");
  if (!is_span(policy.give_up)) return wrong("give_up", "it must be 0 to 100 years");
  if (policy.deaths_max > limits::attempts_max) return wrong("deaths_max", "it must be 0 to 1,000");
  return std::nullopt;
}

std::optional<Error> check_message(std::string_view kind, std::size_t payload_bytes, const SendOptions& options,
                                   std::size_t message_bytes_max) {
  if (auto error = check_topic("SendOptions.topic", options.topic)) return error;
  if (options.priority >= lane_count) {
    return bad_option("SendOptions.priority", std::to_string(options.priority) + " is not one of 0 (default) to 7 (most urgent)");
  }
  if (kind.empty()) return bad_option("kind", "it is empty; give the payload's type a stable name such as photo.resize");
  if (kind.size() > limits::kind_bytes_max) return bad_option("kind", bound("it", kind.size(), limits::kind_bytes_max, "bytes"));
  if (!is_utf8(kind)) return bad_option("kind", quote(kind) + " is not UTF-8 text");
  if (!options.tags.empty()) {
    if (auto error = check_tags(options.tags)) return error;
  }
  if (!options.attributes.empty()) {
    if (auto error = check_attributes(options.attributes)) return error;
  }
  if (options.content_type.size() > limits::content_type_bytes_max) {
    return bad_option("SendOptions.content_type", bound("it", options.content_type.size(), limits::content_type_bytes_max, "bytes"));
  }
  if (!is_utf8(options.content_type)) return bad_option("SendOptions.content_type", "it is not UTF-8 text");
  if (auto error = check_schedule(options)) return error;
  if (options.attempts_max && (*options.attempts_max < 1 || *options.attempts_max > limits::attempts_max))
    return bad_option("SendOptions.attempts_max", "it must be 1 to 1,000");
  if (options.retry) {
    if (auto error = check_retry("SendOptions.retry", *options.retry)) return error;
  }
  if (payload_bytes > message_bytes_max) {
    return make_error(
        ErrorCode::kMessageTooLarge,
        bound("the payload of a " + std::string(kind) + " for topic '" + options.topic + "'", payload_bytes, message_bytes_max, "bytes") +
            "; put the data elsewhere and send its place",
        ErrorOutcome::kRefused);
  }
  return std::nullopt;
}

std::optional<Error> check_metadata(std::size_t bytes) {
  if (bytes <= limits::metadata_bytes_max) return std::nullopt;
  return bad_option("SendOptions", "kind, tags and attributes take " + std::to_string(bytes) + " bytes together, at most " +
                                       std::to_string(limits::metadata_bytes_max) + " are allowed");
}

}  // namespace takt::sdk
