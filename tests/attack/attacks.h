#pragma once
// The attacks, each with what must stop it. docs/testing.md has them as a table.

#include <span>
#include <string>
#include <vector>

#include "tests/attack/arena.h"
#include "tests/attack/honest.h"

namespace takt::attack {

/// A family of /metrics, and labels that its samples must have.
struct Counter {
  std::string family;
  std::vector<std::string> labels{};
  std::vector<Counter> or_else{};   ///< what may grow in its place
};
/// Where it is the machine's to say which bound is reached first.
Counter one_of(Counter first, std::vector<Counter> others);
/// `takt_requests_refused_total` of one code.
inline Counter refused(const std::string& code) { return {"takt_requests_refused_total", {"code=\"" + code + "\""}}; }

struct Attack {
  std::string name;
  std::string what;
  void (*run)(Attacker&);                     ///< until the arena ends it
  std::vector<Counter> counted;               ///< each has grown when the broker was put to the test; never empty
  std::uint32_t threads = 1;
  std::vector<std::string> settings{};        ///< of the broker, as taktd --set takes them
  std::optional<std::uint32_t> descriptors_max{};   ///< of the broker
  HonestOptions::Newcomers newcomers = HonestOptions::Newcomers::kExpected;
  void (*prepare)(Attacker&) = nullptr;       ///< before anything is measured
};

/// By family; all_attacks() has every one.
std::vector<Attack> connection_attacks();
std::vector<Attack> frame_attacks();
std::vector<Attack> malformed_attacks();
std::vector<Attack> session_attacks();
std::vector<Attack> reader_attacks();
std::vector<Attack> http_attacks();
const std::vector<Attack>& all_attacks();

}  // namespace takt::attack
