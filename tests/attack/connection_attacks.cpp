// Attacks before the first message: connections, handshakes and the names that peers give themselves.

#include <deque>

#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::append;
using takt::testing::bytes_of;
using takt::testing::random_bytes;
using takt::testing::zmtp_greeting;
using takt::testing::zmtp_ready;

void random_peers(Attacker& me) {
  while (me.goes_on()) me.send(me.connect(), random_bytes(me.random, 1 + me.random() % 65'536));
}

/// A thousand connections of which a third says nothing, a third half a greeting, a third half a READY; each gets a byte
/// more now and then, and another one when it is closed.
void half_handshakes(Attacker& me) {
  constexpr std::size_t count = 1'000;
  Bytes whole = zmtp_greeting();
  append(whole, zmtp_ready());
  struct Half {
    Connection socket;
    std::size_t said = 0;
  };
  std::vector<Half> halves(count);
  while (me.goes_on()) {
    for (std::size_t i = 0; i < count && me.goes_on(); ++i) {
      Half& half = halves[i];
      if (!half.socket) {
        half = {me.connect(), 0};
        const std::size_t begin = i % 3 == 0 ? 0 : i % 3 == 1 ? 32 : 64 + 10;
        if (me.send(half.socket, std::span(whole).first(begin))) half.said = begin;
      } else if (half.said + 1 >= whole.size() || !me.send(half.socket, std::span(whole).subspan(half.said++, 1))) {
        half.socket.reset();
      }
    }
    me.arena.linger(100ms);
  }
}

void wrong_mechanisms(Attacker& me) {
  const std::vector<std::string> mechanisms{"CURVE", "PLAIN", "GSSAPI", "NONSENSE", "", std::string(20, 'N')};
  while (me.goes_on()) {
    for (const std::string& mechanism : mechanisms) {
      Bytes bytes = zmtp_greeting(mechanism);
      append(bytes, takt::testing::zmtp_command("HELLO", random_bytes(me.random, 190)));
      me.send(me.connect(), bytes);
    }
  }
}

void churn(Attacker& me) {
  while (me.goes_on()) me.send(me.connect(), bytes_of({0xFF}));
}

/// Opens connections up to the broker's limit and beyond, and keeps those that it is left.
template <bool WithHandshake>
void flood(Attacker& me) {
  constexpr std::size_t held_max = 3'000;
  std::deque<Connection> held;
  while (me.goes_on()) {
    if (held.size() >= held_max) held.pop_front();
    held.push_back(WithHandshake ? me.shake_hands() : me.connect());
  }
}

/// libzmq counts its automatic ids up from rand(), which begins with 6b8b4567 when nobody seeds it. If whoever announces the id that
/// comes next had it, the next anonymous client's entry would fail, and libzmq stop the process.
void predicted_identities(Attacker& me) {
  std::deque<Connection> held;
  std::uint32_t next = 0x6b8b4567;
  while (me.goes_on()) {
    const std::uint32_t guess = me.random() % 2 == 0 ? next++ : static_cast<std::uint32_t>(me.random());
    std::string identity(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) identity += static_cast<char>(guess >> shift);
    held.push_back(me.shake_hands(identity));
    held.push_back(me.shake_hands());
    while (held.size() > 100) held.pop_front();
  }
}

void twin_identities(Attacker& me) {
  std::deque<Connection> held;
  while (me.goes_on()) {
    held.push_back(me.shake_hands("twin"));
    if (held.back()) me.send(held.back(), proto::Hello{ClientId(me.any()), proto::ClientKind::kTool, "twin", "takt_attack"});
    while (held.size() > 50) held.pop_front();
  }
}

constexpr auto unheard = "takt_connections_unheard_total";
constexpr auto routing_ids = "takt_routing_ids_ignored_total";

}  // namespace

std::vector<Attack> connection_attacks() {
  const auto shut_out = HonestOptions::Newcomers::kShutOut;
  return {
      {"random_bytes", "connections that send random bytes", random_peers, {{unheard}}, 2},
      {"half_handshakes", "1,000 connections that never finish greeting or READY, a byte at a time", half_handshakes, {{unheard}}},
      {"wrong_mechanisms", "handshakes with mechanisms that the broker has not", wrong_mechanisms, {{unheard}}},
      {"connection_churn", "connections that come and go at once", churn, {{unheard}}, 2},
      {"connection_flood",
       "3,000 idle connections where 1,000 are allowed",
       flood<false>,
       {{"takt_connections_refused_total"}},
       1,
       {"limits.connections=1000"},
       {},
       shut_out},
      {"handshake_flood",
       "3,000 connections with a handshake where 1,000 are allowed",
       flood<true>,
       {{"takt_connections_refused_total"}},
       1,
       {"limits.connections=1000"},
       {},
       shut_out},
      {"descriptor_exhaustion",
       "more connections than a broker with 300 descriptors has",
       flood<false>,
       {{"takt_connections_refused_total"}},
       1,
       {},
       300,
       shut_out},
      {"predicted_identities", "routing ids that libzmq would give to others", predicted_identities, {{routing_ids}}},
      {"twin_identities", "many connections under one routing id", twin_identities, {{routing_ids}}},
  };
}

}  // namespace takt::attack
