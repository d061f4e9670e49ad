#include "tests/sim/counts.h"

#include <array>

namespace takt::sim {
namespace {

constexpr auto names = std::to_array<CountName>({
    {"batches", &Counts::batches},
    {"messages", &Counts::messages},
    {"stored", &Counts::stored},
    {"refused", &Counts::refused},
    {"unknown", &Counts::unknown},
    {"topic_full", &Counts::topic_full},
    {"store_full", &Counts::store_full},
    {"fenced", &Counts::fenced},
    {"delivered", &Counts::delivered},
    {"executed", &Counts::executed},
    {"acked", &Counts::acked},
    {"stale", &Counts::stale},
    {"completed", &Counts::completed},
    {"failed", &Counts::failed},
    {"dead", &Counts::dead},
    {"redriven", &Counts::redriven},
    {"purged", &Counts::purged},
    {"crashes", &Counts::crashes},
    {"boundary_crashes", &Counts::boundary_crashes},
    {"lost_steps", &Counts::lost_steps},
    {"kept_steps", &Counts::kept_steps},
    {"uneven_crashes", &Counts::uneven_crashes},
    {"replays_compared", &Counts::replays_compared},
    {"reloads", &Counts::reloads},
    {"drains", &Counts::drains},
    {"stalls", &Counts::stalls},
    {"append_failures", &Counts::append_failures},
    {"checkpoint_failures", &Counts::checkpoint_failures},
    {"read_failures", &Counts::read_failures},
    {"joined_answers", &Counts::joined_answers},
    {"scheduled", &Counts::scheduled},
    {"fired", &Counts::fired},
    {"cancelled", &Counts::cancelled},
    {"rearmed", &Counts::rearmed},
    {"withdrawn", &Counts::withdrawn},
    {"looked_up", &Counts::looked_up},
    {"occurrences", &Counts::occurrences},
    {"occurrences_skipped", &Counts::occurrences_skipped},
    {"caught_up", &Counts::caught_up},
    {"cuts", &Counts::cuts},
    {"half_open", &Counts::half_open},
    {"late_frames", &Counts::late_frames},
    {"delays", &Counts::delays},
    {"repeats", &Counts::repeats},
    {"doubled_hellos", &Counts::doubled_hellos},
    {"doubled_goodbyes", &Counts::doubled_goodbyes},
    {"doubled_subscribes", &Counts::doubled_subscribes},
    {"doubled_unsubscribes", &Counts::doubled_unsubscribes},
    {"doubled_credits", &Counts::doubled_credits},
    {"doubled_resumes", &Counts::doubled_resumes},
    {"doubled_others", &Counts::doubled_others},
    {"worker_deaths", &Counts::worker_deaths},
    {"freezes", &Counts::freezes},
    {"leaves", &Counts::leaves},
    {"producer_deaths", &Counts::producer_deaths},
    {"producer_freezes", &Counts::producer_freezes},
    {"takeovers", &Counts::takeovers},
    {"forgotten", &Counts::forgotten},
    {"clock_forward", &Counts::clock_forward},
    {"clock_backward", &Counts::clock_backward},
    {"clock_years", &Counts::clock_years},
    {"topics_deleted", &Counts::topics_deleted},
    {"groups_deleted", &Counts::groups_deleted},
    {"groups_from_earliest", &Counts::groups_from_earliest},
    {"groups_from_now", &Counts::groups_from_now},
    {"settled", &Counts::settled},
    {"peeks", &Counts::peeks},
    {"peeked", &Counts::peeked},
    {"listings", &Counts::listings},
    {"settings", &Counts::settings},
    {"kept_let_go", &Counts::kept_let_go},
    {"held_back", &Counts::held_back},
    {"resumed", &Counts::resumed},
    {"commits", &Counts::commits},
    {"checkpoints", &Counts::checkpoints},
    {"frees", &Counts::frees},
    {"carried", &Counts::carried},
    {"loads", &Counts::loads},
    {"audits", &Counts::audits},
    {"at_rest", &Counts::at_rest},
});
static_assert(sizeof(Counts) == names.size() * sizeof(std::uint64_t), "every count has its name");

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  for (const auto& [name, member] : names) this->*member += other.*member;
  return *this;
}

std::span<const CountName> count_names() { return names; }

}  // namespace takt::sim
