#pragma once
// A worker: takes messages of one or more topics and groups, runs handlers, reports what became of each message.

#include <takt/client.h>
#include <takt/error.h>
#include <takt/message.h>
#include <takt/schedule.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace takt {

enum class Mode : std::uint8_t {
  kPush,  ///< the broker keeps `prefetch` messages on their way: highest throughput
  kPull,  ///< a message is asked for when a handler is free: fairest for long jobs
};

struct Subscription {
  std::string topic{};                          ///< made on first use
  std::string group = "default";              ///< made on first use; each group gets every message of the topic
  std::uint32_t concurrency = 1;              ///< handler threads of this subscription, 1 to 1,024
  Mode mode = Mode::kPush;
  /// Push: messages that may be here un-acked, 1 to 65,536. 0 chooses: four times the concurrency, 16,384 with a batch handler.
  std::uint32_t prefetch = 0;
  std::size_t prefetch_bytes = 8u << 20;
  bool from_now = false;                      ///< a new group starts at the topic's end; counts only when this makes it
  std::chrono::milliseconds pull_wait{20'000};  ///< how long one pull stays open at the broker
};

/// Delay before attempt n + 1 when a handler asks for retry() without one: first * 2^(n-1), at most `longest`, +-20 %.
struct Backoff {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds longest{300'000};
};

/// A done() that is durable: no worker of this group gets the message again.
struct Confirmed {
  MessageId id;
  std::string_view topic;
  std::string_view group;
};
/// Called once per confirmed message, on the worker's network thread: be short, never block. Its exceptions are counted.
using ConfirmedCallback = std::function<void(const Confirmed&)>;

struct WorkerOptions {
  std::string server = "tcp://127.0.0.1:7400";  ///< or takt://host:port; port 7400 when left out
  std::string name{};                             ///< for people: `photo-worker-3`
  std::vector<Subscription> subscriptions{};      ///< at least one
  /// stop(): how long running handlers may go on before their stop token fires; below Kubernetes' 30 s.
  std::chrono::milliseconds shutdown_grace{25'000};
  /// After the token: how long a handler may take to notice. Then run() gives its message back and goes.
  std::chrono::milliseconds shutdown_force{5'000};
  std::optional<Backoff> backoff{};              ///< of retry(); none: as the group's settings say
  /// run() stops on SIGTERM and SIGINT; a second one skips the grace. One such worker per process.
  bool handle_signals = false;
  /// How long run() waits for the first connection and subscription before it fails; 0 waits for ever.
  std::chrono::milliseconds connect_timeout{0};
  /// For whoever keeps books of what is finished for good; metrics() only counts.
  ConfirmedCallback on_confirmed{};
};

/// What a handler says about its message.
class [[nodiscard]] Outcome {
 public:
  enum class Kind : std::uint8_t { kDone, kRetry, kRelease, kDead };
  Kind kind = Kind::kDone;
  std::optional<std::chrono::milliseconds> delay;  ///< of kRetry, none: the backoff; of kRelease, none: at once
  std::uint16_t code = 0;                          ///< the application's own error number
  std::string text;                                ///< at most 4 KiB is kept
};
/// Finished: never delivered to this group again.
inline Outcome done() { return {}; }
/// Try again after the backoff; counts as a failed attempt.
inline Outcome retry(std::string text) { return {Outcome::Kind::kRetry, std::nullopt, 0, std::move(text)}; }
/// Try again, not before `delay` from now; counts as a failed attempt.
inline Outcome retry_in(std::chrono::milliseconds delay, std::string text) { return {Outcome::Kind::kRetry, delay, 0, std::move(text)}; }
/// Somebody else may have it now; does not count as an attempt.
inline Outcome release() { return {Outcome::Kind::kRelease, std::nullopt, 0, {}}; }
/// Not now: again in `delay`; does not count as an attempt.
inline Outcome snooze(std::chrono::milliseconds delay) { return {Outcome::Kind::kRelease, delay, 0, {}}; }
/// Will never work: straight to the dead messages.
inline Outcome dead(std::string text) { return {Outcome::Kind::kDead, std::nullopt, 0, std::move(text)}; }

/// Thrown by a handler: dead(what()). Any other exception: retry(what()).
// Named like the standard's own errors.
class permanent_error : public std::runtime_error {  // NOLINT(readability-identifier-naming)
 public:
  using std::runtime_error::runtime_error;
};

/// One delivered message. Views live during the call that received it. Metadata is parsed when first asked for.
class Delivered {
 public:
  MessageId id() const { return id_; }
  std::uint64_t offset() const { return offset_; }
  /// 1 for the first delivery.
  std::uint32_t attempt() const { return attempt_; }
  /// Grows with every hand-out of this message: pass it to what you write to, so that a late writer can be refused.
  std::uint64_t fencing_token() const { return token_; }
  std::uint8_t priority() const { return priority_; }
  std::span<const std::byte> payload() const { return payload_; }
  std::string_view payload_text() const { return {reinterpret_cast<const char*>(payload_.data()), payload_.size()}; }
  /// Cost: a few instructions, nothing is copied.
  std::string_view kind() const;
  /// The next five parse the metadata on each call.
  std::vector<std::string> tags() const;
  Attributes attributes() const;
  std::optional<Attribute> attribute(std::string_view name) const;
  std::string content_type() const;
  /// None: no schedule sent it.
  std::optional<Occurrence> occurrence() const;

 private:
  friend class DeliveredAccess;
  MessageId id_;
  std::uint64_t offset_ = 0;
  std::uint64_t token_ = 0;
  std::uint32_t attempt_ = 1;
  std::uint8_t priority_ = 0;
  std::span<const std::byte> metadata_;
  std::span<const std::byte> payload_;
};

/// What a handler of one message sees beside its job. Thread: the handler's.
class Context {
 public:
  const Delivered& message() const { return message_; }
  MessageId id() const { return message_.id(); }
  std::uint32_t attempt() const { return message_.attempt(); }
  std::string_view kind() const { return message_.kind(); }
  std::string_view topic() const { return topic_; }
  std::string_view group() const { return group_; }
  std::vector<std::string> tags() const { return message_.tags(); }
  Attributes attributes() const { return message_.attributes(); }
  std::optional<Attribute> attribute(std::string_view name) const { return message_.attribute(name); }
  std::optional<Occurrence> occurrence() const { return message_.occurrence(); }
  std::uint64_t fencing_token() const { return message_.fencing_token(); }

  /// Fires when the lease is lost (somebody else may work on it now) or when the worker must go.
  std::stop_token stop_token() const { return stop_; }
  bool stop_requested() const { return stop_.stop_requested(); }

  /// A follow-up: stored in the same commit as this message's ack, or not at all; dropped unless the handler ends with
  /// done(). At most 64 different topics and priorities, and together as much as the broker takes in one batch (1 MiB and
  /// 10,000 messages unless configured otherwise). Errors: as Client::send's checks, batch_too_large; nothing is sent yet.
  template <Payload T>
  Result<void> send(const T& job, const SendOptions& options) {
    const msgpack::sbuffer bytes = pack_payload(job);
    return send_bytes(T::kind, std::as_bytes(std::span(bytes.data(), bytes.size())), options);
  }
  Result<void> send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options);

 private:
  friend class ContextAccess;
  struct Bounds;
  struct FollowUps;
  struct FollowUpsDelete {
    void operator()(FollowUps* follow_ups) const;
  };
  Delivered message_;
  std::string_view topic_;
  std::string_view group_;
  std::stop_token stop_;
  const Bounds* bounds_ = nullptr;
  std::unique_ptr<FollowUps, FollowUpsDelete> follow_ups_;
};

/// What became of a batch; every message is done unless said otherwise.
class BatchOutcome {
 public:
  /// Message `index` of the batch was not finished.
  void set(std::size_t index, Outcome outcome) { exceptions_.emplace_back(index, std::move(outcome)); }

 private:
  friend class BatchOutcomeAccess;
  std::vector<std::pair<std::size_t, Outcome>> exceptions_;
};

using Handler = std::function<Outcome(Context&)>;
using BatchHandler = std::function<void(std::span<const Delivered>, BatchOutcome&)>;

struct WorkerMetrics {
  std::uint64_t delivered = 0;
  std::uint64_t done = 0;             ///< acks confirmed durable
  std::uint64_t retried = 0;
  std::uint64_t released = 0;         ///< given back, unknown kinds included
  std::uint64_t dead = 0;
  std::uint64_t decode_errors = 0;    ///< payloads that did not fit their type; also counted as dead
  std::uint64_t unknown_kinds = 0;    ///< no handler here; also counted as released
  std::uint64_t exceptions = 0;       ///< that left a handler, or on_confirmed
  std::uint64_t stale = 0;            ///< outcomes refused because the lease had gone to somebody else
  std::uint64_t unconfirmed = 0;  ///< outcomes sent, and the connection and the lease went before the answer: the broker took them, or not
  std::uint64_t refused = 0;  ///< outcomes refused for another reason: follow-ups the broker will not store make a message dead
  std::uint64_t leases_lost = 0;  ///< while queued or running
  std::uint64_t follow_ups = 0;  ///< messages stored with an ack
  std::uint64_t connections = 0;  ///< 1 after the first; more means reconnects
  std::uint32_t running = 0;
  std::uint32_t queued = 0;
};

/// How a run ended.
struct WorkerStats {
  WorkerMetrics metrics;
  std::chrono::milliseconds ran{0};
  std::optional<Error> refusal;  ///< the first of metrics.refused
  std::uint32_t abandoned = 0;  ///< handlers that ignored their stop token; their messages were given back
};

/// Life: open, handle(...), run, which returns after stop() or a signal. Heartbeats come from a thread of its own, so
/// a busy handler never loses its lease. After a reconnect what is held here is claimed again and goes on.
class Worker {
 public:
  /// Checks the options. Errors: bad_address, bad_option, bad_name.
  static Result<Worker> open(WorkerOptions options);
  ~Worker();
  Worker(Worker&&) noexcept;
  Worker& operator=(Worker&&) noexcept;

  /// Runs `fn(Context&, const T&)` for messages of T::kind; it returns Outcome, or nothing for done(). A payload that
  /// does not fit T is dead, with a text that names kind and field. Only before run().
  template <Payload T, class Fn>
  Worker& handle(Fn fn) {
    return handle_kind(std::string(T::kind), [fn = std::move(fn)](Context& context) mutable -> Outcome {
      auto job = unpack_payload<T>(context.message().payload());
      if (!job) return decode_failure(std::move(job.error()));
      if constexpr (std::is_void_v<std::invoke_result_t<Fn&, Context&, const T&>>) {
        fn(context, std::as_const(*job));
        return done();
      } else {
        return fn(context, std::as_const(*job));
      }
    });
  }
  /// For payloads that are not a struct.
  Worker& handle_kind(std::string kind, Handler fn);
  /// For every kind without a handler of its own; without it such messages are released with a growing delay.
  Worker& handle_any(Handler fn);
  /// Instead of all the others: whole runs of messages at a time, acked as runs. `fn(span<const Delivered>)`, or
  /// `fn(span<const Delivered>, BatchOutcome&)` to fail single messages. An exception retries the whole span.
  template <class Fn>
  Worker& handle_batch(Fn fn) {
    if constexpr (std::is_invocable_v<Fn&, std::span<const Delivered>, BatchOutcome&>) {
      return handle_batch_with(std::move(fn));
    } else {
      return handle_batch_with([fn = std::move(fn)](std::span<const Delivered> messages, BatchOutcome&) mutable { fn(messages); });
    }
  }

  /// Works until stop(). Errors: bad_option (no handler), not_connected (connect_timeout), or the broker's refusal of a
  /// subscription. Once per worker.
  Result<WorkerStats> run();
  /// Any thread, also from a handler: takes no new work, gives back what was not begun, waits `shutdown_grace` for the
  /// handlers, fires their stop tokens, gives the rest back. A second call skips the grace.
  void stop();

  WorkerMetrics metrics() const;

 private:
  class Body;
  explicit Worker(std::unique_ptr<Body> body);
  Worker& handle_batch_with(BatchHandler fn);
  static Outcome decode_failure(Error error);

  std::unique_ptr<Body> body_;
};

}  // namespace takt
