#include "tests/e2e/wire_client.h"

#include <zmq.h>

namespace takt::e2e {

WireClient::WireClient(const std::string& server) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
  const int linger = 0;
  zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
  zmq_connect(socket_, server.c_str());
}

WireClient::~WireClient() {
  zmq_close(socket_);
  zmq_ctx_term(context_);
}

CorrelationId WireClient::send(const proto::Request& request) {
  const CorrelationId correlation(++last_correlation_);
  const std::vector<std::vector<std::byte>> frames{proto::encode(request, correlation)};
  send_frames(frames);
  return correlation;
}

void WireClient::send_frames(std::span<const std::vector<std::byte>> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i)
    zmq_send(socket_, frames[i].data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
}

std::optional<proto::Reply> WireClient::receive_any(std::chrono::steady_clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
    if (left.count() <= 0 || zmq_poll(&item, 1, left.count()) <= 0) return std::nullopt;
    std::optional<proto::Reply> decoded;
    for (bool first = true, more = true; more; first = false) {
      zmq_msg_t message;
      zmq_msg_init(&message);
      if (zmq_msg_recv(&message, socket_, 0) < 0) return std::nullopt;
      if (first) {
        auto reply = decoder_.reply({static_cast<const std::byte*>(zmq_msg_data(&message)), zmq_msg_size(&message)});
        if (reply) decoded = std::move(reply->body);
      }
      more = zmq_msg_more(&message) != 0;
      zmq_msg_close(&message);
    }
    if (decoded) return decoded;
  }
}

}  // namespace takt::e2e
