// Attacks on /metrics and the health pages.

#include <algorithm>
#include <deque>

#include "tests/attack/attacks.h"

namespace takt::attack {
namespace {

using namespace std::chrono_literals;
using takt::testing::bytes_of;

constexpr std::string_view begin = "GET /livez HTTP/1.1\r\nHost: x\r\nX: ";

void slow_requests(Attacker& me) {
  std::vector<Connection> held(200);
  while (me.goes_on()) {
    for (Connection& socket : held) {
      if (!socket) {
        socket = me.connect_http();
        me.send(socket, bytes_of(begin));
      } else if (!me.send(socket, bytes_of("a"))) {
        socket.reset();
      }
    }
    me.arena.linger(100ms);
  }
}

void large_headers(Attacker& me) {
  Bytes chunk = bytes_of("X: " + std::string(8'000, 'a') + "\r\n");
  while (me.goes_on()) {
    const Connection socket = me.connect_http();
    if (!me.send(socket, bytes_of("GET /metrics HTTP/1.1\r\n"))) continue;
    while (me.send(socket, chunk)) {}
  }
}

/// Every other time without the end of a line, of which there is otherwise one in 256 bytes.
void http_garbage(Attacker& me) {
  for (std::uint32_t i = 0; me.goes_on(); ++i) {
    Bytes bytes = takt::testing::random_bytes(me.random, 1 + me.random() % 20'000);
    if (i % 2 == 0) std::ranges::replace(bytes, std::byte{'\n'}, std::byte{' '});
    me.send(me.connect_http(), bytes);
  }
}

void requests(Attacker& me) {
  std::deque<Connection> held;
  while (me.goes_on()) {
    held.push_back(me.connect_http());
    me.send(held.back(), bytes_of("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    while (held.size() > 300) held.pop_front();
  }
}

const Counter cut_off{"takt_http_connections_refused_total"};

}  // namespace

std::vector<Attack> http_attacks() {
  return {
      {"http_slow_requests", "200 requests that come a byte at a time", slow_requests, {cut_off}},
      {"http_large_headers", "headers without end", large_headers, {cut_off}, 2},
      {"http_garbage", "random bytes, with and without ends of lines", http_garbage, {cut_off}, 2},
      {"http_requests", "requests for /metrics whose answers nobody reads, 300 at a time", requests, {cut_off}},
  };
}

}  // namespace takt::attack
