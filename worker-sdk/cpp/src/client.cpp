#include "takt/client.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "proto/limits.h"
#include "proto/sorted_deque.h"
#include "worker-sdk/cpp/src/address.h"
#include "worker-sdk/cpp/src/batcher.h"
#include "worker-sdk/cpp/src/connection.h"
#include "worker-sdk/cpp/src/record_encoder.h"
#include "worker-sdk/cpp/src/refusal.h"
#include "worker-sdk/cpp/src/span.h"
#include "worker-sdk/cpp/src/spare.h"
#include "worker-sdk/cpp/src/validate.h"

namespace takt {
namespace {

using namespace sdk;

constexpr std::size_t pending_batches_enough = 8;   // more are waiting already: a lingering batch may as well grow
constexpr std::uint32_t batches_in_flight_max = 1'000;   // the broker remembers the answers to a producer's last 1,024
constexpr Duration goodbye_timeout = std::chrono::seconds(1);

bool has_enough_pending(const Session& session) { return session.batches_pending() >= pending_batches_enough; }
/// Nothing is on its way whose answer more company could be waited for: to linger would only cost time.
bool is_idle(const Session& session, Acks acks) { return acks != Acks::kNone && session.batches_pending() == 0; }

std::optional<Error> check_options(const ClientOptions& options) {
  if (auto error = check_client_name("ClientOptions.name", options.name)) return error;
  if (options.linger.count() < 0 || options.linger > std::chrono::seconds(10))
    return bad_option("ClientOptions.linger", "it must be 0 to 10 s");
  if (options.batch_bytes < 1024 || options.batch_bytes > limits::batch_bytes_default) {
    return bad_option("ClientOptions.batch_bytes", std::to_string(options.batch_bytes) + " is not within 1 KiB and 1 MiB");
  }
  if (options.batch_messages < 1 || options.batch_messages > limits::batch_messages_default) {
    return bad_option("ClientOptions.batch_messages", std::to_string(options.batch_messages) + " is not within 1 and 10,000");
  }
  if (options.batches_in_flight < 1 || options.batches_in_flight > batches_in_flight_max) {
    return bad_option("ClientOptions.batches_in_flight", std::to_string(options.batches_in_flight) + " is not within 1 and 1,000");
  }
  if (options.send_timeout.count() <= 0) return bad_option("ClientOptions.send_timeout", "it must be longer than 0");
  if (options.buffer_bytes_max < options.batch_bytes) {
    return bad_option("ClientOptions.buffer_bytes_max", "it must hold at least one batch (batch_bytes)");
  }
  return std::nullopt;
}

Error closed() { return make_error(ErrorCode::kClosed, "the client was closed; nothing can be sent any more", ErrorOutcome::kRefused); }

/// Where blocking sends wait for their answers.
class Answers {
 public:
  explicit Answers(std::size_t count) : results_(count), missing_(count) {}

  SendCallback slot(std::size_t index) {
    return [this, index](Result<Receipt> result) { put(index, std::move(result)); };
  }
  void put(std::size_t index, Result<Receipt> result) {
    const std::lock_guard lock(mutex_);
    results_[index] = std::move(result);
    if (--missing_ == 0) all_there_.notify_all();
  }
  std::vector<Result<Receipt>> wait() {
    std::unique_lock lock(mutex_);
    all_there_.wait(lock, [&] { return missing_ == 0; });
    std::vector<Result<Receipt>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(std::move(*result));
    return results;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  std::vector<std::optional<Result<Receipt>>> results_;
  std::size_t missing_;
};

}  // namespace

class Client::Body final : public ConnectionOwner {
 public:
  Body(ClientOptions options, const std::string& address)
      : options_(std::move(options)),
        batcher_({options_.linger, options_.batch_bytes, options_.batch_messages}),
        connection_(address, session_options(), *this) {
    connection_.start();
  }
  ~Body() override { connection_.join(); }

  enum class Full { kWait, kRefuse };
  /// Under lock_: adds one message, or says why not.
  std::optional<Error> add(std::unique_lock<std::mutex>& lock, std::string_view kind, std::span<const std::byte> payload,
                           const SendOptions& options, SendCallback callback, Batcher::Urgency urgency, Full full, Time now);
  std::optional<Error> accept(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options, SendCallback callback,
                              Batcher::Urgency urgency, Full full) {
    if (auto error = check_message(kind, payload.size(), options, message_bytes_max_.load(std::memory_order_relaxed))) return error;
    const Time now = read_clock().mono;
    std::unique_lock lock(mutex_);
    return add(lock, kind, payload, options, std::move(callback), urgency, full, now);
  }
  Accepted accept_many(std::span<const RawMessage> messages, const SendOptions& options);
  Result<void> wait_connected(std::chrono::milliseconds timeout);
  Result<void> flush(std::chrono::milliseconds timeout);
  Result<void> close(std::chrono::milliseconds timeout);
  ClientMetrics metrics() const;

  void feed(Session& session, Now now) override;
  void handle(Event event, Session& session, Now now) override;
  std::optional<Time> deadline() const override;
  bool finished(const Session& session, Now now) override;

  /// Why `method`, which waits for the network thread, may not be called on it.
  std::optional<Error> refuse_to_wait(std::string_view method) const {
    if (!on_network_thread()) return std::nullopt;
    return bad_option(method, "a callback runs on the thread that this would wait for; call send_async or try_send there");
  }

 private:
  /// A batch that was handed to the session.
  struct Sent {
    BatchId batch;
    std::vector<std::pair<std::uint32_t, SendCallback>> callbacks;
    std::uint32_t count = 0;
    std::size_t bytes = 0;
    friend bool operator<(const Sent& a, const Sent& b) { return a.batch < b.batch; }
    friend bool operator<(const Sent& a, BatchId b) { return a.batch < b; }
    friend bool operator<(BatchId a, const Sent& b) { return a < b.batch; }
  };

  SessionOptions session_options() const {
    SessionOptions session;
    session.client = ClientId(random_number());
    session.producer = ProducerId(random_number());
    session.kind = proto::ClientKind::kProducer;
    session.name = options_.name;
    session.publishing.batches_max = options_.batches_in_flight;
    return session;
  }
  void call(const SendCallback& callback, Result<Receipt> result);
  bool on_network_thread() const { return std::this_thread::get_id() == network_thread_.load(std::memory_order_relaxed); }
  void hand_over(OpenBatch batch, Session& session, Now now);
  void stored(const BatchStored& answer);
  void batch_failed(const BatchFailed& answer);
  void settle(BatchId batch, std::size_t bytes);
  void greeted(const proto::HelloReply& broker);

  const ClientOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;                  ///< room, an answered batch, a connection
  std::uint32_t waiters_ = 0;
  Batcher batcher_;
  RecordEncoder encoder_;
  SortedDeque<BatchId> unanswered_;
  std::size_t buffered_bytes_ = 0;
  std::size_t batch_bytes_max_ = limits::batch_bytes_default;   ///< the broker's
  ClientMetrics metrics_;
  std::optional<Error> first_error_;                 ///< of a message without callback, since the last flush
  bool connected_ = false;
  std::string trouble_ = "the connection has not been made yet";
  bool closing_ = false;
  bool leaving_ = false;

  std::atomic<std::size_t> message_bytes_max_{limits::message_bytes_default};
  std::atomic<std::thread::id> network_thread_{};

  // Network thread only.
  SortedDeque<Sent> sent_;
  Spare<OpenBatch> spare_;
  bool batch_is_waiting_ = false;                    ///< the session has enough to do: open batches may grow
  std::optional<Time> leave_until_;
  bool left_ = false;

  Connection connection_;                            ///< last: its thread uses all of the above
};

std::optional<Error> Client::Body::add(std::unique_lock<std::mutex>& lock, std::string_view kind, std::span<const std::byte> payload,
                                       const SendOptions& options, SendCallback callback, Batcher::Urgency urgency, Full full, Time now) {
  if (closing_) return closed();
  const ByteView metadata = encoder_.encode(kind, options);
  const std::size_t bytes = Batcher::message_bytes(metadata, payload);
  if (auto error = check_metadata(metadata.size())) return error;
  if (bytes > batch_bytes_max_) {
    return make_error(ErrorCode::kMessageTooLarge,
                      "the " + std::string(kind) + " for topic '" + options.topic + "' takes " + std::to_string(bytes) +
                          " bytes with its metadata, a batch at most " + std::to_string(batch_bytes_max_) +
                          "; put the data elsewhere and send its place",
                      ErrorOutcome::kRefused);
  }
  const auto has_room = [&] { return closing_ || buffered_bytes_ == 0 || buffered_bytes_ + bytes <= options_.buffer_bytes_max; };
  if (!has_room()) {
    const bool may_wait = full == Full::kWait && !on_network_thread();
    if (may_wait) {
      batcher_.hurry();
      connection_.wake();
      ++waiters_;
      changed_.wait_for(lock, options_.send_timeout, has_room);
      --waiters_;
      if (closing_) return closed();
    }
    if (!has_room()) {
      const std::string text = "ClientOptions.buffer_bytes_max: " + std::to_string(buffered_bytes_) +
                               " bytes wait for the broker's answer" + (connected_ ? "" : " (" + trouble_ + ")") +
                               "; slow down, or raise the bound";
      return make_error(ErrorCode::kQueueFull, text, ErrorOutcome::kFailed, std::chrono::milliseconds(10));
    }
    return add(lock, kind, payload, options, std::move(callback), urgency, full,
               read_clock().mono);  // the encoder may have served others meanwhile
  }
  const Batcher::Added added = batcher_.add(stream_of(options), metadata, payload, std::move(callback), urgency, now);
  buffered_bytes_ += bytes;
  if (added.opened) unanswered_.insert(added.batch);
  if (added.opened || added.sealed || urgency == Batcher::Urgency::kNow) connection_.wake();
  return std::nullopt;
}

Client::Accepted Client::Body::accept_many(std::span<const RawMessage> messages, const SendOptions& options) {
  Accepted accepted;
  const std::size_t bytes_max = message_bytes_max_.load(std::memory_order_relaxed);
  const Time now = read_clock().mono;
  std::unique_lock lock(mutex_);
  for (const RawMessage& message : messages) {
    accepted.error = check_message(message.kind, message.payload.size(), options, bytes_max);
    if (!accepted.error)
      accepted.error = add(lock, message.kind, message.payload, options, {}, Batcher::Urgency::kMayLinger, Full::kWait, now);
    if (accepted.error) return accepted;
    ++accepted.count;
  }
  return accepted;
}

void Client::Body::feed(Session& session, Now now) {
  network_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  std::vector<OpenBatch> ready;
  bool leaving = false;
  {
    const std::lock_guard lock(mutex_);
    batch_is_waiting_ = has_enough_pending(session);
    std::vector<OpenBatch> spare = spare_.take();
    ready = leaving_ || is_idle(session, options_.acks) ? batcher_.take_all(std::move(spare))
            : batch_is_waiting_                         ? batcher_.take_full(std::move(spare))
                                                        : batcher_.take_ready(now.mono, std::move(spare));
    leaving = leaving_;
    metrics_.resent_batches = session.batches_resent();
  }
  for (OpenBatch& batch : ready) hand_over(std::move(batch), session, now);
  spare_.give(std::move(ready));
  if (leaving && !leave_until_) {
    leave_until_ = now.mono + goodbye_timeout;
    session.goodbye();
  }
}

void Client::Body::hand_over(OpenBatch open, Session& session, Now now) {
  const std::uint32_t count = open.sections.count();
  sent_.insert({open.id, std::move(open.callbacks), count, open.bytes});
  const auto sections = std::make_shared<const proto::Sections>(open.sections.take());
  Batch batch{open.id,
              std::move(open.stream),
              static_cast<proto::Acks>(options_.acks),
              count,
              {sections, sections->metadata},
              {sections, sections->payload},
              open.opened + options_.send_timeout};
  session.publish(std::move(batch), now);
}

std::optional<Time> Client::Body::deadline() const {
  if (leave_until_) return leave_until_;
  if (batch_is_waiting_) return std::nullopt;  // an end of a batch comes first, and asks again
  const std::lock_guard lock(mutex_);
  return batcher_.next_deadline();
}

bool Client::Body::finished(const Session&, Now now) { return left_ || (leave_until_ && *leave_until_ <= now.mono); }

void Client::Body::handle(Event event, Session& session, Now) {
  if (const auto* answer = std::get_if<BatchStored>(&event)) {
    stored(*answer);
    batch_is_waiting_ = has_enough_pending(session);
  } else if (const auto* refusal = std::get_if<BatchFailed>(&event)) {
    batch_failed(*refusal);
    batch_is_waiting_ = has_enough_pending(session);
  } else if (const auto* greeting = std::get_if<Greeted>(&event)) {
    greeted(greeting->broker);
  } else if (const auto* lost = std::get_if<Disconnected>(&event)) {
    const std::lock_guard lock(mutex_);
    connected_ = false;
    trouble_ = lost->why;
  } else if (std::holds_alternative<SaidGoodbye>(event)) {
    left_ = true;
  }
}

void Client::Body::greeted(const proto::HelloReply& broker) {
  message_bytes_max_.store(broker.message_bytes_max > 0 ? broker.message_bytes_max : limits::message_bytes_default,
                           std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (broker.batch_messages_max > 0) batcher_.messages_max(std::min(broker.batch_messages_max, options_.batch_messages));
  if (broker.batch_bytes_max > 0) {
    batch_bytes_max_ = broker.batch_bytes_max;
    batcher_.bytes_max(std::min<std::size_t>(options_.batch_bytes, broker.batch_bytes_max));
  }
  connected_ = true;
  ++metrics_.connections;
  changed_.notify_all();
}

void Client::Body::stored(const BatchStored& answer) {
  const auto at = sent_.find(answer.batch);
  Sent sent = std::move(*at);
  sent_.erase(at);
  const bool known = options_.acks != Acks::kNone;
  for (auto& [index, callback] : sent.callbacks) {
    Receipt receipt;
    receipt.id = {answer.partition.value, known ? answer.first_position.value + index : 0};
    receipt.offset = known ? answer.first_offset.value + index : 0;
    receipt.duplicate = answer.duplicate;
    call(callback, receipt);
  }
  const std::lock_guard lock(mutex_);
  metrics_.sent += sent.count;
  ++metrics_.batches;
  if (answer.duplicate) metrics_.duplicates += sent.count;
  settle(answer.batch, sent.bytes);
}

void Client::Body::batch_failed(const BatchFailed& answer) {
  const auto at = sent_.find(answer.batch);
  Sent sent = std::move(*at);
  sent_.erase(at);
  for (auto& [index, callback] : sent.callbacks) call(callback, tl::make_unexpected(answer.error));
  const std::lock_guard lock(mutex_);
  (answer.error.outcome == ErrorOutcome::kUnknown ? metrics_.unknown : metrics_.failed) += sent.count;
  ++metrics_.batches;
  if (sent.callbacks.size() < sent.count && !first_error_) first_error_ = answer.error;
  settle(answer.batch, sent.bytes);
}

void Client::Body::call(const SendCallback& callback, Result<Receipt> result) {
  std::string what;
  try {
    return callback(std::move(result));
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  const std::lock_guard lock(mutex_);
  ++metrics_.callback_exceptions;
  // Whether its message was stored is another matter: nobody may take this for a no.
  if (!first_error_) first_error_ = make_error(ErrorCode::kBadOption, "a callback of send_async threw: " + what, ErrorOutcome::kUnknown);
}

/// Under mutex_.
void Client::Body::settle(BatchId batch, std::size_t bytes) {
  unanswered_.erase(batch);
  buffered_bytes_ -= bytes;
  if (waiters_ > 0) changed_.notify_all();
}

Result<void> Client::Body::wait_connected(std::chrono::milliseconds timeout) {
  if (auto error = refuse_to_wait("Client.wait_connected")) return tl::make_unexpected(std::move(*error));
  std::unique_lock lock(mutex_);
  ++waiters_;
  const bool there = changed_.wait_for(lock, bounded(timeout), [&] { return connected_ || closing_; });
  --waiters_;
  if (closing_) return tl::make_unexpected(closed());
  if (there) return {};
  return tl::make_unexpected(make_error(ErrorCode::kNotConnected, trouble_, ErrorOutcome::kFailed, std::chrono::seconds(1)));
}

Result<void> Client::Body::flush(std::chrono::milliseconds timeout) {
  if (auto error = refuse_to_wait("Client.flush")) return tl::make_unexpected(std::move(*error));
  std::unique_lock lock(mutex_);
  const BatchId last = batcher_.last_batch();
  const auto answered = [&] { return unanswered_.empty() || unanswered_.front() > last; };
  batcher_.hurry();
  connection_.wake();
  ++waiters_;
  const bool all = changed_.wait_for(lock, bounded(timeout), answered);
  --waiters_;
  if (!all) {
    return tl::make_unexpected(make_error(
        ErrorCode::kTimedOut, std::to_string(unanswered_.size()) + " batches are not answered yet" + (connected_ ? "" : ": " + trouble_),
        ErrorOutcome::kUnknown));
  }
  if (auto error = std::exchange(first_error_, std::nullopt)) return tl::make_unexpected(std::move(*error));
  return {};
}

Result<void> Client::Body::close(std::chrono::milliseconds timeout) {
  if (auto error = refuse_to_wait("Client.close")) return tl::make_unexpected(std::move(*error));
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closing_, true)) return {};
    changed_.notify_all();
  }
  Result<void> flushed = flush(timeout);
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  connection_.wake();
  connection_.join();
  network_thread_.store({});  // the system may give its id to another thread
  return flushed;
}

ClientMetrics Client::Body::metrics() const {
  const std::lock_guard lock(mutex_);
  ClientMetrics metrics = metrics_;
  metrics.buffered_bytes = buffered_bytes_;
  return metrics;
}

Client::Client(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this == &other) return *this;
  if (body_) (void)close();
  body_ = std::move(other.body_);
  return *this;
}

Client::~Client() {
  if (body_) (void)close();
}

Result<Client> Client::open(ClientOptions options) {
  if (auto error = check_options(options)) return tl::make_unexpected(std::move(*error));
  options.send_timeout = bounded(options.send_timeout);
  auto address = parse_address(options.server);
  if (!address) return tl::make_unexpected(std::move(address.error()));
  return Client(std::make_unique<Body>(std::move(options), *address));
}

Result<void> Client::wait_connected(std::chrono::milliseconds timeout) { return body_->wait_connected(timeout); }

Result<Receipt> Client::send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options) {
  const RawMessage message{kind, payload};
  return std::move(send_all_bytes({&message, 1}, options).front());
}

std::vector<Result<Receipt>> Client::send_all_bytes(std::span<const RawMessage> messages, const SendOptions& options) {
  if (auto error = body_->refuse_to_wait("Client.send")) {
    return std::vector<Result<Receipt>>(messages.size(), tl::make_unexpected(*error));
  }
  if (messages.empty()) return {};
  Answers answers(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto urgency = i + 1 == messages.size() ? Batcher::Urgency::kNow : Batcher::Urgency::kMayLinger;
    if (auto error = body_->accept(messages[i].kind, messages[i].payload, options, answers.slot(i), urgency, Body::Full::kWait)) {
      answers.put(i, tl::make_unexpected(std::move(*error)));
    }
  }
  return answers.wait();
}

Result<void> Client::send_async_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options,
                                      SendCallback callback) {
  if (auto error = body_->accept(kind, payload, options, std::move(callback), Batcher::Urgency::kMayLinger, Body::Full::kWait)) {
    return tl::make_unexpected(std::move(*error));
  }
  return {};
}

Client::Accepted Client::send_many_async(std::span<const RawMessage> messages, const SendOptions& options) {
  return body_->accept_many(messages, options);
}

Result<void> Client::try_send_bytes(std::string_view kind, std::span<const std::byte> payload, const SendOptions& options,
                                    SendCallback callback) {
  if (auto error = body_->accept(kind, payload, options, std::move(callback), Batcher::Urgency::kMayLinger, Body::Full::kRefuse)) {
    return tl::make_unexpected(std::move(*error));
  }
  return {};
}

Result<void> Client::flush(std::chrono::milliseconds timeout) { return body_->flush(timeout); }
Result<void> Client::close(std::chrono::milliseconds timeout) { return body_->close(timeout); }
ClientMetrics Client::metrics() const { return body_->metrics(); }

}  // namespace takt
