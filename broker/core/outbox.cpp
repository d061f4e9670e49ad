#include "broker/core/outbox.h"

#include "proto/limits.h"
#include "proto/planted_bug.h"

namespace takt::core {

bool Outbox::joined(Effect& last, const Effect& next) {
  auto* const run = std::get_if<Outgoing>(&last);
  const auto* const one = std::get_if<Outgoing>(&next);
  if (run == nullptr || one == nullptr || run->session != one->session) return false;
  auto* const stored = std::get_if<proto::Published>(&run->body);
  const auto* const more = std::get_if<proto::Published>(&one->body);
  if (stored == nullptr || more == nullptr || stored->requests == limits::entries_max) return false;
  const std::uint64_t messages = std::uint64_t{stored->requests} * stored->count;
  const bool is_next = one->correlation == run->correlation.plus(stored->requests) &&
                       more->first_position == stored->first_position.plus(messages) &&
                       more->first_offset == stored->first_offset.plus(messages);
  const bool goes_on =
      (is_next || planted(PlantedBug::kAnswerJoinedOverGap)) && more->count == stored->count && !stored->duplicate && !more->duplicate;
  if (goes_on) ++stored->requests;
  return goes_on;
}

}  // namespace takt::core
