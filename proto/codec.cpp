#include "proto/codec.h"

#include <algorithm>

#include "proto/body_reader.h"
#include "proto/body_writer.h"

namespace takt::proto {
namespace {

constexpr std::uint32_t envelope_elements = 4;
constexpr std::uint32_t section_elements = 2;
constexpr std::size_t small_envelope_bytes = 128;

template <class Body>
std::vector<std::byte> encode_envelope(const Body& body, CorrelationId correlation, const SectionViews* sections = nullptr) {
  std::vector<std::byte> out;
  out.reserve(small_envelope_bytes + (sections == nullptr ? 0 : sections->metadata.size() + sections->payload.size()));
  ByteSink sink{out};
  msgpack::packer<ByteSink> packer(sink);
  packer.pack_array(envelope_elements + (sections == nullptr ? 0 : section_elements));
  packer.pack_uint64(protocol_version);
  packer.pack_uint64(static_cast<std::uint8_t>(type_of(body)));
  packer.pack_uint64(correlation.value);
  std::visit([&](const auto& message) { BodyWriter(packer).body(message); }, body);
  if (sections == nullptr) return out;
  for (const ByteView section : {sections->metadata, sections->payload}) {
    packer.pack_bin(static_cast<std::uint32_t>(section.size()));
    packer.pack_bin_body(as_text(section).data(), static_cast<std::uint32_t>(section.size()));
  }
  return out;
}

/// What the envelope says before its body begins.
struct EnvelopeHead {
  std::uint64_t type = 0;
  std::optional<CorrelationId> correlation;
  bool has_sections = false;
};

/// Reads as much of the head as the tokens hold; it may be called on what was read of a broken envelope.
Result<EnvelopeHead, Refusal> read_head(std::span<const Token> tokens) {
  const auto malformed = [](std::string message) { return failed(Refusal{ErrorCode::kMalformedFrame, std::move(message)}); };
  const auto number = [&](std::size_t i) -> std::optional<std::uint64_t> {
    if (i >= tokens.size() || tokens[i].kind != Token::Kind::kUnsigned) return std::nullopt;
    return tokens[i].number;
  };
  if (tokens.empty() || tokens[0].kind != Token::Kind::kArray)
    return malformed("envelope: expected an array of 4: version, type, correlation id, body");
  const auto version = number(1);
  if (!version) return malformed("envelope: expected the protocol version, a number, first");
  if (*version != protocol_version) {
    return failed(Refusal{ErrorCode::kUnsupportedVersion, "envelope: protocol version " + std::to_string(*version) + ", only " +
                                                              std::to_string(protocol_version) + " is spoken here"});
  }
  const bool has_sections = tokens[0].size == envelope_elements + section_elements;
  if (tokens[0].size != envelope_elements && !has_sections)
    return malformed("envelope: expected 4 elements, or 6 with sections, got " + std::to_string(tokens[0].size));
  const auto type = number(2);
  if (!type) return malformed("envelope: expected the message type, a number, second");
  const auto correlation = number(3);
  if (!correlation) return malformed("envelope: expected the correlation id, a number, third");
  return EnvelopeHead{.type = *type, .correlation = CorrelationId(*correlation), .has_sections = has_sections};
}

template <class Variant>
struct Alternatives;
template <class... M>
struct Alternatives<std::variant<M...>> {
  /// Makes `out` the message of number `type`; false if there is none.
  static bool emplace(std::uint64_t type, std::variant<M...>& out) {
    return ((static_cast<std::uint64_t>(M::type) == type && (out.template emplace<M>(), true)) || ...);
  }
};

std::string unknown_type(std::uint64_t type, std::string_view direction) {
  std::string text = "envelope: type " + std::to_string(type);
  if (type <= UINT8_MAX && name_of(MessageType{static_cast<std::uint8_t>(type)}) != "unknown") {
    text += " (" + std::string(name_of(MessageType{static_cast<std::uint8_t>(type)})) + ")";
  }
  return text.append(" is not a ").append(direction);
}

/// The two elements behind the body of an envelope that has them.
Result<SectionViews, Refusal> read_sections(MessageType type, std::span<const Token> tokens) {
  const auto malformed = [&](std::string_view what) {
    return failed(Refusal{ErrorCode::kMalformedFrame, "envelope: " + std::string(name_of(type)) + std::string(what)});
  };
  if (frame_count(type) == 1) return malformed(" has no sections: expected 4 elements, got 6");
  const bool are_binary =
      tokens.size() == section_elements && tokens[0].kind == Token::Kind::kBinary && tokens[1].kind == Token::Kind::kBinary;
  if (!are_binary) return malformed(": expected its metadata and payload section, both binary, after the body");
  return SectionViews{binary_of(tokens[0]), binary_of(tokens[1])};
}

/// Decoded is DecodedRequest or DecodedReply.
template <class Decoded>
Result<Decoded, DecodeFailure> decode_envelope(Tokenizer& tokenizer, ByteView envelope, const TokenLimits& token_limits,
                                               std::string_view direction) {
  const auto read = tokenizer.read(envelope, token_limits);
  const std::span<const Token> tokens = tokenizer.tokens();
  const auto head = read_head(tokens);
  if (!read) return failed(DecodeFailure{read.error(), head ? head->correlation : std::nullopt});
  if (!head) return failed(DecodeFailure{head.error(), std::nullopt});

  Decoded decoded{.correlation = *head->correlation, .body = {}};
  if (!Alternatives<decltype(decoded.body)>::emplace(head->type, decoded.body)) {
    return failed(DecodeFailure{Refusal{ErrorCode::kUnknownType, unknown_type(head->type, direction)}, head->correlation});
  }
  BodyReader reader(name_of(type_of(decoded.body)), tokens.subspan(envelope_elements));
  std::visit([&](auto& message) { reader.body(message); }, decoded.body);
  if (reader.refusal()) return failed(DecodeFailure{*reader.refusal(), head->correlation});
  if (!head->has_sections) return decoded;
  if constexpr (requires { decoded.sections; }) {
    const auto sections = read_sections(type_of(decoded.body), reader.rest());
    if (!sections) return failed(DecodeFailure{sections.error(), head->correlation});
    decoded.sections = *sections;
    return decoded;
  } else {
    return failed(
        DecodeFailure{Refusal{ErrorCode::kMalformedFrame, "envelope: a reply's sections stand in frames of their own"}, head->correlation});
  }
}

}  // namespace

std::vector<std::byte> encode(const Request& request, CorrelationId correlation) { return encode_envelope(request, correlation); }
std::vector<std::byte> encode(const Reply& reply, CorrelationId correlation) { return encode_envelope(reply, correlation); }
std::vector<std::byte> encode(const Request& request, CorrelationId correlation, const SectionViews& sections) {
  return encode_envelope(request, correlation, &sections);
}

struct Decoder::Tokens {
  Tokenizer tokenizer;
};

Decoder::Decoder() : tokens_(std::make_unique<Tokens>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<DecodedRequest, DecodeFailure> Decoder::request(ByteView envelope) {
  return decode_envelope<DecodedRequest>(
      tokens_->tokenizer, envelope,
      {.bytes_max = limits::envelope_bytes_max, .tokens_max = limits::tokens_max, .depth_max = limits::depth_max}, "request");
}

Result<DecodedReply, DecodeFailure> Decoder::reply(ByteView envelope) {
  return decode_envelope<DecodedReply>(
      tokens_->tokenizer, envelope,
      {.bytes_max = limits::reply_envelope_bytes_max, .tokens_max = limits::reply_tokens_max, .depth_max = limits::depth_max}, "reply");
}

std::size_t frame_count(MessageType type) {
  const bool has_sections = type == MessageType::kPublish || type == MessageType::kComplete || type == MessageType::kPutSchedule ||
                            type == MessageType::kDeliver || type == MessageType::kPeeked;
  return has_sections ? 3 : 1;
}

MessageType type_of(const Request& request) {
  return std::visit([](const auto& message) { return message.type; }, request);
}
MessageType type_of(const Reply& reply) {
  return std::visit([](const auto& message) { return message.type; }, reply);
}

Result<void, Refusal> check_name(std::string_view what, std::string_view name) {
  const auto bad = [&](const std::string& why) {
    return failed(Refusal{ErrorCode::kBadName, std::string(what) + " name " + why + "; a name has 1 to " +
                                                   std::to_string(limits::name_bytes_max) + " of the characters A-Z a-z 0-9 . _ -"});
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > limits::name_bytes_max) return bad("has " + std::to_string(name.size()) + " bytes");
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  const auto found = std::ranges::find_if_not(name, allowed);
  if (found != name.end()) return bad(quote(name) + " has " + quote(std::string_view(&*found, 1)));
  return {};
}

}  // namespace takt::proto
