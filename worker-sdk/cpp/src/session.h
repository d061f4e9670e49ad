#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/codec.h"
#include "worker-sdk/cpp/src/consumer.h"
#include "worker-sdk/cpp/src/events.h"
#include "worker-sdk/cpp/src/outlet.h"
#include "worker-sdk/cpp/src/publish_window.h"
#include "worker-sdk/cpp/src/request_queue.h"

namespace takt::sdk {

struct SessionOptions {
  ClientId client;                        ///< random, one per process's client
  ProducerId producer;                    ///< random, never used by anybody else
  proto::ClientKind kind = proto::ClientKind::kTool;
  std::string name;
  std::string software = "takt-cpp/0.1.0";
  Duration hello_timeout = std::chrono::seconds(5);
  Duration ack_linger = std::chrono::milliseconds(1);
  PublishWindow::Bounds publishing{};
};

/// The protocol's client side as a value: no clock, thread, socket or randomness. Frames and calls in, frames and events
/// out; the same calls give the same bytes. It outlives connections: what was not answered on one is repeated on the
/// next, under the same sequence numbers and after the leases were claimed again.
///
/// Use: after any call take_frames() and take_events(); call tick() when next_deadline() has passed. connected() once a
/// fresh connection can take frames; disconnected() once it cannot any more, also after a LinkDead event. Never reuse a
/// connection: what it still holds would arrive twice.
/// Thread: its owner's.
class Session {
 public:
  explicit Session(SessionOptions options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void connected(Now now);
  void disconnected(std::string_view why, Now now);
  /// One multipart message of the broker. What makes no sense ends the link.
  void received(std::span<const SharedBytes> frames, Now now);
  void tick(Now now);
  std::optional<Time> next_deadline() const;
  /// To be called when the network has taken all earlier ones: taken, a batch with acks=0 counts as stored and no longer
  /// against the window.
  /// An empty `spare` is filled next, as Outlet says.
  std::vector<Frames> take_frames(std::vector<Frames> spare = {});
  std::vector<Event> take_events(std::vector<Event> spare = {}) { return outlet_.take_events(std::move(spare)); }

  /// Answered by exactly one BatchStored or BatchFailed.
  void publish(Batch batch, Now now);
  /// Answered by exactly one RequestAnswered or RequestFailed. Metadata, ListTopics and the like.
  void request(TicketId ticket, proto::Request request, proto::Sections sections, Time deadline, Now now);

  SubscriptionIndex subscribe(SubscriptionSpec spec, Now now);
  void stop_credit(SubscriptionIndex subscription);
  void unsubscribe(SubscriptionIndex subscription);
  void ack(LeaseId lease, const Bits& messages, Now now);
  void fail(LeaseId lease, std::uint32_t index, proto::FailOutcome outcome, std::optional<Duration> delay, std::uint16_t code,
            std::string text, Now now, proto::MessagePolicy policy = {});
  /// The ack of one message and its follow-ups, all or nothing.
  void complete(LeaseId lease, std::uint32_t index, std::vector<FollowUpBatch> follow_ups, Now now);

  /// Ends the session in order, for good; SaidGoodbye answers. Without a link, or when it breaks meanwhile, it is said at once.
  void goodbye();
  /// Nothing will be sent any more: everything unanswered is answered, as unknown when it may have happened.
  void abandon(const std::string& why);

  /// Of the live link, else none.
  const std::optional<proto::HelloReply>& broker() const { return broker_; }
  std::size_t batches_pending() const { return publishing_.size(); }
  std::uint64_t batches_resent() const { return publishing_.resent(); }
  std::size_t outcomes_unsettled() const { return consuming_.unsettled(); }
  std::uint32_t open_messages(SubscriptionIndex subscription) const { return consuming_.open(subscription); }

 private:
  enum class Link { kDown, kGreeting, kLive, kDead, kLeft };

  void advance(Now now);
  void leave();
  void handle(proto::DecodedReply reply, SharedBytes metadata, SharedBytes payload, Now now);
  void greeted(const proto::HelloReply& reply, Now now);
  void refused(CorrelationId correlation, const proto::Error& error, Now now);
  void die(std::string why);
  void lose_link(std::string_view why);

  const SessionOptions options_;
  proto::Decoder decoder_;
  Outlet outlet_;
  Sequencer sequencer_;
  PublishWindow publishing_;
  Consumer consuming_;
  RequestQueue requests_;

  Link link_ = Link::kDown;
  bool greeted_before_ = false;
  bool is_leaving_ = false;             ///< a goodbye is on its way
  std::optional<proto::HelloReply> broker_;
  Time hello_deadline_{};
  Time last_received_{};
  Time last_heartbeat_{};
};

}  // namespace takt::sdk
