#include "proto/tokens.h"

#include <optional>
#include <string>
#include <vector>

#include "proto/msgpack_walk.h"

namespace takt::proto {
namespace {

/// Keeps two counts that make a declared size harmless: `read_` is a lower bound of the bytes read so far (a value takes
/// at least one), `owed_` the elements that open containers still ask for. More owed than bytes left: refused at once.
class TokenVisitor : public msgpack::null_visitor {
 public:
  void begin(ByteView bytes, const TokenLimits& limits) {
    bytes_ = bytes.size();
    limits_ = limits;
  }
  void init() {
    tokens_.clear();
    refusal_.reset();
    read_ = 0;
    owed_ = 1;
    depth_ = 0;
  }

  bool visit_nil() { return add({.kind = Token::Kind::kNil}, 0); }
  bool visit_boolean(bool value) { return add({.kind = Token::Kind::kBool, .number = value ? 1u : 0u}, 0); }
  bool visit_positive_integer(std::uint64_t value) { return add({.kind = Token::Kind::kUnsigned, .number = value}, 0); }
  bool visit_negative_integer(std::int64_t value) {
    // The signed formats may hold positive numbers; some encoders use them so.
    if (value >= 0) return visit_positive_integer(static_cast<std::uint64_t>(value));
    return add({.kind = Token::Kind::kNegative, .number = static_cast<std::uint64_t>(value)}, 0);
  }
  bool visit_float32(float) { return add({.kind = Token::Kind::kFloat}, 0); }
  bool visit_float64(double) { return add({.kind = Token::Kind::kFloat}, 0); }
  bool visit_str(const char* text, std::uint32_t size) {
    return add({.kind = Token::Kind::kText, .size = size, .number = reinterpret_cast<std::uintptr_t>(text)}, size);
  }
  bool visit_bin(const char* bytes, std::uint32_t size) {
    return add({.kind = Token::Kind::kBinary, .size = size, .number = reinterpret_cast<std::uintptr_t>(bytes)}, size);
  }
  bool visit_ext(const char*, std::uint32_t size) { return add({.kind = Token::Kind::kExtension, .size = size}, size); }
  bool start_array(std::uint32_t elements) { return open(Token::Kind::kArray, elements, elements); }
  bool start_map(std::uint32_t pairs) { return open(Token::Kind::kMap, pairs, std::uint64_t{pairs} * 2); }
  bool end_array() { return close(); }
  bool end_map() { return close(); }

  std::span<const Token> tokens() const { return tokens_; }
  std::optional<Refusal>& refusal() { return refusal_; }

 private:
  bool add(Token token, std::size_t extra_bytes) {
    if (tokens_.size() >= limits_.tokens_max) {
      return refuse(ErrorCode::kFrameTooLarge, "envelope: more than " + std::to_string(limits_.tokens_max) + " values");
    }
    tokens_.push_back(token);
    read_ += 1 + extra_bytes;
    --owed_;
    return true;
  }
  bool open(Token::Kind kind, std::uint32_t size, std::uint64_t elements) {
    if (depth_ >= limits_.depth_max) {
      return refuse(ErrorCode::kTooDeep, "envelope: nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    }
    if (!add({.kind = kind, .size = size}, 0)) return false;
    ++depth_;
    owed_ += elements;
    if (owed_ > bytes_ - read_) {
      return refuse(ErrorCode::kMalformedFrame, "envelope: declares " + std::to_string(size) + " elements, more than its " +
                                                    std::to_string(bytes_) + " bytes can hold");
    }
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool refuse(ErrorCode code, std::string message) {
    refusal_ = Refusal{code, std::move(message)};
    return false;
  }

  std::vector<Token> tokens_;
  std::optional<Refusal> refusal_;
  TokenLimits limits_;
  std::size_t bytes_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t owed_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

std::string_view name_of(Token::Kind kind) {
  switch (kind) {
    case Token::Kind::kNil: return "nil";
    case Token::Kind::kBool: return "a boolean";
    case Token::Kind::kUnsigned: return "a number";
    case Token::Kind::kNegative: return "a negative number";
    case Token::Kind::kFloat: return "a floating-point number";
    case Token::Kind::kText: return "text";
    case Token::Kind::kBinary: return "binary";
    case Token::Kind::kExtension: return "an extension value";
    case Token::Kind::kArray: return "an array";
    case Token::Kind::kMap: return "a map";
  }
  return "nothing";
}

std::string_view text_of(const Token& token) { return {reinterpret_cast<const char*>(token.number), token.size}; }
ByteView binary_of(const Token& token) { return {reinterpret_cast<const std::byte*>(token.number), token.size}; }

struct Tokenizer::Body {
  MsgpackWalk<TokenVisitor> walk;
};

Tokenizer::Tokenizer() : body_(std::make_unique<Body>()) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Result<void, Refusal> Tokenizer::read(ByteView bytes, const TokenLimits& limits) {
  TokenVisitor& visitor = body_->walk.visitor();
  visitor.begin(bytes, limits);
  visitor.init();
  if (bytes.size() > limits.bytes_max) {
    return failed(Refusal{ErrorCode::kFrameTooLarge, "envelope: " + std::to_string(bytes.size()) + " bytes, at most " +
                                                         std::to_string(limits.bytes_max) + " allowed"});
  }
  const auto end = body_->walk.walk(bytes);
  if (visitor.refusal()) return failed(*std::move(visitor.refusal()));
  const auto malformed = [](std::string message) { return failed(Refusal{ErrorCode::kMalformedFrame, std::move(message)}); };
  if (end.why == msgpack::PARSE_CONTINUE)
    return malformed("envelope: ends inside a value, after " + std::to_string(bytes.size()) + " bytes");
  if (end.why != msgpack::PARSE_SUCCESS) return malformed("envelope: byte " + std::to_string(end.at) + " is not msgpack");
  if (end.at != bytes.size()) {
    return malformed("envelope: " + std::to_string(bytes.size() - end.at) + " bytes follow after its end");
  }
  return {};
}

std::span<const Token> Tokenizer::tokens() const { return body_->walk.visitor().tokens(); }

}  // namespace takt::proto
