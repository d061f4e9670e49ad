// links: takt_session takt_proto
// A hostile broker: frames of any content for a session that has a subscription, batches and leases. Rows of {action,
// lengths, frames}. The session answers, or ends the link, and never hands out what a frame does not hold.

#include "proto/check.h"
#include "proto/section.h"
#include "tests/fuzz/input.h"
#include "worker-sdk/cpp/src/session.h"

namespace {

using namespace takt;
using namespace takt::sdk;

SharedBytes some_bytes(std::string_view text) {
  const auto bytes = as_bytes(text);
  return SharedBytes::own({bytes.begin(), bytes.end()});
}

class Fuzzed {
 public:
  Fuzzed() : session_(options()) {
    subscription_ = session_.subscribe({.topic = "t", .group = "g"}, now_);
    connect();
  }

  void hear(std::span<const SharedBytes> frames) {
    session_.received(frames, now_);
    drain();
  }
  void connect() {
    session_.disconnected("over", now_);
    session_.connected(now_);
    drain();
  }
  void greet() {
    proto::HelloReply reply;
    reply.session = SessionId(1);
    hear(std::vector{SharedBytes::own(proto::encode(reply, last_correlation_))});
  }
  void publish() {
    session_.publish(
        {BatchId(next_++), {"t", Lane(0)}, proto::Acks::kAll, 1, some_bytes("m"), some_bytes("p"), now_.mono + std::chrono::seconds(5)},
        now_);
    drain();
  }
  void wait(Duration time) {
    now_.mono += time;
    session_.tick(now_);
    drain();
  }
  void give_up() {
    session_.abandon("over");
    drain();
  }
  /// The correlation id of what was sent last: a broker that answers it wrongly reaches further than one that guesses.
  CorrelationId last_correlation() const { return last_correlation_; }

 private:
  static SessionOptions options() {
    SessionOptions options;
    options.client = ClientId(7);
    options.producer = ProducerId(70);
    options.kind = proto::ClientKind::kWorker;
    options.name = "fuzz";
    return options;
  }
  void drain() {
    for (const Frames& frames : session_.take_frames()) {
      auto sent = decoder_.request(frames[0].bytes);
      check(sent.has_value(), "a session sends what the protocol knows");
      last_correlation_ = sent->correlation;
    }
    static_cast<void>(session_.take_events());
    static_cast<void>(session_.next_deadline());
  }

  Now now_{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(400'000))};
  Session session_;
  SubscriptionIndex subscription_{};
  proto::Decoder decoder_;
  CorrelationId last_correlation_{};
  std::uint64_t next_ = 1;
};

enum Action : std::uint8_t { kHear, kHearThree, kAnswerLast, kGreet, kPublish, kWait, kReconnect, kDeliver, kAnswerRun, kActions };

/// Ranges and sections that are whole by themselves, and fit each other or not.
std::vector<SharedBytes> delivery(fuzz::Input& input) {
  proto::Deliver deliver{PartitionId(0), SubscriptionId(input.byte() % 4), {}};
  for (int i = input.byte() % 4; i > 0; --i)
    deliver.ranges.push_back({Slot(input.byte()),
                              LeaseToken(input.number()),
                              Lane(input.byte() % 9),
                              {Offset(input.byte()), Position(input.number()), input.byte() % 70u},
                              input.byte()});
  proto::SectionBuilder builder;
  for (int i = input.byte() % 100; i > 0; --i) builder.add(std::vector<std::byte>(input.byte() % 8), std::vector<std::byte>(input.byte()));
  proto::Sections sections = builder.take();
  return {SharedBytes::own(proto::encode(deliver, CorrelationId(input.byte()))), SharedBytes::own(std::move(sections.metadata)),
          SharedBytes::own(std::move(sections.payload))};
}

/// One answer for up to 70,000 requests, more than a frame may name; they begin at or before the last one that was sent.
std::vector<SharedBytes> run_answer(fuzz::Input& input, CorrelationId last) {
  const std::uint64_t back = std::min<std::uint64_t>(input.byte(), last.value);
  proto::Published published;
  published.first_position = Position(input.number());
  published.first_offset = Offset(input.number());
  published.count = 1 + input.byte() % 3;
  published.duplicate = input.byte() % 4 == 0;
  published.requests = 1 + (input.number() | std::uint32_t{input.byte()} << 16) % 70'000;
  return {SharedBytes::own(proto::encode(published, CorrelationId(last.value - back)))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  proto::Decoder decoder;
  Fuzzed fuzzed;
  fuzzed.greet();
  for (int step = 0; step < 100 && !input.is_empty(); ++step) {
    const std::uint8_t action = input.byte() % kActions;
    switch (static_cast<Action>(action)) {
      case kHear:
      case kHearThree: {
        std::vector<SharedBytes> frames;
        for (int i = action == kHear ? 1 : 3; i > 0; --i) frames.push_back(SharedBytes::own(input.bytes(input.number() % 4'096)));
        fuzzed.hear(frames);
        break;
      }
      case kAnswerLast: {
        const auto reply = decoder.reply(input.bytes(input.number() % 4'096));
        if (reply) fuzzed.hear(std::vector{SharedBytes::own(proto::encode(reply->body, fuzzed.last_correlation()))});
        break;
      }
      case kAnswerRun: fuzzed.hear(run_answer(input, fuzzed.last_correlation())); break;
      case kDeliver: fuzzed.hear(delivery(input)); break;
      case kGreet: fuzzed.greet(); break;
      case kPublish: fuzzed.publish(); break;
      case kWait: fuzzed.wait(std::chrono::milliseconds(10 * input.number())); break;
      case kReconnect: fuzzed.connect(); break;
      case kActions: break;
    }
  }
  fuzzed.give_up();
  return 0;
}
