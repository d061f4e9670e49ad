#include "proto/record.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/msgpack_walk.h"
#include "proto/text.h"

namespace takt::proto {
namespace {

constexpr std::uint64_t tag_max = 18;
constexpr std::uint32_t retry_numbers_least = 4;   // backoff, jitter, give up, and a delay
constexpr std::uint32_t retry_numbers_most = 3 + limits::retry_delays_max;

constexpr std::uint32_t bit(RecordTag tag) { return 1u << static_cast<unsigned>(tag); }

std::string_view name_of(RecordTag tag) {
  switch (tag) {
    case RecordTag::kKey: return "key";
    case RecordTag::kTags: return "tags";
    case RecordTag::kAttributes: return "attributes";
    case RecordTag::kDue: return "due";
    case RecordTag::kTtl: return "ttl";
    case RecordTag::kDeadline: return "deadline";
    case RecordTag::kDelay: return "delay";
    case RecordTag::kUniqueKey: return "unique_key";
    case RecordTag::kUniquePolicy: return "unique_policy";
    case RecordTag::kScheduleKey: return "schedule_key";
    case RecordTag::kAttempts: return "attempts";
    case RecordTag::kDedupId: return "dedup_id";
    case RecordTag::kTraceparent: return "traceparent";
    case RecordTag::kParentId: return "parent_id";
    case RecordTag::kContentType: return "content_type";
    case RecordTag::kSchedule: return "schedule";
    case RecordTag::kPlanned: return "planned";
    case RecordTag::kRetry: return "retry";
  }
  return "unknown";
}

bool is_supported(RecordTag tag) {
  constexpr std::uint32_t supported = bit(RecordTag::kTags) | bit(RecordTag::kAttributes) | bit(RecordTag::kDue) | bit(RecordTag::kDelay) |
                                      bit(RecordTag::kTraceparent) | bit(RecordTag::kParentId) | bit(RecordTag::kContentType) |
                                      bit(RecordTag::kSchedule) | bit(RecordTag::kPlanned) | bit(RecordTag::kAttempts) |
                                      bit(RecordTag::kRetry);
  return (supported & bit(tag)) != 0;
}

/// W3C trace context, version 00: 2-32-16-2 lower-case hexadecimal digits.
bool is_traceparent(std::string_view text) {
  if (text.size() != 55) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hyphen = i == 2 || i == 35 || i == 52;
    if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

bool is_number(std::string_view text, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size() && number <= most;
}

/// `3-1042`
bool is_message_id(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  return text.size() <= limits::parent_id_bytes_max && hyphen != std::string_view::npos &&
         is_number(text.substr(0, hyphen), std::numeric_limits<std::uint32_t>::max()) &&
         is_number(text.substr(hyphen + 1), limits::place_max);
}

/// One record as a state machine: [kind, tag, value, ...], where the value of `tags` is an array of texts and that of
/// `attributes` a map from text to scalar. Views into the record only; no allocation unless something is refused or
/// `out` asks for a copy.
class RecordVisitor : public msgpack::null_visitor {
 public:
  void begin(ByteView record, RecordMetadata* out) {
    bytes_ = record.size();
    out_ = out;
  }
  void init() {
    state_ = State::kStart;
    tag_ = RecordTag{};
    summary_ = {};
    listed_ = 0;
    refusal_.reset();
  }

  bool visit_nil() { return wrong_type("nil"); }
  bool visit_boolean(bool value) { return attribute(value, "a boolean"); }
  bool visit_positive_integer(std::uint64_t value) {
    if (state_ == State::kTag) return begin_field(value);
    if (state_ == State::kValue && tag_ == RecordTag::kDue) return due(value);
    if (state_ == State::kValue && tag_ == RecordTag::kDelay) return delay(value);
    if (state_ == State::kValue && tag_ == RecordTag::kPlanned) return planned(value);
    if (state_ == State::kValue && tag_ == RecordTag::kAttempts) return attempts(value);
    if (state_ == State::kRetryNumber) return retry_number(value);
    if (state_ == State::kAttributeValue && value > std::numeric_limits<std::int64_t>::max()) {
      return bad_field("attribute " + quote(attribute_name()) + ": expected at most 9223372036854775807, got " + std::to_string(value));
    }
    return attribute(static_cast<std::int64_t>(value), "a number");
  }
  bool visit_negative_integer(std::int64_t value) {
    if (value >= 0) return visit_positive_integer(static_cast<std::uint64_t>(value));
    return attribute(value, "a negative number");
  }
  bool visit_float32(float value) { return visit_float64(static_cast<double>(value)); }
  bool visit_float64(double value) {
    if (state_ == State::kAttributeValue && !std::isfinite(value))
      return bad_field("attribute " + quote(attribute_name()) + ": expected a finite number");
    return attribute(value, "a floating-point number");
  }
  bool visit_bin(const char*, std::uint32_t) { return wrong_type("binary"); }
  bool visit_ext(const char*, std::uint32_t) { return wrong_type("an extension value"); }
  bool visit_str(const char* data, std::uint32_t size) {
    const std::string_view text(data, size);
    switch (state_) {
      case State::kKind: return kind(text);
      case State::kValue: return text_field(text);
      case State::kTagText: return tag_text(text);
      case State::kAttributeName: return attribute_named(text);
      case State::kAttributeValue:
        if (text.size() > limits::attribute_value_bytes_max)
          return too_long("attribute " + quote(attribute_name()), text.size(), limits::attribute_value_bytes_max);
        if (!is_utf8(text)) return bad_field("attribute " + quote(attribute_name()) + ": expected UTF-8, got " + quote(text));
        return attribute(text, "text");
      case State::kStart:
      case State::kTag:
      case State::kRetryNumber: return wrong_type("text");
    }
    return false;
  }

  bool start_array(std::uint32_t elements) {
    if (state_ == State::kStart) {
      if (elements % 2 == 0) return bad_field("expected an odd number of elements: kind, then tag and value in turn");
      if (elements > bytes_) return malformed("declares " + std::to_string(elements) + " elements in " + std::to_string(bytes_) + " bytes");
      state_ = State::kKind;
      return true;
    }
    if (state_ == State::kValue && tag_ == RecordTag::kTags) {
      if (elements > limits::tags_max)
        return bad_field("tags: expected at most " + std::to_string(limits::tags_max) + ", got " + std::to_string(elements));
      state_ = elements == 0 ? State::kTag : State::kTagText;
      listed_ = 0;
      return true;
    }
    if (state_ == State::kValue && tag_ == RecordTag::kRetry) {
      if (elements < retry_numbers_least || elements > retry_numbers_most)
        return bad_field("retry: expected 4 to 35 numbers, got " + std::to_string(elements));
      state_ = State::kRetryNumber;
      listed_ = 0;
      return true;
    }
    return container("an array");
  }
  bool end_array() {
    if (state_ == State::kRetryNumber) return retry();
    if (state_ == State::kTagText) state_ = State::kTag;
    return true;
  }
  bool start_map(std::uint32_t pairs) {
    if (state_ == State::kValue && tag_ == RecordTag::kAttributes) {
      if (pairs > limits::attributes_max) {
        return bad_field("attributes: expected at most " + std::to_string(limits::attributes_max) + ", got " + std::to_string(pairs));
      }
      state_ = pairs == 0 ? State::kTag : State::kAttributeName;
      listed_ = 0;
      return true;
    }
    return container("a map");
  }
  bool end_map() {
    state_ = State::kTag;
    return true;
  }

  RecordSummary summary() const { return summary_; }
  std::optional<Refusal>& refusal() { return refusal_; }

 private:
  enum class State : std::uint8_t { kStart, kKind, kTag, kValue, kTagText, kAttributeName, kAttributeValue, kRetryNumber };

  bool kind(std::string_view text) {
    if (text.size() > limits::kind_bytes_max) return too_long("kind", text.size(), limits::kind_bytes_max);
    if (!is_utf8(text)) return bad_field("kind: expected UTF-8, got " + quote(text));
    if (out_ != nullptr) out_->kind.assign(text);
    state_ = State::kTag;
    return true;
  }

  bool begin_field(std::uint64_t number) {
    if (number == 0 || number > tag_max) return bad_field("tag: expected 1 to 18, got " + std::to_string(number));
    const auto tag = static_cast<RecordTag>(number);
    if (tag <= tag_)
      return bad_field("tag " + std::to_string(number) + " does not ascend: it follows " + std::to_string(static_cast<unsigned>(tag_)));
    if (!is_supported(tag)) {
      return refuse(ErrorCode::kUnsupportedField,
                    "'" + std::string(name_of(tag)) + "' (" + std::to_string(number) + ") is not supported by this version; leave it out");
    }
    tag_ = tag;
    summary_.tags_present |= bit(tag);
    state_ = State::kValue;
    return true;
  }

  bool due(std::uint64_t value) {
    if (value == 0 || value > limits::due_ms_max)
      return bad_field("due: expected 1 to " + std::to_string(limits::due_ms_max) + " ms since 1970, got " + std::to_string(value));
    summary_.due_ms = value;
    if (out_ != nullptr) out_->due.emplace(std::chrono::milliseconds(value));
    state_ = State::kTag;
    return true;
  }
  bool delay(std::uint64_t value) {
    if (summary_.due_ms != 0) return bad_field("delay: stands beside due; leave one of them out");
    if (value > limits::span_ms_max)
      return bad_field("delay: expected at most " + std::to_string(limits::span_ms_max) + " ms, got " + std::to_string(value));
    summary_.delay_ms = value;
    if (out_ != nullptr) out_->delay.emplace(value);
    state_ = State::kTag;
    return true;
  }
  bool planned(std::uint64_t value) {
    if (value == 0 || value > limits::due_ms_max)
      return bad_field("planned: expected 1 to " + std::to_string(limits::due_ms_max) + " ms since 1970, got " + std::to_string(value));
    if (out_ != nullptr) out_->planned.emplace(std::chrono::milliseconds(value));
    state_ = State::kTag;
    return true;
  }

  bool attempts(std::uint64_t value) {
    if (value == 0 || value > limits::attempts_max) return bad_field("attempts: expected 1 to 1000, got " + std::to_string(value));
    if (out_ != nullptr) out_->policy.attempts_max = static_cast<std::uint32_t>(value);
    state_ = State::kTag;
    return true;
  }
  bool retry_number(std::uint64_t value) {
    if (value > limits::span_ms_max)
      return bad_field("retry: expected numbers of at most " + std::to_string(limits::span_ms_max) + ", got " + std::to_string(value));
    numbers_[listed_++] = value;
    return true;
  }
  /// All of its numbers are there: backoff, jitter, give up, then base and cap, or the delays of a list.
  bool retry() {
    if (numbers_[0] < 1 || numbers_[0] > 3) return bad_field("retry: expected a backoff of 1 to 3, got " + std::to_string(numbers_[0]));
    if (numbers_[1] > 100) return bad_field("retry: expected a jitter of 0 to 100 percent, got " + std::to_string(numbers_[1]));
    const bool is_list = static_cast<Backoff>(numbers_[0]) == Backoff::kList;
    if (!is_list && listed_ != 5) return bad_field("retry: expected 5 numbers of this backoff, got " + std::to_string(listed_));
    if (!is_list && numbers_[3] > numbers_[4]) return bad_field("retry: expected a cap that is not below the base");
    if (out_ != nullptr) {
      RetryPolicy& policy = out_->policy.retry.emplace();
      policy.backoff = static_cast<Backoff>(numbers_[0]);
      policy.jitter_percent = static_cast<std::uint32_t>(numbers_[1]);
      policy.give_up_ms = numbers_[2];
      policy.base_ms = is_list ? 0 : numbers_[3];
      policy.cap_ms = is_list ? 0 : numbers_[4];
      if (is_list) policy.delays_ms.assign(numbers_.begin() + 3, numbers_.begin() + static_cast<std::ptrdiff_t>(listed_));
    }
    state_ = State::kTag;
    return true;
  }

  bool text_field(std::string_view text) {
    const auto keep = [&](std::optional<std::string> RecordMetadata::* field) {
      if (out_ != nullptr) (out_->*field).emplace(text);
      state_ = State::kTag;
      return true;
    };
    if (tag_ == RecordTag::kTraceparent) {
      if (!is_traceparent(text))
        return bad_field("traceparent: expected 55 characters as 00-<32 hex>-<16 hex>-<2 hex>, got " + quote(text));
      return keep(&RecordMetadata::traceparent);
    }
    if (tag_ == RecordTag::kParentId) {
      if (!is_message_id(text)) return bad_field("parent_id: expected a message id such as 3-1042, got " + quote(text));
      return keep(&RecordMetadata::parent_id);
    }
    if (tag_ == RecordTag::kContentType) {
      if (text.size() > limits::content_type_bytes_max) return too_long("content_type", text.size(), limits::content_type_bytes_max);
      if (!is_utf8(text)) return bad_field("content_type: expected UTF-8, got " + quote(text));
      return keep(&RecordMetadata::content_type);
    }
    if (tag_ == RecordTag::kSchedule) {
      if (auto named = check_name("schedule", text); !named) return bad_field("schedule: " + named.error().message);
      return keep(&RecordMetadata::schedule);
    }
    return wrong_type("text");
  }

  bool tag_text(std::string_view text) {
    if (text.empty()) return bad_field("tags[" + std::to_string(listed_) + "]: expected 1 to 64 bytes, got 0");
    if (text.size() > limits::tag_bytes_max) return too_long("tags[" + std::to_string(listed_) + "]", text.size(), limits::tag_bytes_max);
    if (!is_utf8(text)) return bad_field("tags[" + std::to_string(listed_) + "]: expected UTF-8, got " + quote(text));
    if (is_listed(text)) return bad_field("tags: " + quote(text) + " stands there twice");
    names_[listed_++] = text;
    if (out_ != nullptr) out_->tags.emplace_back(text);
    return true;
  }

  bool attribute_named(std::string_view name) {
    if (name.empty()) return bad_field("attributes: expected a name of 1 to 64 bytes, got 0");
    if (name.size() > limits::attribute_name_bytes_max) return too_long("attribute name", name.size(), limits::attribute_name_bytes_max);
    if (!is_utf8(name)) return bad_field("attribute name: expected UTF-8, got " + quote(name));
    if (is_listed(name)) return bad_field("attributes: " + quote(name) + " stands there twice");
    names_[listed_++] = name;
    state_ = State::kAttributeValue;
    return true;
  }
  std::string_view attribute_name() const { return names_[listed_ - 1]; }

  template <class T>
  bool attribute(const T& value, std::string_view got) {
    if (state_ != State::kAttributeValue) return wrong_type(got);
    if (out_ != nullptr) {
      if constexpr (std::same_as<T, std::string_view>) {
        out_->attributes.emplace_back(attribute_name(), std::string(value));
      } else {
        out_->attributes.emplace_back(attribute_name(), value);
      }
    }
    state_ = State::kAttributeName;
    return true;
  }

  bool is_listed(std::string_view name) const {
    for (std::size_t i = 0; i < listed_; ++i) {
      if (names_[i] == name) return true;
    }
    return false;
  }

  std::string expected() const {
    switch (state_) {
      case State::kStart: return "expected an array";
      case State::kKind: return "kind: expected text";
      case State::kTag: return "tag: expected a number";
      case State::kValue: {
        const bool is_number =
            tag_ == RecordTag::kDue || tag_ == RecordTag::kDelay || tag_ == RecordTag::kPlanned || tag_ == RecordTag::kAttempts;
        const bool is_array = tag_ == RecordTag::kTags || tag_ == RecordTag::kRetry;
        const std::string_view type = is_array ? "an array" : tag_ == RecordTag::kAttributes ? "a map" : is_number ? "a number" : "text";
        return std::string(name_of(tag_)) + ": expected " + std::string(type);
      }
      case State::kTagText: return "tags[" + std::to_string(listed_) + "]: expected text";
      case State::kAttributeName: return "attributes: expected text as a name";
      case State::kRetryNumber: return "retry: expected a number";
      case State::kAttributeValue: return "attribute " + quote(attribute_name()) + ": expected a boolean, number or text";
    }
    return "expected something else";
  }
  bool wrong_type(std::string_view got) { return bad_field(expected() + ", got " + std::string(got)); }
  bool container(std::string_view got) {
    const bool inside =
        state_ == State::kTagText || state_ == State::kAttributeName || state_ == State::kAttributeValue || state_ == State::kRetryNumber;
    if (inside) return refuse(ErrorCode::kTooDeep, expected() + ", got " + std::string(got));
    return wrong_type(got);
  }
  bool too_long(const std::string& what, std::size_t bytes, std::size_t bytes_max) {
    return bad_field(what + ": expected at most " + std::to_string(bytes_max) + " bytes, got " + std::to_string(bytes));
  }
  bool bad_field(std::string why) { return refuse(ErrorCode::kBadField, std::move(why)); }
  bool malformed(std::string why) { return refuse(ErrorCode::kMalformedFrame, std::move(why)); }
  bool refuse(ErrorCode code, std::string why) {
    refusal_ = Refusal{code, "metadata: " + std::move(why)};
    return false;
  }

  std::size_t bytes_ = 0;
  RecordMetadata* out_ = nullptr;
  State state_ = State::kStart;
  RecordTag tag_{};
  RecordSummary summary_;
  std::size_t listed_ = 0;                                        // tags or attributes seen so far
  std::array<std::string_view, limits::attributes_max> names_;    // their texts
  std::array<std::uint64_t, retry_numbers_most> numbers_{};       // of the retry policy, as many as listed_
  std::optional<Refusal> refusal_;
};
static_assert(limits::tags_max <= limits::attributes_max);

Result<RecordSummary, Refusal> walk_record(ByteView record, RecordMetadata* out) {
  if (record.size() > limits::metadata_bytes_max) {
    return failed(Refusal{ErrorCode::kMessageTooLarge, "metadata: " + std::to_string(record.size()) + " bytes, at most " +
                                                           std::to_string(limits::metadata_bytes_max) + " allowed"});
  }
  // Only scratch: it keeps the parser's stack, so that checking a record allocates nothing.
  static thread_local MsgpackWalk<RecordVisitor> walk;
  walk.visitor().begin(record, out);
  const auto end = walk.walk(record);
  if (walk.visitor().refusal()) return failed(*std::move(walk.visitor().refusal()));
  const auto malformed = [](std::string why) { return failed(Refusal{ErrorCode::kMalformedFrame, "metadata: " + std::move(why)}); };
  if (end.why == msgpack::PARSE_CONTINUE) return malformed("ends inside a value, after " + std::to_string(record.size()) + " bytes");
  if (end.why != msgpack::PARSE_SUCCESS) return malformed("byte " + std::to_string(end.at) + " is not msgpack");
  if (end.at != record.size()) return malformed(std::to_string(record.size() - end.at) + " bytes follow after its end");
  return walk.visitor().summary();
}

void pack_text(msgpack::packer<ByteSink>& packer, std::string_view text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

struct PackAttribute {
  ByteSink& sink;
  msgpack::packer<ByteSink>& packer;
  void operator()(bool value) const { packer.pack(value); }
  void operator()(std::int64_t value) const { packer.pack_int64(value); }
  /// By hand: the packer would make an integer of 2.0, and the attribute would change its type on the way.
  void operator()(double value) const {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    char bytes[9] = {'\xCB'};
    for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    sink.write(bytes, sizeof(bytes));
  }
  void operator()(const std::string& value) const { pack_text(packer, value); }
};

}  // namespace

bool RecordSummary::is_occurrence() const { return (tags_present & (bit(RecordTag::kSchedule) | bit(RecordTag::kPlanned))) != 0; }

bool RecordSummary::has_policy() const { return (tags_present & (bit(RecordTag::kAttempts) | bit(RecordTag::kRetry))) != 0; }

bool RecordSummary::is_scheduled() const { return (tags_present & (bit(RecordTag::kDue) | bit(RecordTag::kDelay))) != 0; }

WallTime RecordSummary::due(WallTime stored) const {
  if (due_ms != 0) return WallTime(std::chrono::milliseconds(due_ms));
  // It may have been stored at the end of its millisecond.
  return delay_ms == 0 ? stored : stored + std::chrono::milliseconds(delay_ms + 1);
}

void append_record(std::vector<std::byte>& out, const RecordMetadata& metadata) {
  ByteSink sink{out};
  msgpack::packer<ByteSink> packer(sink);
  const auto count = [](bool present) { return present ? 2u : 0u; };
  packer.pack_array(1 + count(!metadata.tags.empty()) + count(!metadata.attributes.empty()) + count(metadata.traceparent.has_value()) +
                    count(metadata.parent_id.has_value()) + count(metadata.content_type.has_value()) + count(metadata.due.has_value()) +
                    count(metadata.delay.has_value()) + count(metadata.schedule.has_value()) + count(metadata.planned.has_value()) +
                    count(metadata.policy.attempts_max.has_value()) + count(metadata.policy.retry.has_value()));
  pack_text(packer, metadata.kind);
  const auto tag = [&](RecordTag number) { packer.pack_uint8(static_cast<std::uint8_t>(number)); };
  if (!metadata.tags.empty()) {
    tag(RecordTag::kTags);
    packer.pack_array(static_cast<std::uint32_t>(metadata.tags.size()));
    for (const std::string& text : metadata.tags) pack_text(packer, text);
  }
  if (!metadata.attributes.empty()) {
    tag(RecordTag::kAttributes);
    packer.pack_map(static_cast<std::uint32_t>(metadata.attributes.size()));
    for (const auto& [name, value] : metadata.attributes) {
      pack_text(packer, name);
      std::visit(PackAttribute{sink, packer}, value);
    }
  }
  if (metadata.due) {
    tag(RecordTag::kDue);
    packer.pack_uint64(static_cast<std::uint64_t>(metadata.due->time_since_epoch().count()));
  }
  if (metadata.delay) {
    tag(RecordTag::kDelay);
    packer.pack_uint64(static_cast<std::uint64_t>(metadata.delay->count()));
  }
  if (metadata.policy.attempts_max) {
    tag(RecordTag::kAttempts);
    packer.pack_uint32(*metadata.policy.attempts_max);
  }
  const auto text_field = [&](RecordTag number, const std::optional<std::string>& text) {
    if (!text) return;
    tag(number);
    pack_text(packer, *text);
  };
  text_field(RecordTag::kTraceparent, metadata.traceparent);
  text_field(RecordTag::kParentId, metadata.parent_id);
  text_field(RecordTag::kContentType, metadata.content_type);
  text_field(RecordTag::kSchedule, metadata.schedule);
  if (metadata.planned) {
    tag(RecordTag::kPlanned);
    packer.pack_uint64(static_cast<std::uint64_t>(metadata.planned->time_since_epoch().count()));
  }
  if (const auto& retry = metadata.policy.retry) {
    const bool is_list = retry->backoff == Backoff::kList;
    tag(RecordTag::kRetry);
    packer.pack_array(static_cast<std::uint32_t>(3 + (is_list ? retry->delays_ms.size() : 2)));
    packer.pack_uint8(static_cast<std::uint8_t>(retry->backoff));
    packer.pack_uint32(retry->jitter_percent);
    packer.pack_uint64(retry->give_up_ms);
    if (is_list) {
      for (const std::uint64_t delay : retry->delays_ms) packer.pack_uint64(delay);
    } else {
      packer.pack_uint64(retry->base_ms);
      packer.pack_uint64(retry->cap_ms);
    }
  }
}

Result<RecordMetadata, Refusal> decode_record(ByteView record) {
  RecordMetadata metadata;
  auto walked = walk_record(record, &metadata);
  if (!walked) return failed(std::move(walked.error()));
  return metadata;
}

Result<RecordSummary, Refusal> check_record(ByteView record) { return walk_record(record, nullptr); }

}  // namespace takt::proto
