// NATS JetStream: asynchronous publishes into a file-stored work queue; a pull consumer with explicit acks.

#include <nats/nats.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>

#include "bench/peers/peer.h"

namespace takt::bench {
namespace {

constexpr std::int64_t fetch_patience_ms = 100;
constexpr std::int64_t answer_patience_ms = 30'000;
constexpr std::int64_t ack_pending_max = 100'000;

void must(natsStatus status, const char* call) {
  if (status != NATS_OK) throw std::runtime_error(std::string("nats: ") + call + ": " + natsStatus_GetText(status));
}

struct Destroy {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
};

class Connection {
 public:
  explicit Connection(const PeerOptions& options) {
    natsConnection* connection = nullptr;
    must(natsConnection_ConnectTo(&connection, ("nats://" + options.host + ":" + std::to_string(options.port)).c_str()), "connect");
    connection_.reset(connection);
  }
  natsConnection* get() const { return connection_.get(); }
  std::unique_ptr<jsCtx, Destroy> stream(jsOptions* options) const {
    jsCtx* context = nullptr;
    must(natsConnection_JetStream(&context, get(), options), "JetStream");
    return std::unique_ptr<jsCtx, Destroy>(context);
  }

 private:
  std::unique_ptr<natsConnection, Destroy> connection_;
};

class NatsProducer final : public Producer {
 public:
  explicit NatsProducer(const PeerOptions& options) : connection_(options) {
    jsOptions settings;
    must(jsOptions_Init(&settings), "jsOptions_Init");
    settings.PublishAsync.AckHandler = &answered;  // on a thread of the library
    settings.PublishAsync.AckHandlerClosure = this;
    stream_ = connection_.stream(&settings);
  }

  void send(std::string_view payload) override {
    must(js_PublishAsync(stream_.get(), "bench", payload.data(), static_cast<int>(payload.size()), nullptr), "publish");
    const std::lock_guard lock(mutex_);
    ++sent_;
  }
  void flush() override {}  // the library's own thread writes at once
  void settle(std::size_t unconfirmed) override {
    std::unique_lock lock(mutex_);
    enough_ = sent_ - std::min<std::uint64_t>(unconfirmed, sent_);
    if (!changed_.wait_for(lock, std::chrono::milliseconds(answer_patience_ms), [&] { return confirmed_ >= enough_ || refused_; }))
      throw std::runtime_error("nats: no confirm came");
    if (refused_) throw std::runtime_error("nats: a publish was refused");
  }

 private:
  static void answered(jsCtx*, natsMsg* message, jsPubAck*, jsPubAckErr* error, void* closure) {
    auto& self = *static_cast<NatsProducer*>(closure);
    natsMsg_Destroy(message);
    const std::lock_guard lock(self.mutex_);
    self.refused_ |= error != nullptr;
    if (++self.confirmed_ == self.enough_ || self.refused_) self.changed_.notify_one();
  }

  Connection connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t sent_ = 0;
  std::uint64_t confirmed_ = 0;
  std::uint64_t enough_ = 0;   ///< who settles is woken there
  bool refused_ = false;
  std::unique_ptr<jsCtx, Destroy> stream_;  // last: its thread uses the above
};

class NatsConsumer final : public Consumer {
 public:
  explicit NatsConsumer(const PeerOptions& options) : connection_(options), stream_(connection_.stream(nullptr)), take_(options.take) {
    jsSubOptions wishes;
    must(jsSubOptions_Init(&wishes), "jsSubOptions_Init");
    wishes.Config.AckPolicy = js_AckExplicit;
    wishes.Config.MaxAckPending = ack_pending_max;
    natsSubscription* subscription = nullptr;
    must(js_PullSubscribe(&subscription, stream_.get(), "bench", "worker", nullptr, &wishes, nullptr), "subscribe");
    subscription_.reset(subscription);
  }

  std::size_t take(const Handle& handle) override {
    natsMsgList messages{};
    const natsStatus status = natsSubscription_Fetch(&messages, subscription_.get(), static_cast<int>(take_), fetch_patience_ms, nullptr);
    if (status == NATS_TIMEOUT) return 0;
    must(status, "fetch");
    const auto count = static_cast<std::size_t>(messages.Count);
    for (std::size_t i = 0; i < count; ++i) {
      natsMsg* message = messages.Msgs[i];
      handle({natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))});
      must(natsMsg_Ack(message, nullptr), "ack");
    }
    natsMsgList_Destroy(&messages);
    return count;
  }
  /// The server works on what one connection sent in order.
  void finish() override { must(natsConnection_FlushTimeout(connection_.get(), answer_patience_ms), "flush"); }

 private:
  Connection connection_;
  std::unique_ptr<jsCtx, Destroy> stream_;
  std::unique_ptr<natsSubscription, Destroy> subscription_;
  const std::size_t take_;
};

class Nats final : public Peer {
 public:
  explicit Nats(const PeerOptions& options) : options_(options) {}
  /// The library's threads outlive its connections, and must not see the process end.
  ~Nats() override { nats_CloseAndWait(answer_patience_ms); }
  Nats(const Nats&) = delete;
  Nats& operator=(const Nats&) = delete;
  void prepare() override {
    const Connection connection(options_);
    jsStreamConfig stream;
    must(jsStreamConfig_Init(&stream), "jsStreamConfig_Init");
    const char* subject = "bench";
    stream.Name = "bench";
    stream.Subjects = &subject;
    stream.SubjectsLen = 1;
    stream.Storage = js_FileStorage;
    stream.Retention = js_WorkQueuePolicy;
    must(js_AddStream(nullptr, connection.stream(nullptr).get(), &stream, nullptr, nullptr), "AddStream");
  }
  std::unique_ptr<Producer> producer() override { return std::make_unique<NatsProducer>(options_); }
  std::unique_ptr<Consumer> consumer() override { return std::make_unique<NatsConsumer>(options_); }

 private:
  const PeerOptions options_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const PeerOptions& options) { return std::make_unique<Nats>(options); }

}  // namespace takt::bench
