#include "broker/transport/arrivals.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace takt::transport {

std::vector<std::size_t> in_runs(std::span<const ConnectionId> senders) {
  std::vector<std::size_t> order(senders.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (std::ranges::adjacent_find(senders, std::ranges::not_equal_to{}) == senders.end()) return order;

  struct Sender {
    std::size_t rank = 0;
    std::size_t messages = 0;
  };
  std::unordered_map<ConnectionId, Sender> known;
  std::vector<std::pair<std::size_t, std::size_t>> places;   // round, and rank in it
  places.reserve(senders.size());
  for (const ConnectionId id : senders) {
    Sender& sender = known.try_emplace(id, Sender{known.size()}).first->second;
    places.emplace_back(sender.messages++ / run_messages_max, sender.rank);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t index) { return places[index]; });
  return order;
}

}  // namespace takt::transport
