#include "takt/admin.h"

#include <algorithm>
#include <limits>

#include "proto/limits.h"
#include "proto/record.h"
#include "proto/section.h"
#include "worker-sdk/cpp/src/address.h"
#include "worker-sdk/cpp/src/admin_body.h"
#include "worker-sdk/cpp/src/record_encoder.h"
#include "worker-sdk/cpp/src/refusal.h"
#include "worker-sdk/cpp/src/span.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;

std::chrono::milliseconds from_ms(std::uint64_t ms) { return std::chrono::milliseconds(static_cast<std::int64_t>(ms)); }

TopicInfo to_public(const proto::TopicEntry& entry) {
  TopicInfo info;
  info.name = entry.topic;
  info.partition = entry.partition.value;
  info.settings = {from_ms(entry.settings.keep_ms), entry.settings.keep_bytes, entry.settings.bytes_max};
  info.messages = entry.messages;
  info.bytes = entry.bytes;
  info.enqueued = entry.enqueued;
  info.groups = entry.groups;
  return info;
}

RetryPolicy to_public(const proto::RetryPolicy& policy) {
  RetryPolicy shown;
  shown.kind = policy.backoff == proto::Backoff::kLinear ? RetryPolicy::Kind::kLinear
               : policy.backoff == proto::Backoff::kList ? RetryPolicy::Kind::kList
                                                         : RetryPolicy::Kind::kExponential;
  shown.base = std::chrono::milliseconds(policy.base_ms);
  shown.cap = std::chrono::milliseconds(policy.cap_ms);
  for (const std::uint64_t delay : policy.delays_ms) shown.delays.emplace_back(delay);
  shown.jitter_percent = policy.jitter_percent;
  shown.give_up = std::chrono::milliseconds(policy.give_up_ms);
  shown.deaths_max = policy.deaths_max;
  return shown;
}

/// What the broker would refuse is told with the option's name.
GroupInfo to_public(const proto::GroupEntry& entry) {
  GroupInfo info;
  info.topic = entry.topic;
  info.name = entry.group;
  info.partition = entry.partition.value;
  info.attempts_max = entry.settings.attempts_max;
  info.retry = to_public(entry.settings.retry);
  info.ready = entry.ready;
  info.leased = entry.leased;
  info.retrying = entry.retrying;
  info.held = entry.held;
  info.dead = entry.dead;
  info.done = entry.done;
  info.workers = entry.workers;
  return info;
}

Result<PeekPage> to_page(const proto::Peeked& peeked, const Answer& answer, std::uint32_t partition) {
  PeekPage page;
  page.next = peeked.next.value;
  page.end = peeked.end.value;
  std::uint32_t count = 0;
  for (const proto::Stretch& stretch : peeked.stretches) count += stretch.count;
  const proto::SectionView sections(answer.metadata.bytes, answer.payload.bytes, count);
  std::uint32_t index = 0;
  for (const proto::Stretch& stretch : peeked.stretches) {
    for (std::uint32_t i = 0; i < stretch.count; ++i, ++index) {
      auto record = proto::decode_record(sections.metadata(index));
      if (!record) {
        return tl::make_unexpected(make_error(
            record.error().code, "message " + std::to_string(index) + " of the peek: " + record.error().message, ErrorOutcome::kFailed));
      }
      PeekedMessage message;
      message.id = {partition, stretch.first_position.value + i};
      message.offset = stretch.first_offset.value + i;
      message.kind = std::move(record->kind);
      message.tags = std::move(record->tags);
      message.attributes = std::move(record->attributes);
      message.content_type = record->content_type.value_or("");
      message.payload = as_text(sections.payload(index));
      page.messages.push_back(std::move(message));
    }
  }
  return page;
}

}  // namespace

Admin::Admin(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Admin::~Admin() = default;
Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;

Result<Admin> Admin::open(AdminOptions options) {
  if (auto error = check_client_name("AdminOptions.name", options.name)) return tl::make_unexpected(std::move(*error));
  if (options.timeout.count() <= 0) return tl::make_unexpected(bad_option("AdminOptions.timeout", "it must be longer than 0"));
  options.timeout = bounded(options.timeout);
  auto address = parse_address(options.server);
  if (!address) return tl::make_unexpected(std::move(address.error()));
  return Admin(std::make_unique<Body>(std::move(options), *address));
}

Result<BrokerInfo> Admin::broker() {
  auto answer = body_->ask(proto::Metadata{});
  auto reply = expect<proto::MetadataReply>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  const proto::HelloReply hello = body_->broker().value_or(proto::HelloReply{});
  return BrokerInfo{hello.software, hello.partitions, hello.message_bytes_max, hello.batch_bytes_max, hello.batch_messages_max};
}

Result<std::vector<TopicInfo>> Admin::topics() {
  auto answer = body_->ask(proto::ListTopics{});
  auto reply = expect<proto::Topics>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  std::vector<TopicInfo> topics;
  for (const proto::TopicEntry& entry : reply->topics) topics.push_back(to_public(entry));
  return topics;
}

Result<bool> Admin::put_topic(const std::string& topic, const TopicSettings& settings) {
  if (auto error = check_topic("topic", topic)) return tl::make_unexpected(std::move(*error));
  if (settings.keep.count() < 0) return tl::make_unexpected(bad_option("TopicSettings.keep", "it must not be negative"));
  auto answer =
      body_->ask(proto::PutTopic{topic, {static_cast<std::uint64_t>(settings.keep.count()), settings.keep_bytes, settings.bytes_max}});
  auto reply = expect<proto::TopicDone>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return reply->created;
}

Result<void> Admin::delete_topic(const std::string& topic) {
  if (auto error = check_topic("topic", topic)) return tl::make_unexpected(std::move(*error));
  auto answer = body_->ask(proto::DeleteTopic{topic});
  auto reply = expect<proto::TopicDeleted>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return {};
}

Result<std::vector<GroupInfo>> Admin::groups(const std::string& topic) {
  if (!topic.empty()) {
    if (auto error = check_topic("topic", topic)) return tl::make_unexpected(std::move(*error));
  }
  auto answer = body_->ask(proto::ListGroups{topic});
  auto reply = expect<proto::Groups>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  std::vector<GroupInfo> groups;
  for (const proto::GroupEntry& entry : reply->groups) groups.push_back(to_public(entry));
  return groups;
}

Result<bool> Admin::put_group(const std::string& topic, const std::string& group, const GroupSettings& settings) {
  if (auto error = check_topic("topic", topic)) return tl::make_unexpected(std::move(*error));
  if (auto error = check_topic("group", group)) return tl::make_unexpected(std::move(*error));
  if (settings.attempts_max < 1 || settings.attempts_max > 1000) {
    return tl::make_unexpected(
        bad_option("GroupSettings.attempts_max", std::to_string(settings.attempts_max) + " is not within 1 and 1,000"));
  }
  if (auto error = check_retry("GroupSettings.retry", settings.retry)) return tl::make_unexpected(std::move(*error));
  const auto from = settings.from_now ? proto::StartFrom::kNow : proto::StartFrom::kEarliest;
  auto answer = body_->ask(proto::PutGroup{topic, group, from, {settings.attempts_max, to_wire(settings.retry)}});
  auto reply = expect<proto::GroupDone>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return reply->created;
}

Result<void> Admin::delete_group(const std::string& topic, const std::string& group) {
  if (auto error = check_topic("topic", topic)) return tl::make_unexpected(std::move(*error));
  if (auto error = check_topic("group", group)) return tl::make_unexpected(std::move(*error));
  auto answer = body_->ask(proto::DeleteGroup{topic, group});
  auto reply = expect<proto::GroupDeleted>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return {};
}

Result<PeekPage> Admin::peek(const PeekOptions& options) {
  if (auto error = check_topic("PeekOptions.topic", options.topic)) return tl::make_unexpected(std::move(*error));
  if (options.priority >= lane_count) return tl::make_unexpected(bad_option("PeekOptions.priority", "it must be 0 to 7"));
  if (options.messages_max == 0) return tl::make_unexpected(bad_option("PeekOptions.messages_max", "it must be at least 1"));
  if (options.wait.count() < 0) return tl::make_unexpected(bad_option("PeekOptions.wait", "it must not be negative"));
  const auto wait = std::min(bounded(options.wait), std::chrono::milliseconds(std::numeric_limits<std::uint32_t>::max()));
  std::optional<Offset> from;
  if (options.from) from = Offset(*options.from);
  auto answer = body_->ask(proto::Peek{PartitionId(options.partition), options.topic, Lane(options.priority), from, options.messages_max,
                                       options.bytes_max, static_cast<std::uint32_t>(wait.count())},
                           wait);
  auto reply = expect<proto::Peeked>(answer);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return to_page(*reply, *answer, options.partition);
}

}  // namespace takt
