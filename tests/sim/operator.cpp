#include "tests/sim/operator.h"

#include <algorithm>

#include "proto/record.h"

namespace takt::sim {
namespace {

constexpr Duration patience = std::chrono::seconds(20);
constexpr std::size_t asked_max = 20;

}  // namespace

Operator::Operator(World& world, const Options& options, Checker& checker, Network& network, std::vector<GroupName> groups)
    : Client(world, options, checker, network, proto::ClientKind::kTool, "operator"),
      groups_(std::move(groups)) {
  connect();
}

void Operator::ask(proto::Request request, proto::Sections sections) {
  if (asked_.size() >= asked_max) return;
  const sdk::TicketId ticket(++last_ticket_);
  world_.trace("ask", static_cast<std::uint64_t>(proto::type_of(request)));
  asked_.emplace(ticket, Asked{request, checker_.view().end()});
  session_.request(ticket, std::move(request), std::move(sections), world_.mono() + patience, world_.now());
  pump();
}

void Operator::look() {
  Random& random = world_.random();
  const GroupName& group = any_group();
  if (random.permille(400)) return steer();
  switch (random.below(6)) {
    case 0: return ask(proto::ListTopics{});
    case 1: return ask(proto::ListGroups{random.permille(500) ? group.topic : ""});
    case 2: return ask(proto::ListDead{PartitionId(0), group.topic, group.group, draw_dead(), {}, 100});
    case 3: {
      const auto action = static_cast<proto::DeadAction>(random.pick({0u, 1u, 1u, 1u, 2u}));
      const auto most = static_cast<std::uint32_t>(random.between(1, 50));
      proto::ChangeDead change{PartitionId(0), group.topic, group.group, action, draw_dead(), {}, most};
      checker_.changing(change);
      return ask(std::move(change));
    }
    default: break;
  }
  proto::Peek peek;
  peek.topic = group.topic;
  peek.lane = Lane(static_cast<std::uint8_t>(random.below(options_.lanes)));
  if (random.permille(800)) peek.from = Offset(random.permille(500) ? 0 : random.below(200));
  peek.messages_max = static_cast<std::uint32_t>(random.between(1, 100));
  peek.bytes_max = random.permille(300) ? 500 : 1u << 20;
  peek.wait_ms = random.permille(500) ? 0 : static_cast<std::uint32_t>(random.below(3000));
  ask(peek);
}

/// Of what waits, of what came lately, and of all there ever was and is not yet.
void Operator::steer() {
  Random& random = world_.random();
  proto::ChangeMessages change;
  change.action = random.pick(
      {proto::MessageAction::kShow, proto::MessageAction::kCancel, proto::MessageAction::kReschedule, proto::MessageAction::kRunNow});
  const std::uint64_t end = checker_.view().end().value;
  const std::uint64_t lately = std::min<std::uint64_t>(end, random.pick({20u, 100u, 500u}));
  const std::uint64_t waiting = checker_.view().waiting();
  for (std::uint64_t n = random.between(1, change.action == proto::MessageAction::kCancel ? 4 : 20); n > 0; --n)
    if (waiting > 0 && random.permille(600))
      change.positions.push_back(checker_.view().waiting(random.below(waiting)));
    else
      change.positions.push_back(Position(random.permille(800) ? end - random.below(lately + 1) : random.below(end + 50)));
  if (change.action == proto::MessageAction::kReschedule) {
    const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(world_.now().wall.time_since_epoch().count(), 1));
    change.due_ms = now + random.pick({0u, 10u, 500u, 5'000u, 60'000u});
    if (random.permille(100)) change.due_ms = 1;
  }
  checker_.steering(change);
  ask(std::move(change));
}

proto::DeadSelection Operator::draw_dead() {
  Random& random = world_.random();
  proto::DeadSelection selection;
  if (random.permille(300)) selection.reason = static_cast<proto::DeadReason>(random.between(1, proto::dead_reason_count));
  if (random.permille(200)) selection.before = Position(random.below(2000));
  for (std::uint64_t n = random.permille(200) ? random.between(1, 20) : 0; n > 0; --n)
    selection.places.push_back({Lane(static_cast<std::uint8_t>(random.below(options_.lanes))), Offset(random.below(200))});
  return selection;
}

proto::TopicSettings Operator::draw_settings() {
  Random& random = world_.random();
  proto::TopicSettings settings;
  if (options_.keep_ms != 0 && random.permille(700)) settings.keep_ms = random.between(1, options_.keep_ms);
  if (options_.keep_bytes != 0 && random.permille(700)) settings.keep_bytes = random.between(1, options_.keep_bytes);
  if (options_.topic_bytes_max != 0 && random.permille(700)) settings.bytes_max = random.between(1000, options_.topic_bytes_max);
  return settings;
}

// Follow-ups go to a topic without bounds: a complete that is refused for want of room would keep its lease for ever.
void Operator::change_settings() {
  Random& random = world_.random();
  const GroupName& group = any_group();
  ++checker_.counts.settings;
  if (random.permille(700) && group.topic != follow_up_topic) return ask(proto::PutTopic{group.topic, draw_settings()});
  const auto from = random.permille(options_.from_now_permille) ? proto::StartFrom::kNow : proto::StartFrom::kEarliest;
  const std::uint32_t attempts =
      options_.is_calm ? options_.attempts_max : static_cast<std::uint32_t>(random.between(1, options_.attempts_max));
  ask(proto::PutGroup{group.topic, group.group, from, {attempts, options_.retry}});
}

void Operator::put_schedule(const std::string& name) {
  Random& random = world_.random();
  proto::ScheduleSettings settings;
  settings.rule = "@every " + std::to_string(random.pick({1u, 1u, 2u, 5u, 20u, 90u})) + "s";
  if (random.permille(200)) settings.rule = "* * * * *";
  settings.jitter_ms = random.pick({0u, 0u, 300u, 5'000u});
  settings.catch_up = random.pick({proto::CatchUp::kLast, proto::CatchUp::kSkip, proto::CatchUp::kAll});
  settings.catch_up_max = random.pick({1u, 3u, 20u, 100u});
  settings.catch_up_window_ms = random.pick({0u, 70'000u, 3'600'000u, 3'600'000u});
  settings.overlap = random.permille(700) ? proto::Overlap::kAllow : random.pick({proto::Overlap::kAtMostOne, proto::Overlap::kBufferOne});
  std::vector<std::byte> record;
  proto::append_record(record, {.kind = "again"});
  proto::SectionBuilder message;
  message.add(record, as_bytes(std::string(random.pick({0u, 10u, 9'000u}), 'x')));
  proto::Sections sections = message.take();
  const proto::PutSchedule put{
      name, recurring_topic, Lane(0), settings, proto::section_checksum(sections.metadata), proto::section_checksum(sections.payload)};
  ask(put, std::move(sections));
}

void Operator::recur() {
  Random& random = world_.random();
  const std::string name = "r" + std::to_string(random.below(3));
  switch (random.below(8)) {
    case 0: return ask(proto::PauseSchedule{name, random.permille(400)});
    case 1: return ask(proto::TriggerSchedule{name});
    case 2: return random.permille(300) ? ask(proto::DeleteSchedule{name}) : ask(proto::ListSchedules{});
    case 3: return random.permille(300) ? ask(proto::DeleteTopic{recurring_topic}) : ask(proto::ShowSchedule{name, 3});
    default: return put_schedule(name);
  }
}

void Operator::remove() {
  const GroupName& group = any_group();
  if (world_.random().permille(700))
    ask(proto::DeleteGroup{group.topic, group.group});
  else
    ask(proto::DeleteTopic{group.topic});
}

void Operator::handle(sdk::Event&& event) {
  if (auto* answered = std::get_if<sdk::RequestAnswered>(&event)) {
    const auto asked = asked_.find(answered->ticket);
    if (const auto* peeked = std::get_if<proto::Peeked>(&answered->reply)) {
      std::uint32_t count = 0;
      for (const proto::Stretch& stretch : peeked->stretches) count += stretch.count;
      const auto& peek = std::get<proto::Peek>(asked->second.request);
      const bool is_changing = std::ranges::any_of(asked_, [&peek](const auto& entry) {
        const auto* put = std::get_if<proto::PutTopic>(&entry.second.request);
        return put != nullptr && put->topic == peek.topic;
      });
      checker_.peeked(peek, *peeked, proto::SectionView(answered->metadata.bytes, answered->payload.bytes, count),
                      is_changing ? Checker::Settings::kChanging : Checker::Settings::kConfirmed);
    } else if (const auto* topics = std::get_if<proto::Topics>(&answered->reply)) {
      checker_.listed(*topics);
    } else if (const auto* groups = std::get_if<proto::Groups>(&answered->reply)) {
      checker_.listed(*groups);
    } else if (const auto* dead = std::get_if<proto::DeadListed>(&answered->reply)) {
      checker_.listed(std::get<proto::ListDead>(asked->second.request), *dead);
    } else if (const auto* messages = std::get_if<proto::MessagesChanged>(&answered->reply)) {
      checker_.steered(*messages, asked->second.end);
    }
    asked_.erase(asked);
  } else if (const auto* failed = std::get_if<sdk::RequestFailed>(&event)) {
    asked_.erase(failed->ticket);
  }
}

}  // namespace takt::sim
