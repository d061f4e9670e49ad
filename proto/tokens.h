#pragma once
// A msgpack envelope as a flat list of tokens, in the order of its bytes.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "proto/error_code.h"
#include "proto/result.h"
#include "proto/shared_bytes.h"

namespace takt::proto {

struct Token {
  enum class Kind : std::uint8_t { kNil, kBool, kUnsigned, kNegative, kFloat, kText, kBinary, kExtension, kArray, kMap };
  Kind kind = Kind::kNil;
  std::uint32_t size = 0;      ///< elements of an array, pairs of a map, bytes of a text or binary
  std::uint64_t number = 0;    ///< value of a boolean or unsigned; of a text or binary its address
};

/// "a number", "text", ... for messages to people.
std::string_view name_of(Token::Kind kind);
/// What a kText or kBinary token stands for; lives as long as the bytes that were read.
std::string_view text_of(const Token& token);
ByteView binary_of(const Token& token);

struct TokenLimits {
  std::size_t bytes_max = 0;
  std::size_t tokens_max = 0;
  std::size_t depth_max = 0;
};

/// Splits envelopes into tokens. The list is kept between calls; its size follows the bytes that came, never a
/// declared count.
class Tokenizer {
 public:
  Tokenizer();
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Reads exactly one msgpack value that fills `bytes`.
  /// Refusals: kMalformedFrame, kFrameTooLarge, kTooDeep; tokens() then holds what was read before.
  Result<void, Refusal> read(ByteView bytes, const TokenLimits& limits);
  /// Of the last read().
  std::span<const Token> tokens() const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace takt::proto
