#include "cli/failure.h"

#include <gtest/gtest.h>

namespace takt::cli {
namespace {

Error error_of(ErrorCode code, std::string message) {
  const auto entry = find_error(code);
  return {.code = static_cast<std::uint16_t>(code), .name = std::string(entry->name), .message = std::move(message)};
}

TEST(Failure, SaysCodeWhatAndWhatToDo) {
  const Failure failure = refused(error_of(ErrorCode::kTopicFull, "topic 'photos' is full (1,000 of 1,000 bytes)"));
  EXPECT_EQ(failure.text,
            "error TK2003 topic_full: topic 'photos' is full (1,000 of 1,000 bytes). "
            "What to do: let workers drain it, or raise the topic's bytes_max.");
  EXPECT_EQ(failure.exit, ExitCode::kRefused);
}

TEST(Failure, PrefersTheMessagesOwnAdvice) {
  EXPECT_EQ(
      refused(error_of(ErrorCode::kBadAddress, "server 'http://a': the scheme 'http' is not known; write it as tcp://127.0.0.1:7400")).text,
      "error TK5004 bad_address: server 'http://a': the scheme 'http' is not known. What to do: write it as tcp://127.0.0.1:7400.");
}

TEST(Failure, DoesNotTakeWhatMayHaveHappenedForAdvice) {
  const std::string text = refused(error_of(ErrorCode::kUnknownOutcome, "sent, but no answer came; it may have been stored")).text;
  EXPECT_NE(text.find("no answer came; it may have been stored. What to do: "), std::string::npos) << text;
}

TEST(Failure, NamesTheAddressAndHowToStartABrokerWhenNobodyAnswers) {
  const Failure failure = unreachable(
      "tcp://127.0.0.1:7400", "5s", "not sent in time: no connection to tcp://127.0.0.1:7400: it was refused; check that taktd runs there");
  EXPECT_EQ(failure.exit, ExitCode::kTimedOut);
  EXPECT_EQ(failure.text,
            "error TK5002 not_connected: no broker answered at tcp://127.0.0.1:7400 within 5s: it was refused. "
            "What to do: start one with `taktd`, or name the right address with --server or TAKT_SERVER.");
}

TEST(Failure, KeepsTheCauseOfWhatIsPartlyDone) {
  const Failure cause = refused(error_of(ErrorCode::kStoreFull, "the store is full"));
  const Failure failure = partly_done(cause, 1'234, 5'000);
  EXPECT_EQ(failure.exit, ExitCode::kPartlyDone);
  EXPECT_EQ(failure.text, cause.text + " Done before that: 1,234 of 5,000 messages.");
  EXPECT_EQ(partly_done(cause, 2, std::nullopt).text, cause.text + " Done before that: 2 messages.");
}

TEST(Failure, GivesScriptsAnExitCodeByKind) {
  EXPECT_EQ(exit_code_of(ErrorCode::kBadName), ExitCode::kUsage);
  EXPECT_EQ(exit_code_of(ErrorCode::kUnknownTopic), ExitCode::kNotFound);
  EXPECT_EQ(exit_code_of(ErrorCode::kBusy), ExitCode::kRefused);
  EXPECT_EQ(exit_code_of(ErrorCode::kUnknownOutcome), ExitCode::kTimedOut);
  EXPECT_EQ(exit_code_of(ErrorCode::kStoreFailed), ExitCode::kFailed);
  EXPECT_EQ(exit_code_of(static_cast<ErrorCode>(2999)), ExitCode::kRefused) << "a newer broker's refusal";
}

}  // namespace
}  // namespace takt::cli
