#include "tests/transport/desk_bench.h"

namespace takt::transport {
namespace {

DeskSettings tight() {
  DeskSettings settings;
  settings.sessions_max = 2;
  settings.replies_per_session_max = 2;
  settings.replies_max = 3;
  settings.publish_bytes_max = 20'000;
  settings.request_bytes_max = 40'000;
  settings.outbound_bytes_per_peer_max = 200'000;
  settings.intake.message_bytes_max = 4'096;
  settings.intake.batch_bytes_max = 8'192;
  settings.intake.batch_messages_max = 10;
  return settings;
}

class DeskBounds : public DeskBench {
 protected:
  DeskBounds() : DeskBench(tight()) {}
  /// The socket takes nothing from the peer `a` for so long.
  void stuck_for(Duration duration) {
    const Time until = now + duration;
    desk.stuck(a, now);
    while (now < until) {
      now = std::min(until, now + std::chrono::milliseconds(500));
      desk.stuck(a, now);
    }
    collect();
  }
  /// A push of about that many bytes.
  void push(SessionId session, std::size_t bytes) {
    for (; bytes > 0; bytes -= std::min<std::size_t>(bytes, 1'000))
      answer(session, 0, proto::Error{ErrorCode::kBusy, std::string(std::min<std::size_t>(bytes, 1'000) - 20, 'x'), 0});
  }
};

TEST_F(DeskBounds, ReservesAReplySlotPerRequestAndFreesItWithTheReply) {
  const SessionId session = hello(a, 1);
  send(a, proto::ListTopics{}, 1);
  send(a, proto::ListTopics{}, 2);
  send(a, proto::ListTopics{}, 3);
  const auto error = take_reply<proto::Error>(a);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kBusy);
  EXPECT_GT(error->retry_after_ms, 0u);
  answer(session, 1, proto::Topics{});
  EXPECT_EQ(desk.stats().replies_reserved, 1u);
  send(a, proto::ListTopics{}, 3);
  EXPECT_FALSE(take_error(a));
}

TEST_F(DeskBounds, OneAnswerFreesTheReplySlotsOfItsWholeRun) {
  const SessionId session = hello(a, 1);
  publish(a, 1);
  publish(a, 2);
  EXPECT_EQ(desk.stats().replies_reserved, 2u);
  proto::Published run;
  run.requests = 2;
  answer(session, 1, run);
  EXPECT_EQ(desk.stats().replies_reserved, 0u);
  EXPECT_TRUE(take_reply<proto::Published>(a));
}

TEST_F(DeskBounds, BoundsTheRepliesOfAllSessionsTogether) {
  hello(a, 1);
  hello(b, 2);
  send(a, proto::ListTopics{}, 1);
  send(a, proto::ListTopics{}, 2);
  send(b, proto::ListTopics{}, 1);
  send(b, proto::ListTopics{}, 2);
  EXPECT_EQ(take_error(b), ErrorCode::kBusy);
  desk.ended(a);
  send(b, proto::ListTopics{}, 2);
  EXPECT_FALSE(take_error(b));
}

DeskSettings eight_replies() {
  DeskSettings settings;
  settings.replies_max = 8;
  return settings;
}

class DeskReplies : public DeskBench {
 protected:
  DeskReplies() : DeskBench(eight_replies()) {}
};

TEST_F(DeskReplies, ASessionThatAsksWithoutEndLeavesSomeForAnother) {
  hello(a, 1);
  hello(b, 2);
  for (std::uint64_t i = 1; i <= 20; ++i) send(a, proto::PutTopic{"t", {}}, i);
  EXPECT_EQ(desk.stats().replies_reserved, 6u);
  send(b, proto::PutTopic{"t", {}}, 1);
  EXPECT_FALSE(take_error(b)) << "it waits for nothing yet";
}

TEST_F(DeskReplies, ThoseWhoWaitOnPurposeLeaveHalfToThoseWhoOnlyWantAnAnswer) {
  const auto peek = [](std::uint32_t wait_ms) { return proto::Peek{PartitionId(0), "t", Lane(0), std::nullopt, 1, 1, wait_ms}; };
  hello(a, 1);
  const SessionId session = hello(b, 2);
  for (std::uint64_t i = 1; i <= 3; ++i) send(a, peek(60'000), i);
  send(b, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kOnce, 1, 1, 60'000}, 1);
  EXPECT_EQ(desk.stats().replies_reserved, 4u);
  EXPECT_FALSE(take_error(b));
  send(b, peek(60'000), 2);
  EXPECT_EQ(take_error(b), ErrorCode::kBusy);
  send(b, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kOnce, 1, 1, 60'000}, 2);
  EXPECT_EQ(take_error(b), ErrorCode::kBusy);
  send(b, peek(0), 3);
  publish(b, 4);
  EXPECT_FALSE(take_error(b));
  answer(session, 1, proto::CreditEnded{});
  send(b, peek(60'000), 5);
  EXPECT_FALSE(take_error(b));
}

TEST_F(DeskBounds, APushDoesNotUseUpAReplySlot) {
  const SessionId session = hello(a, 1);
  send(a, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kOnce, 10, 1000, 50}, 5);
  answer(session, 5,
         proto::Deliver{PartitionId(0), SubscriptionId(1), {{Slot(0), LeaseToken(1), Lane(0), {Offset(0), Position(0), 1}, 1}}});
  EXPECT_EQ(desk.stats().replies_reserved, 1u);
  answer(session, 5, proto::CreditEnded{SubscriptionId(1), 1});
  EXPECT_EQ(desk.stats().replies_reserved, 0u);
}

TEST_F(DeskBounds, StandingCreditHasNoReplySlot) {
  hello(a, 1);
  for (std::uint64_t i = 0; i < 5; ++i)
    send(a, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 10, 1000, 0}, i);
  EXPECT_FALSE(take_error(a));
  EXPECT_EQ(desk.stats().replies_reserved, 0u);
}

TEST_F(DeskBounds, CountsWhatAcksTakeInMemoryUntilTheyAreHandledAndAsksForThemAgain) {
  const SessionId session = hello(a, 1);
  prior.clear();
  const auto ack = [&](std::uint64_t correlation) {
    send(a, proto::Ack{PartitionId(0), SubscriptionId(1), std::vector(200, proto::AckEntry{Slot(0), LeaseToken(0), {{0, 1}}})},
         correlation);
    answer(session, correlation, proto::Acked{SubscriptionId(1), {}, {}});   // its slot is free, the command waits all the same
    const auto error = take_reply<proto::Error>(a);
    EXPECT_TRUE(!error || error->retry_after_ms > 0);
    return error ? std::optional(error->code) : std::nullopt;
  };
  EXPECT_FALSE(ack(1));
  EXPECT_EQ(ack(2), ErrorCode::kBusy);
  send(a, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 10, 1000, 0}, 3);
  EXPECT_FALSE(take_error(a)) << "nobody would repeat it";
  send(a, proto::Resume{PartitionId(0), SubscriptionId(1), {{Lane(7), Offset(0), 1, LeaseToken(0)}}}, 4);
  EXPECT_FALSE(take_error(a)) << "its leases would be lost";
  EXPECT_EQ(prior.size(), 3u);
  EXPECT_EQ(desk.stats().publish_bytes_in_flight, 0u);
  prior.clear();
  EXPECT_FALSE(ack(2));
}

TEST_F(DeskBounds, CountsPublishBytesUntilTheirLastHolderLetsGo) {
  hello(a, 1);
  for (int i = 0; i < 3; ++i) publish(a, 1, proto::Acks::kNone, 4000);
  EXPECT_EQ(later.size(), 3u);
  EXPECT_GT(desk.stats().publish_bytes_in_flight, 12'000u);
  publish(a, 4, proto::Acks::kAll, 4000);
  EXPECT_EQ(take_error(a), ErrorCode::kBusy);

  SharedBytes kept = std::get<core::ClientRequest>(later[0]).payload.slice(0, 10);
  later.erase(later.begin());
  EXPECT_GT(desk.stats().publish_bytes_in_flight, 12'000u);   // a window still holds the first
  kept = {};
  EXPECT_LT(desk.stats().publish_bytes_in_flight, 12'000u);
  publish(a, 4, proto::Acks::kAll, 4000);
  EXPECT_FALSE(take_error(a));
  later.clear();
  EXPECT_EQ(desk.stats().publish_bytes_in_flight, 0u);
}

TEST_F(DeskBounds, SectionsInTheEnvelopeCountLikeThoseInFramesOfTheirOwn) {
  hello(a, 1);
  const auto sections = messages(1, 4000);
  const proto::Request request = publish_of(sections, 1, proto::Acks::kNone);
  publish(a, 1, proto::Acks::kNone, 4000);
  const std::size_t in_frames = desk.stats().publish_bytes_in_flight;
  send_raw(a, {proto::encode(request, CorrelationId(2), {sections.metadata, sections.payload})});
  EXPECT_EQ(desk.stats().publish_bytes_in_flight, 2 * in_frames);
  ASSERT_EQ(later.size(), 2u);
  const auto& command = std::get<core::ClientRequest>(later[1]);
  EXPECT_EQ(as_text(command.metadata.bytes), as_text(sections.metadata));
  EXPECT_EQ(as_text(command.payload.bytes), as_text(sections.payload));
  later.clear();
  EXPECT_EQ(desk.stats().publish_bytes_in_flight, 0u);
}

TEST_F(DeskBounds, ASessionThatFillsTheBytesLeavesRoomForAnother) {
  hello(a, 1);
  hello(b, 2);
  for (std::uint64_t i = 1; i <= 20; ++i) publish(a, i, proto::Acks::kNone, 100);
  EXPECT_GT(later.size(), 8u);
  EXPECT_LT(later.size(), 16u);
  publish(b, 1, proto::Acks::kAll, 100);
  EXPECT_FALSE(take_error(b)) << "it has sent next to nothing";
  EXPECT_LE(desk.stats().publish_bytes_in_flight, 20'000u);
}

TEST_F(DeskBounds, RefusesAnUnansweredPublishWithoutAWord) {
  hello(a, 1);
  for (int i = 0; i < 4; ++i) publish(a, 1, proto::Acks::kNone, 4000);
  EXPECT_EQ(later.size(), 3u);
  EXPECT_TRUE(replies.empty());
  EXPECT_EQ(desk.stats().refusals.at(ErrorCode::kBusy), 1u);
}

TEST_F(DeskBounds, DropsAPeerThatTakesNothingForTheSessionTimeoutAndCountsIt) {
  const SessionId session = hello(a, 1);
  departures.clear();
  push(session, 250'000);
  stuck_for(DeskSettings{}.session_timeout - std::chrono::milliseconds(1));
  EXPECT_TRUE(dropped.empty());
  stuck_for(std::chrono::milliseconds(1));
  ASSERT_EQ(dropped, std::vector{a});
  EXPECT_EQ(lost(core::SessionEnd::kDisconnected), 1u);
  EXPECT_EQ(desk.stats().slow_peers_dropped, 1u);
  departures.clear();
  EXPECT_EQ(desk.stats().outbound_bytes, 0u);
  answer(session, 1, proto::Topics{});
  EXPECT_EQ(desk.stats().replies_dropped, 1u);
}

TEST_F(DeskBounds, DropsAPeerAtOnceForWhichFourTimesTheBoundWaits) {
  const SessionId session = hello(a, 1);
  push(session, 500'000);   // each of 1,000 bytes costs some more
  desk.stuck(a, now);
  collect();
  EXPECT_TRUE(dropped.empty());
  push(session, 100'000);
  EXPECT_TRUE(dropped.empty()) << "what the socket was not asked for is nobody's slowness";
  desk.stuck(a, now);
  collect();
  EXPECT_EQ(dropped, std::vector{a});
}

TEST_F(DeskBounds, APeerThatTakesALittleNowAndThenIsNotDropped) {
  const SessionId session = hello(a, 1);
  departures.clear();
  for (int i = 0; i < 20; ++i) push(session, 20'000);
  while (!departures.empty()) {
    stuck_for(DeskSettings{}.session_timeout - std::chrono::seconds(1));
    desk.sent(a, departures.front().bytes);
    departures.erase(departures.begin());
  }
  EXPECT_TRUE(dropped.empty());
}

TEST_F(DeskBounds, TheTimeInWhichThisProcessStoodStillIsNotThePeersFault) {
  const SessionId session = hello(a, 1);
  push(session, 250'000);
  stuck_for(std::chrono::seconds(5));
  now += std::chrono::minutes(1);
  stuck_for(std::chrono::seconds(5));
  EXPECT_TRUE(dropped.empty());
}

TEST_F(DeskBounds, AsksAClientToWaitThatRequestsMoreThanItReads) {
  const SessionId session = hello(a, 1);
  for (const Departure& departure : departures) desk.sent(a, departure.bytes);
  departures.clear();
  const auto peek = [&](std::uint64_t correlation) {
    send(a, proto::Peek{PartitionId(0), "t", Lane(0), Offset(0), 100, 1u << 30, 0}, correlation);
    return take_error(a);
  };
  EXPECT_FALSE(peek(1));
  EXPECT_EQ(std::get<proto::Peek>(std::get<core::ClientRequest>(later.back()).body).bytes_max, 200'000u);
  EXPECT_EQ(peek(2), ErrorCode::kBusy);
  for (const Departure& departure : departures) desk.sent(a, departure.bytes);
  departures.clear();
  answer(session, 1, proto::Error{ErrorCode::kUnknownTopic, "none", 0});
  EXPECT_GT(desk.stats().outbound_bytes, departures.back().bytes);
  departures.clear();
  EXPECT_EQ(desk.stats().outbound_bytes, 0u);
  EXPECT_EQ(take_error(a), ErrorCode::kUnknownTopic);
  EXPECT_FALSE(peek(2));
}

TEST_F(DeskBounds, APeerThatReadsIsNotDropped) {
  hello(a, 1);
  for (int i = 0; i < 200; ++i) {
    send(a, proto::Heartbeat{}, 1);
    for (const Departure& departure : departures) desk.sent(departure.to, departure.bytes);
    departures.clear();
  }
  EXPECT_TRUE(dropped.empty());
  EXPECT_EQ(desk.stats().outbound_bytes, 0u);
}

TEST_F(DeskBounds, RefusesASessionTooMany) {
  hello(a, 1);
  hello(b, 2);
  hello(ConnectionId(3), 3);
  EXPECT_EQ(take_error(ConnectionId(3)), ErrorCode::kTooManyConnections);
}

TEST_F(DeskBounds, NoWorkerMayHaveMoreOutThanMayWaitForItsSocket) {
  DeskSettings settings;
  settings.outbound_bytes_per_peer_max = 1u << 20;
  Desk wide(settings);
  const auto receive = [&](const proto::Request& request) {
    wide.received(a, Desk::Presence::kHere, frames_of(request, CorrelationId(1)), now);
  };
  receive(proto::Hello{ClientId(1), proto::ClientKind::kWorker, "w", "t"});
  receive(proto::Subscribe{PartitionId(0), SubscriptionId(1), "t", "g", proto::StartFrom::kEarliest});
  receive(proto::Subscribe{PartitionId(0), SubscriptionId(2), "u", "g", proto::StartFrom::kEarliest});
  receive(proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 100, 1u << 30, 0});
  const auto output = wide.take_output();
  EXPECT_EQ(std::get<proto::Credit>(std::get<core::ClientRequest>(output.commands.prior.back()).body).bytes, 512u * 1024);
}

TEST_F(DeskBounds, WhatASocketHasTakenCountsUntilItIsWritten) {
  const SessionId session = hello(a, 1);
  departures.clear();
  push(session, 3'000);
  for (const Departure& departure : departures) desk.sent(a, departure.bytes);
  EXPECT_GT(desk.stats().outbound_bytes, 3'000u);
  departures.clear();
  EXPECT_EQ(desk.stats().outbound_bytes, 0u);
}

TEST_F(DeskBounds, SmallRepliesCountForMoreThanTheirBytes) {
  hello(a, 1);
  departures.clear();
  for (int i = 0; i < 100; ++i) send(a, proto::Heartbeat{}, 1);
  EXPECT_GT(desk.stats().outbound_bytes, 100u * 500);
}

class DeskTotal : public DeskBench {
 protected:
  static DeskSettings small() {
    DeskSettings settings;
    settings.outbound_bytes_per_peer_max = 1'000'000;
    settings.outbound_bytes_max = 2'000'000;
    return settings;
  }
  DeskTotal() : DeskBench(small()) {}
  void push(SessionId session, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) answer(session, 0, proto::Error{ErrorCode::kBusy, std::string(4'000, 'x'), 0});
  }
  void look_after(Duration pause) {
    now += pause;
    desk.relieve(now);
    collect();
  }
  /// The socket's library writes what it has for `to`.
  void written(ConnectionId to) {
    std::erase_if(departures, [&](const Departure& departure) { return departure.to == to; });
  }
};

TEST_F(DeskTotal, AboveHalfOfTheWholeThePeerGoesThatTookNothingForTheLongest) {
  const SessionId slow = hello(a, 1);
  const SessionId quick = hello(b, 2);
  push(slow, 120);
  for (int i = 0; i < 5; ++i) {
    look_after(std::chrono::milliseconds(100));
    EXPECT_TRUE(dropped.empty());
    written(b);
    push(quick, 80);
  }
  written(b);
  push(quick, 110);
  look_after(std::chrono::milliseconds(100));
  EXPECT_EQ(dropped, std::vector{a});
  EXPECT_EQ(desk.stats().slow_peers_dropped, 1u);
}

TEST_F(DeskTotal, WhoHoldsLittleIsNotDroppedForThoseWhoHoldMuch) {
  const SessionId little = hello(a, 1);
  push(little, 5);
  look_after(std::chrono::seconds(1));
  const SessionId much = hello(b, 2);
  push(much, 250);
  look_after(Duration::zero());
  EXPECT_EQ(dropped, std::vector{b});
}

TEST_F(DeskTotal, AsksToBeLookedAtOnceThereIsTooMuchAndNotAgainForTheSame) {
  const SessionId session = hello(a, 1);
  push(session, 200);
  EXPECT_FALSE(desk.has_too_much_outbound());
  push(session, 50);
  EXPECT_TRUE(desk.has_too_much_outbound());
  look_after(Duration::zero());
  EXPECT_EQ(dropped, std::vector{a});
  EXPECT_FALSE(desk.has_too_much_outbound()) << "libzmq has not let go yet, and nobody else can be dropped for it";
}

TEST_F(DeskTotal, RefusesPeeksAndListingsWhoseAnswersWouldPassTheWhole) {
  const SessionId first = hello(a, 1);
  const auto peek = [&](ConnectionId from, std::uint64_t correlation) {
    send(from, proto::Peek{PartitionId(0), "t", Lane(0), Offset(0), 100, 900'000, 0}, correlation);
    return take_error(from);
  };
  hello(b, 2);
  departures.clear();
  EXPECT_FALSE(peek(a, 1));
  EXPECT_FALSE(peek(a, 2));
  EXPECT_EQ(peek(a, 3), ErrorCode::kBusy);
  departures.clear();
  EXPECT_FALSE(peek(b, 1)) << "there is room for who asks for the first time";
  EXPECT_EQ(peek(b, 2), ErrorCode::kBusy);
  departures.clear();
  for (const std::uint64_t correlation : {1, 2}) answer(first, correlation, proto::Error{ErrorCode::kUnknownTopic, "none", 0});
  departures.clear();
  replies.clear();
  EXPECT_FALSE(peek(b, 2));
  desk.ended(b);
  EXPECT_FALSE(peek(a, 4));
  EXPECT_FALSE(peek(a, 5));
}

TEST_F(DeskTotal, SharesCreditOutAmongAllSubscriptions) {
  const auto granted = [&](ConnectionId from) {
    prior.clear();
    send(from, proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 100, 1u << 30, 0});
    return std::get<proto::Credit>(std::get<core::ClientRequest>(prior.back()).body).bytes;
  };
  for (const ConnectionId id : {a, b}) {
    hello(id, id.value);
    send(id, proto::Subscribe{PartitionId(0), SubscriptionId(1), "t", "g", proto::StartFrom::kEarliest});
  }
  EXPECT_EQ(granted(a), 500'000u);
  desk.ended(b);
  EXPECT_EQ(granted(a), 1'000'000u);
}

TEST_F(DeskBounds, RefusesBatchesAndMessagesAboveTheirSize) {
  hello(a, 1);
  publish(a, 1, proto::Acks::kAll, 5'000);
  EXPECT_EQ(take_error(a), ErrorCode::kMessageTooLarge);
  publish(a, 2, proto::Acks::kAll, 9'000);
  EXPECT_EQ(take_error(a), ErrorCode::kBatchTooLarge);
  auto sections = messages(11);
  const auto request = publish_of(sections, 11);
  send(a, request, 3, std::move(sections));
  EXPECT_EQ(take_error(a), ErrorCode::kBatchTooLarge);
  EXPECT_TRUE(later.empty());
}

}  // namespace
}  // namespace takt::transport
