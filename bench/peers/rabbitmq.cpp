// RabbitMQ: persistent messages with publisher confirms into a durable queue; a consumer with prefetch and multiple acks.

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <set>
#include <stdexcept>
#include <string>

#include "bench/peers/peer.h"

namespace takt::bench {
namespace {

constexpr amqp_channel_t channel = 1;
constexpr std::uint16_t prefetch = 2'000;
constexpr timeval moment{0, 100'000};
constexpr timeval at_once{0, 0};

bool has_timed_out(const amqp_rpc_reply_t* reply) {
  return reply->reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply->library_error == AMQP_STATUS_TIMEOUT;
}

void must(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error("rabbitmq: " + what + " failed");
}

class Connection {
 public:
  explicit Connection(const PeerOptions& options) : state_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(get());
    must(socket != nullptr && amqp_socket_open(socket, options.host.c_str(), options.port) == AMQP_STATUS_OK, "connect");
    answered(amqp_login(get(), "/", 0, 131'072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
    amqp_channel_open(get(), channel);
    answered("channel.open");
  }
  amqp_connection_state_t get() const { return state_.get(); }
  /// The answer to the last request.
  void answered(const std::string& what) const { answered(amqp_get_rpc_reply(get()), what); }

 private:
  struct Destroy {
    void operator()(amqp_connection_state_t state) const { amqp_destroy_connection(state); }
  };
  static void answered(const amqp_rpc_reply_t& reply, const std::string& what) { must(reply.reply_type == AMQP_RESPONSE_NORMAL, what); }

  std::unique_ptr<amqp_connection_state_t_, Destroy> state_;
};

class RabbitProducer final : public Producer {
 public:
  explicit RabbitProducer(const PeerOptions& options) : connection_(options) {
    amqp_confirm_select(connection_.get(), channel);
    connection_.answered("confirm.select");
    properties_._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties_.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  }

  void send(std::string_view payload) override {
    const amqp_bytes_t body{payload.size(), const_cast<char*>(payload.data())};
    must(amqp_basic_publish(connection_.get(), channel, amqp_empty_bytes, amqp_cstring_bytes("bench"), 0, 0, &properties_, body) ==
             AMQP_STATUS_OK,
         "publish");
    unconfirmed_.insert(unconfirmed_.end(), ++last_);
  }
  void flush() override {}  // each publish is written at once
  void settle(std::size_t unconfirmed) override {
    while (unconfirmed_.size() > unconfirmed) {
      amqp_frame_t frame;
      must(amqp_simple_wait_frame(connection_.get(), &frame) == AMQP_STATUS_OK, "waiting for a confirm");
      must(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "a confirm");
      const auto* ack = static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded);
      if (ack->multiple != 0) {
        unconfirmed_.erase(unconfirmed_.begin(), unconfirmed_.upper_bound(ack->delivery_tag));
      } else {
        unconfirmed_.erase(ack->delivery_tag);
      }
      amqp_maybe_release_buffers(connection_.get());
    }
  }

 private:
  Connection connection_;
  amqp_basic_properties_t properties_{};
  std::uint64_t last_ = 0;
  std::set<std::uint64_t> unconfirmed_;   ///< delivery tags: confirms come in any order
};

class RabbitConsumer final : public Consumer {
 public:
  explicit RabbitConsumer(const PeerOptions& options) : connection_(options), take_(options.take) {
    amqp_basic_qos(connection_.get(), channel, 0, prefetch, 0);
    connection_.answered("basic.qos");
    amqp_basic_consume(connection_.get(), channel, amqp_cstring_bytes("bench"), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    connection_.answered("basic.consume");
  }

  /// What is there, at most `take` messages, and one ack for all of them.
  std::size_t take(const Handle& handle) override {
    std::size_t came = 0;
    std::uint64_t last = 0;
    for (; came < take_; ++came) {
      amqp_envelope_t envelope;
      const timeval patience = came == 0 ? moment : at_once;
      const amqp_rpc_reply_t reply = amqp_consume_message(connection_.get(), &envelope, &patience, 0);
      if (has_timed_out(&reply)) break;
      must(reply.reply_type == AMQP_RESPONSE_NORMAL, "consume");
      handle({static_cast<const char*>(envelope.message.body.bytes), envelope.message.body.len});
      last = envelope.delivery_tag;
      amqp_destroy_envelope(&envelope);
    }
    amqp_maybe_release_buffers(connection_.get());
    if (came > 0) must(amqp_basic_ack(connection_.get(), channel, last, 1) == AMQP_STATUS_OK, "ack");
    return came;
  }
  /// The server works on one channel in order: an answer means that the acks before it were read.
  void finish() override {
    amqp_basic_qos(connection_.get(), channel, 0, prefetch, 0);
    connection_.answered("basic.qos");
  }

 private:
  Connection connection_;
  const std::size_t take_;
};

class RabbitMq final : public Peer {
 public:
  explicit RabbitMq(const PeerOptions& options) : options_(options) {}
  void prepare() override {
    const Connection connection(options_);
    amqp_table_entry_t type{};
    type.key = amqp_cstring_bytes("x-queue-type");
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes(options_.kind.c_str());
    amqp_queue_declare(connection.get(), channel, amqp_cstring_bytes("bench"), 0, 1, 0, 0, {1, &type});
    connection.answered("queue.declare");
  }
  // What a worker acks just before it leaves may come back.
  void empty() override {
    const Connection connection(options_);
    amqp_queue_purge(connection.get(), channel, amqp_cstring_bytes("bench"));
    connection.answered("queue.purge");
  }
  std::unique_ptr<Producer> producer() override { return std::make_unique<RabbitProducer>(options_); }
  std::unique_ptr<Consumer> consumer() override { return std::make_unique<RabbitConsumer>(options_); }

 private:
  const PeerOptions options_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const PeerOptions& options) { return std::make_unique<RabbitMq>(options); }

}  // namespace takt::bench
