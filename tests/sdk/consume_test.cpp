#include "proto/section.h"
#include "tests/sdk/peer.h"

namespace takt::sdk {
namespace {

using namespace std::chrono_literals;

struct Consuming : ::testing::Test {
  Session session{test_options()};
  Peer peer{session};
  SubscriptionIndex subscription{};

  static SubscriptionSpec push() {
    return {"photos", "resize", proto::StartFrom::kEarliest, proto::CreditKind::kStanding, 100, 1 << 20, 20s};
  }
  static SubscriptionSpec pull(std::uint32_t messages) {
    return {"photos", "resize", proto::StartFrom::kEarliest, proto::CreditKind::kOnce, messages, 1 << 20, 20s};
  }
  /// Greets and subscribes; what comes next is the credit.
  void begin(SubscriptionSpec spec) {
    peer.greet();
    subscription = session.subscribe(std::move(spec), peer.now);
    peer.answer(peer.take_one<proto::Subscribe>(), proto::Subscribed{SubscriptionId(1), Epoch(1), 65'536});
  }
  /// Delivers `count` messages from `offset` on; answers their lease.
  LeaseId deliver(std::uint32_t count, std::uint64_t offset = 0, std::uint32_t slot = 0, std::uint64_t token = 1000,
                  CorrelationId correlation = CorrelationId(0)) {
    proto::Deliver deliver{
        PartitionId(0), SubscriptionId(1), {{Slot(slot), LeaseToken(token), Lane(0), {Offset(offset), Position(offset + 50), count}, 1}}};
    peer.say(deliver, correlation, sections_of(count));
    auto deliveries = peer.take_events<Delivery>();
    EXPECT_EQ(deliveries.size(), 1u);
    return deliveries.empty() ? LeaseId() : deliveries[0].leases.at(0).lease;
  }
  static Bits bits(std::initializer_list<proto::IndexRun> runs) {
    Bits all;
    for (const auto& run : runs) all.set(run);
    return all;
  }
  /// Cuts the link and comes back as far as the Resume.
  proto::Resume reconnect_to_resume(Sent& request) {
    peer.cut();
    peer.greet();
    peer.answer(peer.take_one<proto::Subscribe>(), proto::Subscribed{SubscriptionId(1), Epoch(2), 65'536});
    request = peer.take_one<proto::Resume>();
    return request.as<proto::Resume>();
  }
};

TEST_F(Consuming, APushSubscriptionGivesAStandingCreditOnce) {
  begin(push());
  const auto credit = peer.take_one<proto::Credit>();
  EXPECT_EQ(credit.as<proto::Credit>(), (proto::Credit{PartitionId(0), SubscriptionId(1), proto::CreditKind::kStanding, 100, 1 << 20, 0}));
  EXPECT_EQ(peer.take_events<Subscribed>().size(), 1u);
}

TEST_F(Consuming, AcksOfALeaseGatherIntoRunsForOneMillisecond) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(10);
  session.ack(lease, bits({{0, 2}}), peer.now);
  session.ack(lease, bits({{2, 1}, {7, 1}}), peer.now);
  EXPECT_TRUE(peer.take().empty());
  peer.pass(1ms);
  const auto ack = peer.take_one<proto::Ack>();
  EXPECT_EQ(ack.as<proto::Ack>().entries, (std::vector<proto::AckEntry>{{Slot(0), LeaseToken(1000), {{0, 3}, {7, 1}}}}));
  peer.answer(ack, proto::Acked{SubscriptionId(1), ack.as<proto::Ack>().entries, {}});
  const auto done = peer.take_events<Acknowledged>();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].count, 4u);
  ASSERT_EQ(done[0].runs.size(), 2u);
  EXPECT_EQ(done[0].runs[0].first, Position(50));
  EXPECT_EQ(done[0].runs[0].count, 3u);
  EXPECT_EQ(done[0].runs[1].first, Position(57));
  EXPECT_EQ(session.open_messages(subscription), 6u);
}

TEST_F(Consuming, AFinishedLeaseIsAckedAtOnce) {
  begin(push());
  peer.take();
  session.ack(deliver(3), Bits::first(3), peer.now);
  EXPECT_EQ(peer.take_one<proto::Ack>().as<proto::Ack>().entries[0].runs, (std::vector<proto::IndexRun>{{0, 3}}));
}

TEST_F(Consuming, APullAsksForWhatIsFreeAndAsksAgainWhenItEnded) {
  begin(pull(4));
  const auto first = peer.take_one<proto::Credit>();
  EXPECT_EQ(first.as<proto::Credit>().kind, proto::CreditKind::kOnce);
  EXPECT_EQ(first.as<proto::Credit>().messages, 4u);
  EXPECT_EQ(first.as<proto::Credit>().wait_ms, 20'000u);
  const LeaseId lease = deliver(3, 0, 0, 1000, first.correlation);
  EXPECT_TRUE(peer.take().empty());
  peer.answer(first, proto::CreditEnded{SubscriptionId(1), 3});
  const auto second = peer.take_one<proto::Credit>();
  EXPECT_EQ(second.as<proto::Credit>().messages, 1u);
  peer.answer(second, proto::CreditEnded{SubscriptionId(1), 0});
  session.ack(lease, bits({{0, 2}}), peer.now);
  peer.pass(10ms);
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].as<proto::Credit>().messages, 3u);
}

TEST_F(Consuming, SubscribesAnewWhenItsGroupWasDeletedAndLosesWhatItHeld) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(2);
  peer.say(proto::Unsubscribed{SubscriptionId(1)});
  const auto lost = peer.take_events<LeaseLost>();
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].lease, lease);
  peer.answer(peer.take_one<proto::Subscribe>(), proto::Subscribed{SubscriptionId(1), Epoch(1), 65'536});
  peer.take_one<proto::Credit>();   // a new subscription: nothing to resume
}

TEST_F(Consuming, KeepsItsSessionWhenAnAckOnItsWayMeetsADeletedGroup) {
  begin(push());
  peer.take();
  session.ack(deliver(1), Bits::first(1), peer.now);
  const auto ack = peer.take_one<proto::Ack>();
  peer.say(proto::Unsubscribed{SubscriptionId(1)});
  peer.refuse(ack, ErrorCode::kUnknownSubscription);
  peer.take_one<proto::Subscribe>();
  EXPECT_TRUE(peer.take_events<LinkDead>().empty());
}

TEST_F(Consuming, AStoppedCreditAsksForNothingMore) {
  begin(pull(4));
  const auto first = peer.take_one<proto::Credit>();
  session.stop_credit(subscription);
  peer.answer(first, proto::CreditEnded{SubscriptionId(1), 0});
  peer.pass(1s);
  EXPECT_TRUE(peer.take().empty());
}

TEST_F(Consuming, AFailNamesTheMessageWithinItsLease) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(5);
  session.fail(lease, 3, proto::FailOutcome::kRetry, 1500ms, 42, "disk busy", peer.now);
  const auto fail = peer.take_one<proto::Fail>();
  EXPECT_EQ(fail.as<proto::Fail>().index, 3u);
  EXPECT_EQ(fail.as<proto::Fail>().token, LeaseToken(1000));
  EXPECT_EQ(fail.as<proto::Fail>().delay_ms, 1500u);
  EXPECT_EQ(fail.as<proto::Fail>().text, "disk busy");
  peer.answer(fail, proto::Failed{SubscriptionId(1), 1, false});
  EXPECT_EQ(peer.take_events<FailSettled>().size(), 1u);
  EXPECT_EQ(session.outcomes_unsettled(), 0u);
}

TEST_F(Consuming, ResumeNamesAllThatIsHeldAndUnconfirmedAcksGoUnderTheNewToken) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(10);
  session.ack(lease, bits({{0, 2}}), peer.now);
  peer.pass(1ms);
  const auto confirmed = peer.take_one<proto::Ack>();
  peer.answer(confirmed, proto::Acked{SubscriptionId(1), confirmed.as<proto::Ack>().entries, {}});
  session.ack(lease, bits({{4, 1}}), peer.now);
  peer.pass(1ms);
  peer.take_one<proto::Ack>();  // on its way when the link breaks
  Sent request{CorrelationId(0), proto::Resume{}, {}};
  const proto::Resume resume = reconnect_to_resume(request);
  EXPECT_EQ(resume.held, (std::vector<proto::HeldRange>{{Lane(0), Offset(2), 8, LeaseToken(1002)}}));
  peer.answer(request, proto::Resumed{SubscriptionId(1), {{resume.held[0], Slot(3), LeaseToken(5000)}}, {}});
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<proto::Credit>(sent[0].body));
  EXPECT_EQ(sent[1].as<proto::Ack>().entries, (std::vector<proto::AckEntry>{{Slot(3), LeaseToken(5000), {{2, 1}}}}));
}

// As when something on the way sends a Resume twice, and what another worker had is free by the second time.
TEST_F(Consuming, LeasesThatASecondAnswerToAResumeGrantsEndTheSession) {
  begin(push());
  peer.take();
  deliver(10);
  Sent request{CorrelationId(0), proto::Resume{}, {}};
  const proto::Resume resume = reconnect_to_resume(request);
  peer.answer(request, proto::Resumed{SubscriptionId(1), {}, resume.held});
  peer.answer(request, proto::Resumed{SubscriptionId(1), {}, resume.held});
  EXPECT_TRUE(peer.take_events<LinkDead>().empty());
  peer.answer(request, proto::Resumed{SubscriptionId(1), {{resume.held[0], Slot(3), LeaseToken(5000)}}, {}});
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u) << "nobody here would ever settle them";
}

TEST_F(Consuming, AllThatIsHeldIsResumedOldestFirst) {
  begin(push());
  peer.take();
  std::vector<proto::HeldRange> held;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    deliver(1, 2 * i, i, 1000 + i);
    held.push_back({Lane(0), Offset(2 * i), 1, LeaseToken(1000 + i)});
  }
  Sent request{CorrelationId(0), proto::Resume{}, {}};
  EXPECT_EQ(reconnect_to_resume(request).held, held);
  proto::Resumed reply{SubscriptionId(1), {}, {}};
  for (std::uint32_t i = 0; i < held.size(); ++i) reply.granted.push_back({held[i], Slot(i), LeaseToken(50'000 + i)});
  peer.answer(request, reply);
  EXPECT_TRUE(peer.take_events<LeaseLost>().empty());
}

TEST_F(Consuming, WhatResumeDoesNotGrantIsLost) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(10);
  session.ack(lease, bits({{0, 1}}), peer.now);
  peer.pass(1ms);
  peer.take();
  Sent request{CorrelationId(0), proto::Resume{}, {}};
  reconnect_to_resume(request);
  peer.answer(request, proto::Resumed{SubscriptionId(1),
                                      {{{Lane(0), Offset(5), 2, LeaseToken(1005)}, Slot(9), LeaseToken(7000)}},
                                      {{Lane(0), Offset(0), 5, LeaseToken(1000)}, {Lane(0), Offset(7), 3, LeaseToken(1007)}}});
  const auto events = peer.events();
  std::vector<proto::IndexRun> lost;
  std::uint32_t unconfirmed = 0;
  for (const Event& event : events) {
    if (const auto* one = std::get_if<LeaseLost>(&event)) lost = one->runs;
    if (const auto* one = std::get_if<OutcomeUnconfirmed>(&event)) unconfirmed += one->count;
  }
  EXPECT_EQ(lost, (std::vector<proto::IndexRun>{{1, 4}, {7, 3}}));
  EXPECT_EQ(unconfirmed, 1u);
  EXPECT_EQ(session.open_messages(subscription), 2u);

  peer.take();
  session.ack(lease, bits({{1, 1}, {5, 2}}), peer.now);  // a late one, and the two that are ours again
  EXPECT_EQ(peer.take_one<proto::Ack>().as<proto::Ack>().entries, (std::vector<proto::AckEntry>{{Slot(9), LeaseToken(7000), {{0, 2}}}}));
  const auto stale = peer.take_events<StaleOutcome>();
  ASSERT_EQ(stale.size(), 1u);
  EXPECT_EQ(stale[0].count, 1u);
}

TEST_F(Consuming, ACompleteCarriesItsFollowUpsInOneCommand) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(2);
  proto::Sections sections = sections_of(1);
  session.complete(lease, 1, {{{"thumbs", Lane(2)}, 1, sections.metadata, sections.payload}}, peer.now);
  const auto complete = peer.take_one<proto::Complete>();
  EXPECT_EQ(complete.as<proto::Complete>().done, (std::vector<proto::IndexRun>{{1, 1}}));
  ASSERT_EQ(complete.as<proto::Complete>().follow_ups.size(), 1u);
  EXPECT_EQ(complete.as<proto::Complete>().follow_ups[0].topic, "thumbs");
  EXPECT_EQ(complete.as<proto::Complete>().follow_ups[0].payload_checksum, proto::section_checksum(complete.sections.payload));
  peer.answer(complete, proto::Completed{PartitionId(0), Position(99), 1, false});
  EXPECT_EQ(peer.take_events<CompleteSettled>().size(), 1u);
}

TEST_F(Consuming, AnUnansweredCompleteAsksForItsFateEvenWhenTheLeaseIsGone) {
  begin(push());
  peer.take();
  const LeaseId lease = deliver(1);
  proto::Sections sections = sections_of(1);
  session.complete(lease, 0, {{{"thumbs", Lane(0)}, 1, sections.metadata, sections.payload}}, peer.now);
  const auto first = peer.take_one<proto::Complete>().as<proto::Complete>();
  Sent request{CorrelationId(0), proto::Resume{}, {}};
  const auto resume = reconnect_to_resume(request);
  EXPECT_EQ(resume.held.size(), 1u);
  peer.answer(request, proto::Resumed{SubscriptionId(1), {}, resume.held});
  const auto sent = peer.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].as<proto::Complete>().sequence, first.sequence);
  EXPECT_EQ(sent[1].as<proto::Complete>().token, first.token);
  peer.answer(sent[1], proto::Completed{PartitionId(0), Position(99), 1, true});
  const auto settled = peer.take_events<CompleteSettled>();
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].done, Position(50));
}

TEST_F(Consuming, RefusedFollowUpsMakeTheMessageDead) {
  begin(push());
  peer.take();
  proto::Sections sections = sections_of(1);
  session.complete(deliver(1), 0, {{{"thumbs", Lane(0)}, 1, sections.metadata, sections.payload}}, peer.now);
  peer.refuse(peer.take_one<proto::Complete>(), ErrorCode::kBatchTooLarge);
  const auto fail = peer.take_one<proto::Fail>();
  EXPECT_EQ(fail.as<proto::Fail>().outcome, proto::FailOutcome::kDead);
  EXPECT_EQ(fail.as<proto::Fail>().text, "follow-ups refused: TK2010 batch_too_large: no");
  const auto refused = peer.take_events<OutcomeRefused>();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].error.name, "batch_too_large");
}

TEST_F(Consuming, AStaleAnswerIsReportedAndForgotten) {
  begin(push());
  peer.take();
  session.ack(deliver(2), Bits::first(2), peer.now);
  const auto ack = peer.take_one<proto::Ack>();
  peer.answer(ack, proto::Acked{SubscriptionId(1), {{Slot(0), LeaseToken(1000), {{0, 1}}}}, {{Slot(0), LeaseToken(1000), {{1, 1}}}}});
  std::uint32_t done = 0;
  std::uint32_t stale = 0;
  for (const Event& event : peer.events()) {
    if (const auto* one = std::get_if<Acknowledged>(&event)) done += one->count;
    if (const auto* one = std::get_if<StaleOutcome>(&event)) stale += one->count;
  }
  EXPECT_EQ(done, 1u);
  EXPECT_EQ(stale, 1u);
  EXPECT_EQ(session.outcomes_unsettled(), 0u);
}

TEST_F(Consuming, ABusyBrokerGetsTheAckAgain) {
  begin(push());
  peer.take();
  session.ack(deliver(1), Bits::first(1), peer.now);
  peer.refuse(peer.take_one<proto::Ack>(), ErrorCode::kBusy, 20);
  EXPECT_TRUE(peer.take().empty());
  peer.pass(20ms);
  peer.take_one<proto::Ack>();
}

TEST_F(Consuming, ARefusedSubscriptionIsReportedOnce) {
  peer.greet();
  session.subscribe(push(), peer.now);
  peer.refuse(peer.take_one<proto::Subscribe>(), ErrorCode::kTooManyGroups);
  const auto refused = peer.take_events<SubscriptionRefused>();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].error.name, "too_many_groups");
  peer.cut();
  peer.greet();
  EXPECT_TRUE(peer.take().empty());
}

TEST_F(Consuming, ADeliveryThatDoesNotAddUpEndsTheLink) {
  begin(push());
  peer.take();
  proto::Deliver deliver{PartitionId(0), SubscriptionId(1), {{Slot(0), LeaseToken(1), Lane(0), {Offset(0), Position(0), 9}, 1}}};
  peer.say(deliver, CorrelationId(0), sections_of(3));
  EXPECT_EQ(peer.take_events<LinkDead>().size(), 1u);
}

TEST_F(Consuming, FailsOnTheirWayAreBounded) {
  begin(push());
  peer.take();
  const LeaseId first = deliver(1000);
  const LeaseId second = deliver(100, 1000, 1, 2000);
  for (std::uint32_t i = 0; i < 1100; ++i)
    session.fail(i < 1000 ? first : second, i % 1000, proto::FailOutcome::kRelease, {}, 0, {}, peer.now);
  const auto sent = peer.take();
  EXPECT_EQ(sent.size(), 1024u);
  peer.answer(sent[0], proto::Failed{SubscriptionId(1), 0, false});
  EXPECT_EQ(peer.take().size(), 1u);
}

}  // namespace
}  // namespace takt::sdk
