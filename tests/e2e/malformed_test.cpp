// Requests of every kind with bytes and sections wrong, in every state of a session, at the real broker: each is refused by
// its name and counted, nothing of them is stored, and an honest client is served meanwhile.

#include <gtest/gtest.h>
#include <takt/client.h>

#include <array>
#include <map>
#include <random>
#include <set>

#include "tests/e2e/served.h"
#include "tests/e2e/stage.h"
#include "tests/e2e/wire_client.h"
#include "tests/proto/lies.h"

namespace takt::e2e {
namespace {

using proto::DecodedRequest;
using proto::Lie;

class Malformed : public ::testing::Test {
 protected:
  enum class State : std::uint8_t { kBeforeHello, kInSession, kSubscribed, kResuming, kAfterGoodbye };
  static constexpr std::array states{State::kBeforeHello, State::kInSession, State::kSubscribed, State::kResuming, State::kAfterGoodbye};

  static bool has_session(State state) { return state != State::kBeforeHello && state != State::kAfterGoodbye; }

  template <class Reply>
  Reply ask(WireClient& client, const proto::Request& request) {
    client.send(request);
    auto reply = client.receive<Reply>(patience);
    if (!reply) throw std::runtime_error("no answer to " + std::string(name_of(proto::type_of(request))));
    return *reply;
  }
  void enter(State state, WireClient& client) {
    const PartitionId partition(0);
    const SubscriptionId subscription(1);
    if (state == State::kBeforeHello) return;
    ask<proto::HelloReply>(client, proto::Hello{ClientId(5), proto::ClientKind::kTool, "liar", "test"});
    if (state == State::kAfterGoodbye) ask<proto::GoodbyeReply>(client, proto::Goodbye{});
    if (state == State::kInSession || state == State::kAfterGoodbye) return;
    ask<proto::Subscribed>(client, proto::Subscribe{partition, subscription, "photos", "resizers", proto::StartFrom::kEarliest});
    if (state == State::kResuming) client.send(proto::Resume{partition, subscription, {{Lane(0), Offset(0), 1, make_token(Epoch(1), 1)}}});
    client.send(proto::Credit{partition, subscription, proto::CreditKind::kStanding, 1'000, 1 << 20, 0});
  }

  Stage stage;
  std::mt19937 random{20240607};
};

TEST(MalformedRequests, AreOfEveryKind) {
  std::set<std::size_t> kinds;
  for (const DecodedRequest& request : proto::requests_of_every_kind()) kinds.insert(request.body.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<proto::Request>);
}

TEST_F(Malformed, WholeSectionsAreTakenInBothForms) {
  WireClient client(stage.broker().server());
  enter(State::kInSession, client);
  for (const DecodedRequest& request : proto::requests_of_every_kind()) {
    if (!std::holds_alternative<proto::Publish>(request.body)) continue;
    client.send_frames(in_frames(request));
    const auto stored = client.receive<proto::Published>(patience);
    client.send_frames(in_envelope(request));
    const auto repeated = client.receive<proto::Published>(patience);
    ASSERT_TRUE(stored && repeated);
    EXPECT_FALSE(stored->duplicate);
    EXPECT_TRUE(repeated->duplicate);
  }
}

TEST_F(Malformed, SectionsThatLieAreRefusedByNameInEveryState) {
  std::map<ErrorCode, double> refused;
  for (const State state : states) {
    WireClient client(stage.broker().server());
    enter(state, client);
    for (const Lie& lie : proto::section_lies()) {
      const ErrorCode code = lie.is_in_content() && !has_session(state) ? ErrorCode::kHelloRequired : lie.refusal;
      client.send_frames(lie.frames);
      const auto error = client.receive<proto::Error>(patience);
      ASSERT_TRUE(error) << lie.what << " in state " << static_cast<int>(state);
      EXPECT_EQ(error->code, code) << lie.what << " in state " << static_cast<int>(state) << ": " << error->message;
      ++refused[code];
    }
  }
  const MetricsPage page = stage.metrics();
  for (const auto& [code, count] : refused) {
    const std::string label = "code=\"" + std::string(find_error(code)->name) + "\"";
    EXPECT_EQ(page.sum("takt_requests_refused_total", {label}), count) << label;
  }
  const auto topics = stage.admin().topics();
  ASSERT_TRUE(topics);
  for (const TopicInfo& topic : *topics) EXPECT_EQ(topic.messages, 0u) << topic.name;
  expect_served(stage);
}

TEST_F(Malformed, BytesThatAreWrongInEveryPlaceOfEveryKind) {
  WireClient client(stage.broker().server());
  std::vector<proto::Frames> wholes;
  for (const DecodedRequest& request : proto::requests_of_every_kind()) {
    wholes.push_back(in_frames(request));
    if (wholes.back().size() > 1) wholes.push_back(in_envelope(request));
  }
  for (const proto::Frames& whole : wholes) {
    // A whole goodbye, or a byte that made one, has ended the session.
    ask<proto::HelloReply>(client, proto::Hello{ClientId(5), proto::ClientKind::kTool, "mutant", "test"});
    for (std::size_t frame = 0; frame < whole.size(); ++frame) {
      for (std::size_t at = 0; at < whole[frame].size(); ++at) {
        proto::Frames wrong = whole;
        wrong[frame][at] = static_cast<std::byte>(random());
        client.send_frames(wrong);
      }
    }
    client.send_frames(whole);
  }
  for (const char* code : {"malformed_frame", "bad_field", "checksum_mismatch", "unknown_type", "unsupported_version"}) {
    const std::string label = "code=\"" + std::string(code) + "\"";
    EXPECT_TRUE(wait_until([&] { return stage.metrics().sum("takt_requests_refused_total", {label}) >= 1; })) << code;
  }
  expect_served(stage);
}

}  // namespace
}  // namespace takt::e2e
