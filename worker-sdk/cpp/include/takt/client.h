#pragma once
// A producer: sends messages, in batches that it forms by itself.

#include <takt/error.h>
#include <takt/message.h>
#include <takt/retry_policy.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

/// When a send counts as done.
enum class Acks : std::uint8_t {
  kNone = 0,    ///< at once; nobody answers, a message may be lost without a word
  kLeader = 1,  ///< synced on the partition's leader
  kAll = 2,     ///< synced on every in-sync replica; on one node the same as kLeader
};

struct ClientOptions {
  std::string server = "tcp://127.0.0.1:7400";  ///< or takt://host:port; port 7400 when left out
  std::string name{};                             ///< for people, in listings: at most 200 bytes
  Acks acks = Acks::kAll;
  /// How long an asynchronous message may wait for company while an earlier batch is on its way (with kNone: always).
  /// A blocking send never waits.
  std::chrono::milliseconds linger{1};
  std::size_t batch_bytes = 256 * 1024;         ///< a batch leaves at the latest at this size; 1 KiB to 1 MiB
  std::uint32_t batch_messages = 10'000;        ///< and with so many messages; 1: each travels alone; at most 10,000
  /// Batches sent and not yet answered, 1 to 1,000; the broker tells a repeated one by its number as far back as that.
  std::uint32_t batches_in_flight = 64;
  /// All the time a message may take: waiting for room, a connection, a busy broker and the answer.
  std::chrono::milliseconds send_timeout{30'000};
  std::size_t buffer_bytes_max = 64u << 20;     ///< messages accepted and not yet answered; send waits above, try_send refuses
};

/// A point of the calendar in whole milliseconds. The system's clock counts nanoseconds, and those end in the year 2262.
struct Instant {
  std::chrono::sys_time<std::chrono::milliseconds> time;
  /// Rounded up, so that nothing is early.
  template <class Duration>
  Instant(std::chrono::sys_time<Duration> any)   // NOLINT(google-explicit-constructor): `now() + 1h` is one
      : time(std::chrono::ceil<std::chrono::milliseconds>(any)) {}
};

struct SendOptions {
  std::string topic{};                            ///< made on first use; 1 to 200 of [A-Za-z0-9._-]
  std::vector<std::string> tags{};                ///< a set; at most 16 of 64 bytes
  Attributes attributes{};                        ///< at most 32, names unique
  std::string content_type{};                     ///< for raw payloads: `application/json`
  std::uint8_t priority = 0;                    ///< the lane: 0 (default) to 7 (most urgent)
  /// Not before so long after it is stored, by the broker's clock; at most 100 years. It survives restarts of everybody.
  std::chrono::milliseconds delay{0};
  /// In its place: not before this instant. What lies in the past is due at once.
  std::optional<Instant> at{};
  /// Failures until it is dead, 1 to 1,000; none: as its group says.
  std::optional<std::uint32_t> attempts_max{};
  /// When it is tried again after a failure; none: as its group says. `deaths_max` is the group's in any case.
  std::optional<RetryPolicy> retry{};
};

/// What a durable message is known by.
struct Receipt {
  MessageId id;                                 ///< of acks=0: position 0, nothing is known
  std::uint64_t offset = 0;  ///< place in the delivery order of its topic and lane; of a scheduled message: 0, it has none yet
  bool duplicate = false;  ///< stored by an earlier attempt of the same send; this is its answer
};

/// A message whose bytes the caller keeps until the call returns.
struct RawMessage {
  std::string_view kind;
  std::span<const std::byte> payload;
};

/// Called exactly once per send_async that was accepted, on the client's own thread: be short, never block, never destroy
/// the client. Methods that wait are refused there with bad_option. An exception that it lets out is counted, and the first
/// one is flush()'s error.
using SendCallback = std::function<void(Result<Receipt>)>;

struct ClientMetrics {
  std::uint64_t sent = 0;  ///< messages answered as stored (acks=0: handed to the network)
  std::uint64_t failed = 0;  ///< messages answered with an error, outcome refused or failed
  std::uint64_t unknown = 0;  ///< messages whose outcome is unknown
  std::uint64_t duplicates = 0;  ///< messages that an earlier attempt had stored
  std::uint64_t batches = 0;
  std::uint64_t resent_batches = 0;
  std::uint64_t callback_exceptions = 0;  ///< let out by callbacks of send_async
  std::uint64_t connections = 0;  ///< 1 after the first; more means reconnects
  std::size_t buffered_bytes = 0;
};

/// One connection to a broker. Thread-safe: share one per process. Reconnects by itself and repeats what was not
/// answered under the same sequence numbers, so that a message is stored once.
class Client {
 public:
  /// Checks the options and begins to connect; does not wait for the broker.
  /// Errors: bad_address, bad_option (the message names the option).
  static Result<Client> open(ClientOptions options = {});
  /// As close().
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Waits until the broker has greeted us. Errors: timed_out, not_connected.
  Result<void> wait_connected(std::chrono::milliseconds timeout);

  /// Sends one message and waits until it is durable (as ClientOptions::acks says).
  /// Errors: bad_option, bad_name, message_too_large (nothing was sent); queue_full, timed_out, not_connected, busy,
  /// topic_full, store_full (not stored); unknown_outcome.
  template <Payload T>
  Result<Receipt> send(const T& job, const SendOptions& options) {
    const msgpack::sbuffer bytes = pack_payload(job);
    return send_bytes(T::kind, view(bytes), options);
  }
  Result<Receipt> send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options);

  /// Sends all, then waits for all: one result per job, in order.
  template <Payload T>
  std::vector<Result<Receipt>> send_all(std::span<const T> jobs, const SendOptions& options) {
    std::vector<msgpack::sbuffer> packed;
    std::vector<RawMessage> messages;
    packed.reserve(jobs.size());
    messages.reserve(jobs.size());
    for (const T& job : jobs) {
      packed.push_back(pack_payload(job));
      messages.push_back({T::kind, view(packed.back())});
    }
    return send_all_bytes(messages, options);
  }
  template <Payload T>
  std::vector<Result<Receipt>> send_all(const std::vector<T>& jobs, const SendOptions& options) {
    return send_all(std::span<const T>(jobs), options);
  }
  std::vector<Result<Receipt>> send_all_bytes(std::span<const RawMessage> messages, const SendOptions& options);

  /// Accepts the message and returns; waits (at most send_timeout) only while the buffer is full. Without a callback the
  /// outcome shows in metrics() and in flush(). An error means that it was not accepted and no callback will come.
  template <Payload T>
  Result<void> send_async(const T& job, const SendOptions& options, SendCallback callback = {}) {
    const msgpack::sbuffer bytes = pack_payload(job);
    return send_async_bytes(T::kind, view(bytes), options, std::move(callback));
  }
  Result<void> send_async_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options,
                                SendCallback callback = {});
  /// The same for many messages under one lock and without callbacks: the fast path. Returns how many were accepted
  /// before the first error, which is in `error` when fewer than all.
  struct Accepted {
    std::size_t count = 0;
    std::optional<Error> error;
  };
  Accepted send_many_async(std::span<const RawMessage> messages, const SendOptions& options);

  /// As send_async, but never waits: a full buffer is refused with queue_full.
  template <Payload T>
  Result<void> try_send(const T& job, const SendOptions& options, SendCallback callback = {}) {
    const msgpack::sbuffer bytes = pack_payload(job);
    return try_send_bytes(T::kind, view(bytes), options, std::move(callback));
  }
  Result<void> try_send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options,
                              SendCallback callback = {});

  /// Waits until everything accepted so far is answered. Errors: timed_out (the rest goes on); else the first error of a
  /// message without callback, or exception out of one, since the last flush.
  Result<void> flush(std::chrono::milliseconds timeout);
  /// Refuses new messages, flushes for at most `timeout`, answers the rest (unknown_outcome when it was sent, closed when
  /// it was not) and says goodbye. Later calls do nothing.
  Result<void> close(std::chrono::milliseconds timeout = std::chrono::seconds(10));

  ClientMetrics metrics() const;

 private:
  class Body;
  explicit Client(std::unique_ptr<Body> body);
  static std::span<const std::byte> view(const msgpack::sbuffer& bytes) { return std::as_bytes(std::span(bytes.data(), bytes.size())); }

  std::unique_ptr<Body> body_;
};

}  // namespace takt
