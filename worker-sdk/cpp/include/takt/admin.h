#pragma once
// Topics, groups, schedules and messages: list, make, change, delete; and a look at messages without leasing them.

#include <takt/error.h>
#include <takt/message.h>
#include <takt/message_status.h>
#include <takt/retry_policy.h>
#include <takt/schedule.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

struct AdminOptions {
  std::string server = "tcp://127.0.0.1:7400";   ///< or takt://host:port; port 7400 when left out
  std::string name{};
  /// Of each call, the connection included.
  std::chrono::milliseconds timeout{5'000};
};

struct TopicSettings {
  std::chrono::milliseconds keep{0};             ///< keep at least so long, even when all groups are done; 0 none
  std::uint64_t keep_bytes = 0;                  ///< keep at least so many of the newest bytes; 0 none
  std::uint64_t bytes_max = 0;                   ///< enqueue is refused above; 0 none
};
struct TopicInfo {
  std::string name;
  std::uint32_t partition = 0;
  TopicSettings settings;
  std::uint64_t messages = 0;                    ///< retained
  std::uint64_t bytes = 0;                       ///< retained, estimated
  std::uint64_t enqueued = 0;                    ///< ever
  std::uint32_t groups = 0;
};
struct GroupSettings {
  std::uint32_t attempts_max = 8;                ///< failures until a message is dead: 1 to 1,000; a worker's death is none
  RetryPolicy retry{};
  bool from_now = false;                         ///< a new group starts at the topic's end; counts only when this makes it
};
struct GroupInfo {
  std::string topic;
  std::string name;
  std::uint32_t partition = 0;
  std::uint32_t attempts_max = 8;
  RetryPolicy retry;
  std::uint64_t ready = 0;                       ///< owed and free to lease
  std::uint64_t leased = 0;
  std::uint64_t retrying = 0;                    ///< waiting for their due
  std::uint64_t held = 0;                        ///< waiting for their worker after a restart
  std::uint64_t dead = 0;
  std::uint64_t done = 0;                        ///< ever
  std::uint32_t workers = 0;
};
struct BrokerInfo {
  std::string software;                          ///< `taktd/0.1.0`
  std::uint32_t partitions = 1;
  std::uint32_t message_bytes_max = 0;
  std::uint32_t batch_bytes_max = 0;
  std::uint32_t batch_messages_max = 0;
};

struct PeekOptions {
  std::string topic{};
  std::uint32_t partition = 0;
  std::uint8_t priority = 0;                     ///< the lane to look at
  std::optional<std::uint64_t> from{};             ///< offset; none: the end, only what comes from now on
  std::uint32_t messages_max = 100;
  std::uint32_t bytes_max = 1 << 20;
  std::chrono::milliseconds wait{0};             ///< how long to wait for the first message
};
struct PeekedMessage {
  MessageId id;
  std::uint64_t offset = 0;
  std::string kind;
  std::vector<std::string> tags;
  Attributes attributes;
  std::string content_type;
  std::string payload;                           ///< bytes
};
struct PeekPage {
  std::vector<PeekedMessage> messages;
  std::uint64_t next = 0;                        ///< peek from here next time
  std::uint64_t end = 0;                         ///< the lane's end when this was answered
};

/// Why a message is dead.
enum class DeadReason : std::uint8_t {
  kAttempts = 1,                                 ///< it failed as often as its group allows
  kRejected = 2,                                 ///< its worker said that it will never work
  kPoison = 3,                                   ///< several workers in a row died with it
  kGivenUp = 4,                                  ///< its next attempt would have come too late
};
/// `attempts`, `rejected`, `poison`, `given_up`.
std::string_view text_of(DeadReason reason);

/// Where a message stands in its topic.
struct Place {
  std::uint32_t partition = 0;
  std::uint8_t priority = 0;                     ///< its lane
  std::uint64_t offset = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};
/// Where the logs of all partitions ended.
struct LogEnds {
  std::vector<std::uint64_t> positions;          ///< by partition
};
/// A group's dead messages that meet everything that is given.
struct DeadQuery {
  std::string topic{};
  std::string group{};
  std::vector<Place> places{};                   ///< these, at most 1,000; none: whichever
  std::optional<DeadReason> reason{};
  std::optional<std::uint16_t> code{};           ///< the worker's, of the last failure
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> from{};    ///< died then or later
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> until{};   ///< died before
  std::optional<LogEnds> before{};               ///< died before a count, which gave this
};
struct DeadCount {
  std::uint64_t messages = 0;
  LogEnds end;                                   ///< what dies from then on does so behind it
};
/// How an attempt ended.
struct AttemptError {
  std::chrono::sys_time<std::chrono::milliseconds> time{};
  std::string worker;                            ///< its name
  bool is_death = false;                         ///< the worker was lost; else it failed the message
  std::uint16_t code = 0;                        ///< the worker's
  std::string text;                              ///< the last one's first 1,000 bytes, 100 of those before
};
struct DeadLetter {
  Place place;
  std::optional<PeekedMessage> message;          ///< none: it was not asked for, or cannot be read
  std::uint32_t attempts = 0;
  DeadReason reason = DeadReason::kAttempts;
  std::chrono::sys_time<std::chrono::milliseconds> time{};
  std::vector<AttemptError> errors;              ///< of the last attempts, oldest first; at most 5
};
struct DeadPage {
  std::vector<DeadLetter> letters;               ///< by partition, priority and offset
  std::optional<Place> next;                     ///< ask from here for more; none: these were the last
};
struct DeadPageOptions {
  Place from{};                                  ///< the first place to look at
  std::uint32_t letters_max = 100;               ///< 1 to 1,000
  bool with_messages = true;                     ///< one more request for each
};
struct PaceOptions {
  std::uint32_t per_second = 0;                  ///< messages; 0: as fast as it goes
  /// Told how many are through; false stops there.
  std::function<bool(std::uint64_t)> on_progress{};
};

/// Thread-safe; calls wait for their answer. Every call's errors: not_connected, timed_out or unknown_outcome (a change
/// was sent and not answered), bad_name, busy, and those named beside it.
class Admin {
 public:
  /// Checks the options and begins to connect. Errors: bad_address, bad_option.
  static Result<Admin> open(AdminOptions options = {});
  ~Admin();
  Admin(Admin&&) noexcept;
  Admin& operator=(Admin&&) noexcept;

  Result<BrokerInfo> broker();
  Result<std::vector<TopicInfo>> topics();
  /// True when it was made, false when its settings were changed. Errors: too_many_topics.
  Result<bool> put_topic(const std::string& topic, const TopicSettings& settings);
  /// Its messages and groups go too. Errors: unknown_topic.
  Result<void> delete_topic(const std::string& topic);
  /// Of one topic, or of all when `topic` is empty. Errors: unknown_topic.
  Result<std::vector<GroupInfo>> groups(const std::string& topic = {});
  /// True when it was made; a topic that does not exist is made with it. Errors: bad_option, too_many_topics, too_many_groups.
  Result<bool> put_group(const std::string& topic, const std::string& group, const GroupSettings& settings);
  /// Errors: unknown_topic, unknown_group.
  Result<void> delete_group(const std::string& topic, const std::string& group);
  /// Errors: unknown_topic, unknown_partition.
  Result<PeekPage> peek(const PeekOptions& options);

  // Messages by their ids; the answers stand in the order of the ids. Errors of all: bad_option (no ids).
  Result<std::vector<MessageStatus>> messages(std::span<const MessageId> ids);
  /// A scheduled one never comes; one that is in its topic is done for the groups that have not begun it, where it is ready or
  /// waits for a retry. What a worker has stays with it. Calling it once more does no harm.
  Result<std::vector<MessageStatus>> cancel(std::span<const MessageId> ids);
  /// A scheduled one comes at another time; at once when that is past. Others stay as they are.
  Result<std::vector<MessageStatus>> reschedule(std::span<const MessageId> ids, std::chrono::sys_time<std::chrono::milliseconds> at);
  /// A scheduled one comes now; one that waits for a retry is tried now.
  Result<std::vector<MessageStatus>> run_now(std::span<const MessageId> ids);

  // Dead letters. Errors of all: unknown_topic, unknown_group, bad_option.
  Result<DeadPage> dead_letters(const DeadQuery& query, const DeadPageOptions& options = {});
  Result<DeadCount> count_dead(const DeadQuery& query);
  /// They are owed once more, with no attempt counted. What dies meanwhile is left out. Gives how many were redriven; when a request
  /// fails, those before it are redriven.
  Result<std::uint64_t> redrive(const DeadQuery& query, const PaceOptions& pace = {});
  /// They are thrown away. Else as redrive().
  Result<std::uint64_t> purge_dead(const DeadQuery& query, const PaceOptions& pace = {});

  // Recurring schedules.
  /// Makes a schedule or changes it; the same once more changes nothing, and a paused one stays so. Its message goes to
  /// `message.topic`, with tags and the like as in a send; it has at most 64 KiB of payload, and no delay and no `at`.
  /// Errors: bad_option, bad_field (the rule or the zone cannot be read, or no occurrence would come), message_too_large,
  /// too_many_schedules.
  template <Payload T>
  Result<PutScheduleResult> put_schedule(const std::string& schedule, const ScheduleSettings& settings, const T& job,
                                         const SendOptions& message) {
    const msgpack::sbuffer bytes = pack_payload(job);
    return put_schedule_bytes(schedule, settings, T::kind, std::as_bytes(std::span(bytes.data(), bytes.size())), message);
  }
  Result<PutScheduleResult> put_schedule_bytes(const std::string& schedule, const ScheduleSettings& settings, std::string_view kind,
                                               std::span<const std::byte> payload, const SendOptions& message);
  /// What it has sent stays. Errors: unknown_schedule.
  Result<void> delete_schedule(const std::string& schedule);
  Result<std::vector<ScheduleInfo>> schedules();
  /// With at most `upcoming_max` of its next occurrences, 1,000 at most. Errors: unknown_schedule.
  Result<ScheduleDetails> schedule(const std::string& schedule, std::uint32_t upcoming_max = 0);
  /// True when it was not paused before. Errors: unknown_schedule.
  Result<bool> pause_schedule(const std::string& schedule);
  /// It goes on with what comes from now on. True when it was paused. Errors: unknown_schedule.
  Result<bool> resume_schedule(const std::string& schedule);
  /// An occurrence now, beside those of the rule. kManual, or kOverlap: it did not fire, since the one before is not done.
  /// Errors: unknown_schedule, store_full, topic_full, too_many_topics; after unknown_outcome a second call may fire twice.
  Result<PastOccurrence> trigger_schedule(const std::string& schedule);

 private:
  class Body;
  enum class DeadAction : std::uint8_t { kCount, kRedrive, kPurge };
  Result<DeadCount> change_dead(const DeadQuery& query, DeadAction action, const PaceOptions& pace);
  enum class MessageAction : std::uint8_t { kShow, kCancel, kReschedule, kRunNow };
  Result<std::vector<MessageStatus>> steer(std::span<const MessageId> ids, MessageAction action, std::optional<std::uint64_t> due_ms = {});
  Result<bool> set_paused(const std::string& schedule, bool paused);
  explicit Admin(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace takt
