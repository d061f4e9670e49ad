#pragma once
// The broker's end of a session in tests: reads what the session sends, answers by hand.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proto/section.h"
#include "worker-sdk/cpp/src/session.h"

namespace takt::sdk {

inline SessionOptions test_options() {
  SessionOptions options;
  options.client = ClientId(7);
  options.producer = ProducerId(70);
  options.name = "test";
  return options;
}

/// One request as it left the session.
struct Sent {
  CorrelationId correlation;
  proto::Request body;
  Frames frames;
  proto::SectionViews sections{};

  template <class T>
  const T& as() const {
    return std::get<T>(body);
  }
};

class Peer {
 public:
  explicit Peer(Session& session) : session_(session) {}

  Now now{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(400'000))};

  void connect() { session_.connected(now); }
  /// Connects and answers Hello.
  void greet() {
    connect();
    const auto sent = take();
    ASSERT_EQ(sent.size(), 1u);
    proto::HelloReply reply;
    reply.session = SessionId(1);
    answer(sent[0], reply);
  }
  void cut() { session_.disconnected("cut", now); }
  void pass(Duration by) {
    now.mono += by;
    session_.tick(now);
  }
  std::vector<Sent> take() {
    std::vector<Sent> sent;
    for (Frames& frames : session_.take_frames()) {
      auto decoded = decoder_.request(frames[0].bytes);
      EXPECT_TRUE(decoded.has_value());
      if (!decoded) continue;
      proto::SectionViews sections = decoded->sections.value_or(proto::SectionViews{});
      if (frames.size() == 3) sections = {frames[1].bytes, frames[2].bytes};
      sent.push_back({decoded->correlation, std::move(decoded->body), std::move(frames), sections});
    }
    return sent;
  }
  /// The one request that was sent since the last take.
  template <class T>
  Sent take_one() {
    auto sent = take();
    EXPECT_EQ(sent.size(), 1u);
    if (sent.size() != 1 || !std::holds_alternative<T>(sent[0].body)) {
      ADD_FAILURE() << "another request than expected";
      return {CorrelationId(0), T{}, {}};
    }
    return std::move(sent[0]);
  }
  void answer(const Sent& request, const proto::Reply& reply) { say(reply, request.correlation); }
  void refuse(const Sent& request, ErrorCode code, std::uint32_t retry_after_ms = 0) {
    answer(request, proto::Error{code, "no", retry_after_ms});
  }
  void say(const proto::Reply& reply, CorrelationId correlation = CorrelationId(0), proto::Sections sections = {}) {
    Frames frames{SharedBytes::own(proto::encode(reply, correlation))};
    if (proto::frame_count(proto::type_of(reply)) == 3) {
      frames.push_back(SharedBytes::own(std::move(sections.metadata)));
      frames.push_back(SharedBytes::own(std::move(sections.payload)));
    }
    session_.received(frames, now);
  }
  std::vector<Event> events() { return session_.take_events(); }
  /// The events of type T since the last call; others are dropped.
  template <class T>
  std::vector<T> take_events() {
    std::vector<T> found;
    for (Event& event : events()) {
      if (T* one = std::get_if<T>(&event)) found.push_back(std::move(*one));
    }
    return found;
  }

 private:
  Session& session_;
  proto::Decoder decoder_;
};

inline SharedBytes text_bytes(std::string_view text) {
  const auto bytes = as_bytes(text);
  return SharedBytes::own({bytes.begin(), bytes.end()});
}

inline Batch batch(std::uint64_t id, const Peer& peer, std::string topic = "photos", Duration timeout = std::chrono::seconds(30)) {
  return {BatchId(id),           {std::move(topic), Lane(0)}, proto::Acks::kAll, 1, text_bytes("metadata"),
          text_bytes("payload"), peer.now.mono + timeout};
}

/// `count` messages of kind `k` with payload `p0`, `p1`, ...
proto::Sections sections_of(std::uint32_t count);

}  // namespace takt::sdk
