#pragma once
// The decoding side of fields.h: tokens in, fields out, the first refusal kept.

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "proto/codec.h"
#include "proto/fields.h"
#include "proto/text.h"
#include "proto/tokens.h"

namespace takt::proto {

/// Reads one body. After the first refusal it does nothing more.
class BodyReader {
 public:
  /// `tokens` begins with the body's array.
  BodyReader(std::string_view message, std::span<const Token> tokens) : message_(message), tokens_(tokens) {}

  template <class M>
  void body(M& message) {
    structure(message);
  }
  const std::optional<Refusal>& refusal() const { return refusal_; }
  /// What follows the body.
  std::span<const Token> rest() const { return tokens_.subspan(at_); }

  template <class T, class Rule = Any>
  void operator()(std::string_view name, T& field, const Rule& rule = {}) {
    if (refusal_) return;
    path_[depth_++] = {name, std::nullopt};
    read(field, rule);
    --depth_;
  }
  void require(bool held, std::string_view name, std::string_view expected) {
    if (refusal_ || held) return;
    path_[depth_++] = {name, std::nullopt};
    refuse(ErrorCode::kBadField, "expected " + std::string(expected));
    --depth_;
  }

 private:
  struct Step {
    std::string_view name;
    std::optional<std::size_t> index;
  };
  struct Counter {
    std::size_t count = 0;
    template <class T, class Rule = Any>
    void operator()(std::string_view, T&, const Rule& = {}) {
      ++count;
    }
    void require(bool, std::string_view, std::string_view) {}
  };

  template <class M>
  void structure(M& message) {
    Counter counter;
    fields(counter, message);
    const Token& token = next();
    if (token.kind != Token::Kind::kArray) return wrong_kind("an array", token);
    if (token.size != counter.count) {
      return refuse(ErrorCode::kBadField, "expected " + std::to_string(counter.count) + " fields, got " + std::to_string(token.size));
    }
    fields(*this, message);
  }
  template <class M>
    requires requires(Counter& counter, M& m) { fields(counter, m); }
  void read(M& part, Any) {
    structure(part);
  }

  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  void read(T& field, Between rule) {
    const std::uint64_t most = std::min<std::uint64_t>(rule.most, std::numeric_limits<T>::max());
    const Token& token = next();
    if (token.kind != Token::Kind::kUnsigned) return wrong_kind("a number", token);
    if (token.number < rule.least || token.number > most) {
      return refuse(ErrorCode::kBadField,
                    "expected " + std::to_string(rule.least) + " to " + std::to_string(most) + ", got " + std::to_string(token.number));
    }
    field = static_cast<T>(token.number);
  }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  void read(T& field, Any) {
    read(field, Between{0, std::numeric_limits<T>::max()});
  }
  template <class Tag, class Rep>
  void read(StrongId<Tag, Rep>& field, Between rule) {
    read(field.value, rule);
  }
  template <class Tag, class Rep>
  void read(StrongId<Tag, Rep>& field, Any) {
    read(field.value, Any{});
  }
  void read(Offset& field, Any) { read(field.value, Between{0, limits::place_max}); }
  void read(Position& field, Any) { read(field.value, Between{0, limits::place_max}); }

  template <class E>
    requires std::is_enum_v<E>
  void read(E& field, Between rule) {
    std::underlying_type_t<E> number{};
    read(number, rule);
    if (!refusal_) field = static_cast<E>(number);
  }
  /// A newer broker may send codes that this version has no name for.
  void read(ErrorCode& field, Any) { read(field, Between{0, UINT16_MAX}); }

  void read(bool& field, Any) {
    const Token& token = next();
    if (token.kind != Token::Kind::kBool) return wrong_kind("a boolean", token);
    field = token.number != 0;
  }

  std::optional<std::string_view> text() {
    const Token& token = next();
    if (token.kind == Token::Kind::kText) return text_of(token);
    wrong_kind("text", token);
    return std::nullopt;
  }
  void read(std::string& field, Name rule) {
    const std::optional<std::string_view> name = text();
    if (!name) return;
    if (auto checked = check_name(rule.what, *name); !checked) return refuse(ErrorCode::kBadName, checked.error().message);
    field.assign(*name);
  }
  void read(std::string& field, NameOrEmpty rule) {
    if (at_ < tokens_.size() && tokens_[at_].kind == Token::Kind::kText && tokens_[at_].size == 0) {
      ++at_;
      return field.clear();
    }
    read(field, Name{rule.what});
  }
  void read(std::string& field, Text rule) {
    const std::optional<std::string_view> read_text = text();
    if (!read_text) return;
    if (read_text->size() > rule.bytes_max) {
      return refuse(ErrorCode::kBadField,
                    "expected at most " + std::to_string(rule.bytes_max) + " bytes, got " + std::to_string(read_text->size()));
    }
    if (!is_utf8(*read_text)) return refuse(ErrorCode::kBadField, "expected UTF-8, got " + quote(*read_text));
    field.assign(*read_text);
  }

  template <class T, class Rule>
  void read(std::optional<T>& field, const Rule& rule) {
    if (at_ < tokens_.size() && tokens_[at_].kind == Token::Kind::kNil) {
      ++at_;
      return field.reset();
    }
    read(field.emplace(), rule);
  }
  template <class T>
  void read(std::vector<T>& field, Entries rule) {
    read(field, rule, Any{});
  }
  template <class T>
  void read(std::vector<T>& field, Each rule) {
    read(field, rule.entries, rule.rule);
  }
  template <class T, class EntryRule>
  void read(std::vector<T>& field, Entries rule, EntryRule entry_rule) {
    const Token& token = next();
    if (token.kind != Token::Kind::kArray) return wrong_kind("an array", token);
    if (token.size < rule.least || token.size > rule.most) {
      const std::string expected =
          rule.least == rule.most ? std::to_string(rule.least) : std::to_string(rule.least) + " to " + std::to_string(rule.most);
      return refuse(ErrorCode::kBadField, "expected " + expected + " entries, got " + std::to_string(token.size));
    }
    field.clear();
    field.reserve(token.size);   // as many tokens at least were really read
    for (std::size_t i = 0; i < token.size && !refusal_; ++i) {
      path_[depth_ - 1].index = i;
      read(field.emplace_back(), entry_rule);
    }
    if (!refusal_) path_[depth_ - 1].index.reset();
  }

  const Token& next() {
    static constexpr Token nothing{};
    return at_ < tokens_.size() ? tokens_[at_++] : nothing;
  }
  void wrong_kind(std::string_view expected, const Token& token) {
    refuse(ErrorCode::kBadField, "expected " + std::string(expected) + ", got " + std::string(name_of(token.kind)));
  }
  void refuse(ErrorCode code, std::string_view why) {
    std::string text(message_);
    for (std::size_t i = 0; i < depth_; ++i) {
      text += i == 0 ? ": field '" : ".";
      text += path_[i].name;
      if (path_[i].index) text += "[" + std::to_string(*path_[i].index) + "]";
    }
    text += depth_ == 0 ? ": " : "': ";
    refusal_ = Refusal{code, text.append(why)};
  }

  std::string_view message_;
  std::span<const Token> tokens_;
  std::size_t at_ = 0;
  std::array<Step, limits::depth_max> path_{};
  std::size_t depth_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace takt::proto
