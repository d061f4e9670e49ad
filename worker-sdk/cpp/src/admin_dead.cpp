// Admin's calls about dead letters.

#include <algorithm>
#include <thread>

#include "proto/limits.h"
#include "worker-sdk/cpp/src/admin_body.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;
using SysTime = std::chrono::sys_time<std::chrono::milliseconds>;

constexpr std::uint32_t failure_worker_lost = 1;
constexpr std::uint32_t failure_application_base = 1000;

std::optional<Error> check_query(const DeadQuery& query) {
  if (auto error = check_topic("DeadQuery.topic", query.topic)) return error;
  if (auto error = check_topic("DeadQuery.group", query.group)) return error;
  if (query.places.size() > limits::dead_at_once_max) return bad_option("DeadQuery.places", "there may be 1,000 of them");
  if (std::ranges::any_of(query.places, [](const Place& place) { return place.priority >= lane_count; }))
    return bad_option("DeadQuery.places", "each priority must be 0 to 7");
  const auto is_past = [](const std::optional<SysTime>& time) { return time && time->time_since_epoch().count() < 0; };
  if (is_past(query.from)) return bad_option("DeadQuery.from", "it must not be before 1970");
  if (is_past(query.until)) return bad_option("DeadQuery.until", "it must not be before 1970");
  return std::nullopt;
}

proto::Place to_wire(const Place& place) { return {Lane(place.priority), Offset(place.offset)}; }

/// What of the query concerns the partition; none: nothing does.
std::optional<proto::DeadSelection> to_wire(const DeadQuery& query, std::uint32_t partition) {
  proto::DeadSelection selection;
  for (const Place& place : query.places)
    if (place.partition == partition) selection.places.push_back(to_wire(place));
  if (selection.places.empty() && !query.places.empty()) return std::nullopt;
  const auto ms = [](SysTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); };
  if (query.reason) selection.reason = static_cast<proto::DeadReason>(*query.reason);
  if (query.code) selection.code = failure_application_base + *query.code;
  if (query.from) selection.from_ms = ms(*query.from);
  if (query.until) selection.until_ms = ms(*query.until);
  if (query.before) selection.before = Position(query.before->positions[partition]);
  return selection;
}

DeadLetter to_public(const proto::DeadEntry& entry, std::uint32_t partition) {
  const auto time = [](std::uint64_t ms) { return SysTime(std::chrono::milliseconds(ms)); };
  DeadLetter letter;
  letter.place = {partition, entry.place.lane.value, entry.place.offset.value};
  letter.attempts = entry.attempts;
  letter.reason = static_cast<DeadReason>(entry.reason);
  letter.time = time(entry.time_ms);
  for (const proto::FailureEntry& failure : entry.failures) {
    const bool is_death = failure.code == failure_worker_lost;
    const auto code = static_cast<std::uint16_t>(is_death ? 0 : failure.code - failure_application_base);
    letter.errors.push_back({time(failure.time_ms), failure.worker, is_death, code, failure.text});
  }
  return letter;
}

/// Waits until `done` messages may have been dealt with.
void keep_pace(const PaceOptions& pace, std::chrono::steady_clock::time_point began, std::uint64_t done) {
  if (pace.per_second == 0) return;
  std::this_thread::sleep_until(began + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                            std::chrono::duration<double>(static_cast<double>(done) / pace.per_second)));
}

}  // namespace

std::string_view text_of(DeadReason reason) { return name_of(static_cast<proto::DeadReason>(reason)); }

Result<DeadPage> Admin::dead_letters(const DeadQuery& query, const DeadPageOptions& options) {
  if (auto error = check_query(query)) return tl::make_unexpected(std::move(*error));
  if (options.letters_max < 1 || options.letters_max > limits::dead_at_once_max)
    return tl::make_unexpected(bad_option("DeadPageOptions.letters_max", "it must be 1 to 1,000"));
  if (options.from.priority >= lane_count) return tl::make_unexpected(bad_option("DeadPageOptions.from", "its priority must be 0 to 7"));
  const auto info = broker();
  if (!info) return tl::make_unexpected(info.error());
  if (query.before && query.before->positions.size() != info->partitions)
    return tl::make_unexpected(bad_option("DeadQuery.before", "it is not of a count by this broker"));
  DeadPage page;
  for (Place from = options.from; from.partition < info->partitions; from = {from.partition + 1, 0, 0}) {
    const auto selection = to_wire(query, from.partition);
    if (!selection) continue;
    auto answer = body_->ask(proto::ListDead{PartitionId(from.partition), query.topic, query.group, *selection, to_wire(from),
                                             options.letters_max - static_cast<std::uint32_t>(page.letters.size())});
    auto reply = expect<proto::DeadListed>(answer);
    if (!reply) return tl::make_unexpected(std::move(reply.error()));
    for (const proto::DeadEntry& entry : reply->entries) page.letters.push_back(to_public(entry, from.partition));
    if (reply->next) page.next = Place{from.partition, reply->next->lane.value, reply->next->offset.value};
    if (!page.next && page.letters.size() == options.letters_max && from.partition + 1 < info->partitions)
      page.next = Place{from.partition + 1, 0, 0};
    if (page.next) break;
  }
  for (DeadLetter& letter : page.letters) {
    if (!options.with_messages) break;
    auto found = peek({query.topic, letter.place.partition, letter.place.priority, letter.place.offset, 1});
    if (!found) return tl::make_unexpected(std::move(found.error()));
    if (!found->messages.empty() && found->messages.front().offset == letter.place.offset)
      letter.message = std::move(found->messages.front());
  }
  return page;
}

Result<DeadCount> Admin::change_dead(const DeadQuery& query, DeadAction action, const PaceOptions& pace) {
  if (auto error = check_query(query)) return tl::make_unexpected(std::move(*error));
  const auto info = broker();
  if (!info) return tl::make_unexpected(info.error());
  if (query.before && query.before->positions.size() != info->partitions)
    return tl::make_unexpected(bad_option("DeadQuery.before", "it is not of a count by this broker"));
  const auto began = std::chrono::steady_clock::now();
  const auto all_at_once = static_cast<std::uint32_t>(limits::dead_at_once_max);
  // At a bounded pace ten times a second.
  const std::uint32_t at_once = pace.per_second == 0 ? all_at_once : std::clamp(pace.per_second / 10, 1u, all_at_once);
  DeadCount done;
  for (std::uint32_t partition = 0; partition < info->partitions; ++partition) {
    auto selection = to_wire(query, partition);
    if (!selection) {   // none of its places is here
      done.end.positions.push_back(0);
      continue;
    }
    const auto ask = [&](proto::DeadAction what, proto::Place from, std::uint32_t most) -> Result<proto::DeadChanged> {
      auto answer = body_->ask(proto::ChangeDead{PartitionId(partition), query.topic, query.group, what, *selection, from, most});
      return expect<proto::DeadChanged>(answer);
    };
    if (!selection->before) {
      const auto first = ask(proto::DeadAction::kCount, {}, 1);   // where the log ends before anything is changed
      if (!first) return tl::make_unexpected(first.error());
      selection->before = first->end;
    }
    done.end.positions.push_back(selection->before->value);
    std::optional<proto::Place> from{std::in_place};
    while (from) {
      keep_pace(pace, began, done.messages);
      const auto changed = ask(static_cast<proto::DeadAction>(action), *from, at_once);
      if (!changed) return tl::make_unexpected(changed.error());
      done.messages += changed->messages;
      from = changed->next;
      if (pace.on_progress && !pace.on_progress(done.messages)) return done;
    }
  }
  return done;
}

Result<DeadCount> Admin::count_dead(const DeadQuery& query) { return change_dead(query, DeadAction::kCount, {}); }

Result<std::uint64_t> Admin::redrive(const DeadQuery& query, const PaceOptions& pace) {
  const auto done = change_dead(query, DeadAction::kRedrive, pace);
  if (!done) return tl::make_unexpected(done.error());
  return done->messages;
}

Result<std::uint64_t> Admin::purge_dead(const DeadQuery& query, const PaceOptions& pace) {
  const auto done = change_dead(query, DeadAction::kPurge, pace);
  if (!done) return tl::make_unexpected(done.error());
  return done->messages;
}

}  // namespace takt
