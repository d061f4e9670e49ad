#pragma once
// Random messages that keep every rule of fields.h, biased towards the ends of each range.

#include <limits>
#include <random>

#include "proto/fields.h"

namespace takt::proto {

class RandomFields {
 public:
  explicit RandomFields(std::uint64_t seed) : random_(seed) {}

  /// Draws until the rules that span fields hold too.
  template <class M>
  M message() {
    for (;;) {
      M drawn;
      held_ = true;
      fields(*this, drawn);
      if (held_) return drawn;
    }
  }

  template <class T, class Rule = Any>
  void operator()(std::string_view, T& field, const Rule& rule = {}) {
    fill(field, rule);
  }
  void require(bool held, std::string_view, std::string_view) { held_ = held_ && held; }

 private:
  std::uint64_t number(std::uint64_t least, std::uint64_t most) {
    switch (random_() % 4) {
      case 0: return least;
      case 1: return most;
      case 2: return least + random_() % std::min<std::uint64_t>(most - least + 1 == 0 ? most : most - least + 1, 300);
      default: return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
    }
  }
  template <std::unsigned_integral T>
  void fill(T& field, Between rule) {
    field = static_cast<T>(number(rule.least, std::min<std::uint64_t>(rule.most, std::numeric_limits<T>::max())));
  }
  template <std::unsigned_integral T>
  void fill(T& field, Any) {
    fill(field, Between{0, std::numeric_limits<T>::max()});
  }
  void fill(bool& field, Any) { field = random_() % 2 == 0; }
  template <class Tag, class Rep>
  void fill(StrongId<Tag, Rep>& field, Between rule) {
    fill(field.value, rule);
  }
  template <class Tag, class Rep>
  void fill(StrongId<Tag, Rep>& field, Any) {
    fill(field.value, Any{});
  }
  void fill(Offset& field, Any) { fill(field.value, Between{0, limits::place_max}); }
  void fill(Position& field, Any) { fill(field.value, Between{0, limits::place_max}); }
  template <class E>
    requires std::is_enum_v<E>
  void fill(E& field, Between rule) {
    field = static_cast<E>(number(rule.least, rule.most));
  }
  void fill(ErrorCode& field, Any) { field = static_cast<ErrorCode>(number(0, 0xFFFF)); }
  void fill(std::string& field, Name) {
    constexpr std::string_view letters = "abcXYZ019._-";
    field.resize(number(1, limits::name_bytes_max));
    for (char& c : field) c = letters[random_() % letters.size()];
  }
  void fill(std::string& field, NameOrEmpty rule) {
    if (random_() % 2 == 0) return field.clear();
    fill(field, Name{rule.what});
  }
  void fill(std::string& field, Text rule) {
    constexpr std::string_view euro = "\xE2\x82\xAC";
    field.assign(number(0, rule.bytes_max), static_cast<char>(random_() % 128));
    if (field.size() >= euro.size()) field.replace(0, euro.size(), euro);
  }
  template <class T, class Rule>
  void fill(std::optional<T>& field, const Rule& rule) {
    field.reset();
    if (random_() % 3 != 0) fill(field.emplace(), rule);
  }
  template <class T>
  void fill(std::vector<T>& field, Each rule) {
    field.resize(number(rule.entries.least, 5));
    for (T& entry : field) fill(entry, rule.rule);
  }
  template <class T>
  void fill(std::vector<T>& field, Entries rule) {
    field.resize(number(rule.least, std::min(rule.most, std::max<std::size_t>(rule.least, 5))));
    for (T& entry : field) fill(entry, Any{});
  }
  template <class M>
    requires requires(RandomFields& f, M& m) { fields(f, m); }
  void fill(M& part, Any) {
    // A part keeps its own rules; redrawn alone, or a list would hardly ever be valid as a whole.
    const bool held_before = held_;
    do {
      held_ = true;
      fields(*this, part);
    } while (!held_);
    held_ = held_before;
  }

  std::mt19937_64 random_;
  bool held_ = true;
};

}  // namespace takt::proto
