#include "tests/support/proof.h"

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>

namespace takt::testing {
namespace {

template <class Number>
Number from_environment(const char* name, Number otherwise) {
  const char* set = std::getenv(name);
  if (set == nullptr) return otherwise;
  const std::string_view text(set);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error(std::string(name) + "=" + set + ": that is no number it can take");
  return number;
}

}  // namespace

Slice slice_or(Slice otherwise) {
  return {from_environment("TAKT_PROVE_SEED", otherwise.seed), from_environment("TAKT_PROVE_COUNT", otherwise.count)};
}

void print_figures(std::initializer_list<std::pair<std::string_view, std::uint64_t>> figures) {
  std::string line = "figures {";
  for (const auto& [name, value] : figures) {
    if (line.back() != '{') line += ", ";
    line.append("\"").append(name).append("\": ").append(std::to_string(value));
  }
  std::cout << line << "}\n" << std::flush;
}

}  // namespace takt::testing
