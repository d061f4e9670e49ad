#pragma once
// The worker's half of a session: subscriptions, credits, leases, and the outcomes on their way to the broker.

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "worker-sdk/cpp/src/lease.h"
#include "worker-sdk/cpp/src/outlet.h"
#include "worker-sdk/cpp/src/publish_window.h"

namespace takt::sdk {

struct SubscriptionSpec {
  std::string topic;
  std::string group;
  proto::StartFrom from = proto::StartFrom::kEarliest;
  proto::CreditKind credit = proto::CreditKind::kStanding;
  std::uint32_t messages = 1;            ///< standing: out un-acked at most; once: open here at most
  std::uint32_t bytes = 8u << 20;
  Duration wait = std::chrono::seconds(20);  ///< of a pull
};

/// One follow-up batch of a complete, its sections on the wire's form.
struct FollowUpBatch {
  Stream stream;
  std::uint32_t count = 0;
  std::vector<std::byte> metadata;
  std::vector<std::byte> payload;
};

class Consumer {
 public:
  Consumer(ProducerId producer, Duration ack_linger, Outlet& outlet, Sequencer& sequencer)
      : producer_(producer),
        ack_linger_(ack_linger),
        outlet_(outlet),
        sequencer_(sequencer) {}

  SubscriptionIndex subscribe(SubscriptionSpec spec);
  /// No more deliveries; what is held stays held.
  void stop_credit(SubscriptionIndex subscription);
  /// Everything held goes back at once. Outcomes that are on their way may come too late.
  void unsubscribe(SubscriptionIndex subscription);

  /// Messages of `lease` are done: acked within ack_linger, at once when nothing of the lease is open any more.
  /// Messages that are not open any more are passed over.
  void ack(LeaseId lease, const Bits& messages, Time now);
  /// `policy` is the message's own.
  void fail(LeaseId lease, std::uint32_t index, proto::FailOutcome outcome, std::optional<Duration> delay, std::uint16_t code,
            std::string text, proto::MessagePolicy policy);
  void complete(LeaseId lease, std::uint32_t index, std::vector<FollowUpBatch> follow_ups);

  void link_up(std::uint32_t partitions);
  void link_down();
  /// Each answers whether the reply was ours; false for one that nobody waits for.
  bool subscribed(CorrelationId correlation);
  bool resumed(CorrelationId correlation, const proto::Resumed& reply, Time now);
  bool acked(CorrelationId correlation, const proto::Acked& reply);
  bool failed(CorrelationId correlation, const proto::Failed& reply);
  bool completed(CorrelationId correlation, const proto::Completed& reply);
  bool credit_ended(CorrelationId correlation, const proto::CreditEnded& reply, Time now);
  PublishWindow::Refused refused(CorrelationId correlation, const proto::Error& error, Time now);
  /// False: the ranges make no sense, or belong to no subscription of ours.
  bool delivered(CorrelationId correlation, const proto::Deliver& deliver, SharedBytes metadata, SharedBytes payload);

  /// The broker ended the subscription because its group or topic was deleted: what was held of it is lost.
  void ended(SubscriptionId subscription);

  /// Sends what is due: acks, outcomes, credits.
  void advance(Time now);
  std::optional<Time> next_deadline() const;

  /// Outcomes handed over and not yet durable.
  std::size_t unsettled() const;
  /// Messages delivered whose outcome was not handed over yet.
  std::uint32_t open(SubscriptionIndex subscription) const;

 private:
  enum class WireState { kDown, kSubscribing, kResuming, kReady, kRefused, kGone };
  /// A subscription at one partition.
  struct Wire {
    SubscriptionId id;
    std::uint32_t spec = 0;
    PartitionId partition;
    WireState state = WireState::kDown;
    bool known = false;                      ///< was subscribed on an earlier link: Resume must follow
    std::uint32_t open = 0;
    std::uint32_t pulled = 0;                ///< asked for and not yet delivered
    std::unordered_map<CorrelationId, std::uint32_t> pulls;
    std::optional<Time> pull_not_before;
    std::optional<Time> ack_due;
    std::optional<Time> subscribe_not_before;
    unsigned tries = 0;
    std::vector<LeaseId> dirty;
  };
  struct Subscription {
    SubscriptionSpec spec;
    bool credit_stopped = false;
    bool announced = false;
    std::vector<std::uint32_t> wires;
  };
  struct SentAck {
    std::uint32_t wire = 0;
    struct Entry {
      LeaseId lease;
      Slot slot;
      LeaseToken token;
      std::int64_t base = 0;
      Bits bits;                             ///< of the lease; what is not answered yet
    };
    std::vector<Entry> entries;
  };
  struct Fail {
    proto::FailOutcome outcome = proto::FailOutcome::kRetry;
    std::optional<Duration> delay{};
    std::uint16_t code = 0;
    std::string text;
    proto::MessagePolicy policy{};
  };
  struct Complete {
    std::vector<FollowUpBatch> follow_ups;
    std::optional<Sequence> sequence;
    bool ambiguous = false;                  ///< an attempt was not answered: look it up even when the lease is gone
    Slot slot;                               ///< of the last attempt
    LeaseToken token;
    proto::IndexRun run;
  };
  struct Settlement {
    LeaseId lease;
    std::uint32_t index = 0;
    std::uint32_t wire = 0;
    Position position;                       ///< of the message; its lease may be gone when the answer comes
    std::variant<Fail, Complete> what;
    std::optional<Time> not_before;
    unsigned tries = 0;
  };
  struct Held {                              ///< one entry of a Resume on its way
    LeaseId lease;
    std::uint32_t first = 0;                 ///< of the lease
    std::uint32_t count = 0;
    Lane lane;
    Offset offset;
  };

  void make_wires(std::uint32_t index);
  void open_wire(Wire& wire);
  void send_resume(std::uint32_t wire_index);
  void become_ready(std::uint32_t wire_index);
  void give_credit(Wire& wire);
  void pull(Wire& wire, Time now);
  std::uint32_t share(const Subscription& subscription, std::uint32_t total) const;
  void send_acks(std::uint32_t wire_index);
  void confirm(SentAck& sent, const std::vector<proto::AckEntry>& entries, Acknowledged& done);
  void refuse_stale(SentAck& sent, const std::vector<proto::AckEntry>& entries);
  void lose(LeaseId id, const Bits& bits);
  void forget(LeaseId id, const Bits& bits);
  PublishWindow::Refused subscription_refused(std::uint32_t wire_index, const proto::Error& error, Time now);
  PublishWindow::Refused ack_refused(const SentAck& sent, const proto::Error& error, Time now);

  // settlement.cpp
  bool take_open(LeaseId lease, std::uint32_t index);
  void send_settlements(Time now);
  /// None: there is nothing to send it for any more, which has been reported.
  std::optional<CorrelationId> send_fail(const Settlement& settlement);
  std::optional<CorrelationId> send_complete(Settlement& settlement);
  void report_gone(const Settlement& settlement);
  std::optional<Settlement> take_settlement(CorrelationId correlation);
  PublishWindow::Refused settlement_refused(Settlement settlement, const proto::Error& error, Time now);
  std::optional<Time> settlements_deadline() const;

  const ProducerId producer_;
  const Duration ack_linger_;
  Outlet& outlet_;
  Sequencer& sequencer_;

  std::uint32_t partitions_ = 0;                                       ///< 0: no link
  std::vector<Subscription> subscriptions_;
  std::vector<Wire> wires_;
  std::unordered_map<LeaseId, Lease> leases_;
  std::uint64_t last_lease_ = 0;
  std::unordered_map<CorrelationId, std::uint32_t> subscribing_;       ///< to wire
  std::unordered_map<CorrelationId, std::pair<std::uint32_t, std::vector<Held>>> resuming_;
  std::unordered_map<CorrelationId, SentAck> sent_acks_;
  std::deque<Settlement> settlements_;                                 ///< not on their way
  std::unordered_map<CorrelationId, Settlement> sent_settlements_;
};

}  // namespace takt::sdk
