// The commands against a real broker: what they do, and that their JSON keeps its names.

#include <gtest/gtest.h>

#include <algorithm>

#include <takt/client.h>
#include <nlohmann/json.hpp>

#include "tests/cli/child.h"
#include "tests/support/temp_broker.h"

namespace takt::mistakes {
namespace {

using Json = nlohmann::json;

class Commands : public ::testing::Test {
 protected:
  static const std::string& server() {
    static takt::testing::TempBroker broker;
    return broker.address();
  }

  static Ended takt(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), TAKT_PATH);
    return run_program(words, {"TAKT_SERVER=" + server()}, input);
  }

  /// `takt` is our program in it.
  static Ended shell(const std::string& script) {
    return run_program({"/bin/sh", "-c", "takt() { \"$program\" \"$@\"; }; " + script}, {"TAKT_SERVER=" + server(), "program=" TAKT_PATH},
                       "");
  }

  static Json json(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.end(), {"-o", "json"});
    const Ended ended = takt(std::move(words), input);
    EXPECT_EQ(ended.exit, 0) << ended.err;
    return Json::parse(ended.out);
  }

  static std::vector<Json> lines(const std::string& text) {
    std::vector<Json> values;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) values.push_back(Json::parse(line));
    return values;
  }
};

TEST_F(Commands, ShowWhatWasSentWithoutChangingIt) {
  const Json sent = json(
      {"send", "albums", "photo.resize", "--data", R"({"path":"in/1.jpg","width":640})", "--tag", "urgent", "--attribute", "tenant=acme"});
  EXPECT_EQ(sent["sent"], 1);
  for (int again = 0; again < 2; ++again) {
    const auto seen = lines(takt({"peek", "albums", "-o", "json"}).out);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0]["id"], sent["first_id"]);
    EXPECT_EQ(seen[0]["kind"], "photo.resize");
    EXPECT_EQ(seen[0]["payload"], Json::parse(R"({"path":"in/1.jpg","width":640})"));
    EXPECT_EQ(seen[0]["payload_form"], "msgpack");
    EXPECT_EQ(seen[0]["tags"], Json::parse(R"(["urgent"])"));
    EXPECT_EQ(seen[0]["attributes"]["tenant"], "acme");
  }
}

TEST_F(Commands, SendOneMessagePerLine) {
  EXPECT_EQ(json({"send", "lines", "a", "--lines"}, "{\"n\":1}\n\n{\"n\":2}\n{\"n\":3}")["sent"], 3);
  const auto last = lines(takt({"tail", "lines", "-n", "2", "--no-follow", "-o", "json"}).out);
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last[0]["payload"]["n"], 2);
  EXPECT_EQ(last[1]["payload"]["n"], 3);
}

TEST_F(Commands, SendForLater) {
  json({"topics", "create", "later", "--keep", "1h"});
  EXPECT_EQ(json({"send", "later", "a", "--delay", "1h"})["sent"], 1);
  EXPECT_EQ(json({"send", "later", "a", "--at", "2999-12-31T23:59:59.999+01:00"})["sent"], 1);
  EXPECT_EQ(json({"send", "later", "past", "--at", "2001-09-09T01:46:40Z"})["sent"], 1);
  EXPECT_EQ(json({"bench", "work", "--topic", "later", "--count", "1"})["messages"], 1);
  const auto seen = lines(takt({"peek", "later", "-o", "json"}).out);
  ASSERT_EQ(seen.size(), 1u) << "what is due already comes at once, the others wait";
  EXPECT_EQ(seen[0]["kind"], "past");
  EXPECT_EQ(json({"topics", "show", "later"})["enqueued"], 3);
}

TEST_F(Commands, PreviewASchedule) {
  const std::vector<std::string> berlin = {
      "schedule", "preview", "--cron", "30 2 * * *", "--tz", "Europe/Berlin", "--from", "2027-03-26T12:00:00Z", "-n", "3"};
  EXPECT_EQ(json(berlin), Json::parse(R"(["2027-03-27T01:30:00Z","2027-03-28T01:00:00Z","2027-03-29T00:30:00Z"])"));
  EXPECT_EQ(takt(berlin).out,
            "at 02:30, in Europe/Berlin\n"
            "2027-03-27T01:30:00Z  2027-03-27T02:30:00+01:00\n"
            "2027-03-28T01:00:00Z  2027-03-28T03:00:00+02:00\n"
            "2027-03-29T00:30:00Z  2027-03-29T02:30:00+02:00\n");
  EXPECT_EQ(json({"schedule", "preview", "--cron", "@every 90s", "--from", "2027-01-01T01:00:00+01:00", "-n", "2"}),
            Json::parse(R"(["2027-01-01T00:01:30Z","2027-01-01T00:03:00Z"])"));
}

TEST_F(Commands, PutASchedule) {
  const std::vector<std::string> put = {"schedule", "put",           "nightly",    "recurring", "report.daily", "--cron", "30 2 * * *",
                                        "--tz",     "Europe/Berlin", "--catch-up", "all:3",     "--window",     "1d",     "--overlap",
                                        "allow",    "--data",        R"({"n":1})", "--tag",     "night"};
  const Json created = json(put);
  EXPECT_EQ(created["outcome"], "created");
  EXPECT_EQ(json(put)["outcome"], "unchanged");
  EXPECT_EQ(json({"schedule", "show", "nightly", "-n", "2"})["upcoming"][0], created["next"]);
  const Json listed = json({"schedule", "list"})["schedules"];
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["catch_up"], "all:3");
  EXPECT_EQ(listed[0]["window_ms"], 86'400'000);
  EXPECT_EQ(listed[0]["overlap"], "allow");

  EXPECT_EQ(json({"schedule", "pause", "nightly"})["changed"], true);
  EXPECT_EQ(json({"schedule", "pause", "nightly"})["changed"], false);
  EXPECT_TRUE(json({"schedule", "show", "nightly"})["next"].is_null());
  const Json fired = json({"schedule", "trigger", "nightly"});
  const Json history = json({"schedule", "history", "nightly"})["history"];
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0]["outcome"], "manual");
  EXPECT_EQ(history[0]["message"], fired["occurrence"]["message"]);
  const auto seen = lines(takt({"peek", "recurring", "-o", "json"}).out);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0]["payload"]["n"], 1);
  EXPECT_EQ(seen[0]["tags"], Json::parse(R"(["night"])"));
  EXPECT_EQ(json({"schedule", "resume", "nightly"})["changed"], true);

  EXPECT_EQ(takt({"schedule", "delete", "nightly"}).exit, 2) << "nobody to ask";
  EXPECT_EQ(json({"schedule", "delete", "nightly", "--yes"})["deleted"], true);
  EXPECT_EQ(takt({"schedule", "show", "nightly"}).exit, 3);
}

TEST_F(Commands, PeekShowsTheOffsetToGoOnFrom) {
  json({"send", "elsewhere", "a", "--count", "3"});  // positions are counted over all topics, offsets are not
  json({"send", "offsets", "a", "--count", "3"});
  const std::string all = takt({"peek", "offsets"}).out;
  EXPECT_TRUE(all.starts_with("OFFSET  MESSAGE\n     0  0-")) << all;
  const std::string rest = takt({"peek", "offsets", "--from", "2"}).out;
  EXPECT_TRUE(rest.starts_with("OFFSET  MESSAGE\n     2  0-")) << rest;
  EXPECT_EQ(std::count(rest.begin(), rest.end(), '\n'), 2) << rest;
}

TEST_F(Commands, PeekTheMostUrgentLaneFirst) {
  json({"send", "lanes", "low"});
  json({"send", "lanes", "high", "--priority", "7"});
  const auto seen = lines(takt({"peek", "lanes", "-o", "json"}).out);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0]["kind"], "high");
  EXPECT_EQ(seen[1]["kind"], "low");
}

TEST_F(Commands, KeepTheSettingsOfATopicAndAGroup) {
  EXPECT_EQ(json({"topics", "create", "kept", "--keep", "2h", "--max-bytes", "1MiB"})["created"], true);
  EXPECT_EQ(json({"topics", "create", "kept", "--keep", "3h"})["created"], false);
  EXPECT_EQ(json({"topics", "show", "kept"})["keep_ms"], 3 * 3'600'000);
  EXPECT_EQ(json({"groups", "create", "kept", "thumbs", "--attempts", "3"})["created"], true);
  const Json group = json({"groups", "show", "kept", "thumbs"});
  EXPECT_EQ(group["attempts_max"], 3);
  EXPECT_EQ(group["ready"], 0);
}

TEST_F(Commands, ChangeOnlyTheSettingsThatAreGiven) {
  json({"topics", "create", "changed", "--keep", "7d", "--keep-bytes", "1MiB"});
  json({"topics", "create", "changed", "--max-bytes", "1GiB"});
  const Json topic = json({"topics", "show", "changed"});
  EXPECT_EQ(topic["keep_ms"], 7 * 86'400'000);
  EXPECT_EQ(topic["keep_bytes"], 1 << 20);
  EXPECT_EQ(topic["bytes_max"], 1 << 30);

  const Json none = json({"topics", "create", "changed", "--keep", "none", "--keep-bytes", "none"});
  EXPECT_EQ(none["keep_ms"], 0);
  EXPECT_EQ(none["keep_bytes"], 0);
  EXPECT_EQ(none["bytes_max"], 1 << 30);
  EXPECT_EQ(json({"topics", "show", "changed"})["keep_ms"], 0);

  json({"groups", "create", "changed", "thumbs", "--attempts", "3"});
  const Ended again = takt({"groups", "create", "changed", "thumbs", "--from", "now"});
  EXPECT_NE(again.out.find("was there: attempts 3"), std::string::npos) << again.out;
  EXPECT_NE(again.err.find("--from changed nothing"), std::string::npos) << again.err;
  EXPECT_EQ(json({"groups", "show", "changed", "thumbs"})["attempts_max"], 3);

  json({"groups", "create", "changed", "thumbs", "--backoff", "10s,1m,10m", "--jitter", "0", "--give-up-after", "1d", "--deaths", "0"});
  const Json retry = {{"backoff", "10s,1m,10m"}, {"jitter_percent", 0}, {"give_up_ms", 86'400'000}, {"deaths_max", 0}};
  EXPECT_EQ(json({"groups", "show", "changed", "thumbs"})["retry"], retry);
  const Json linear = json({"groups", "create", "changed", "thumbs", "--backoff", "linear:0:1h", "--give-up-after", "0"});
  EXPECT_EQ(linear["attempts_max"], 3);
  EXPECT_EQ(linear["retry"]["backoff"], "linear:0:1h");
  EXPECT_EQ(linear["retry"]["jitter_percent"], 0);
  EXPECT_EQ(linear["retry"]["give_up_ms"], 0);
  EXPECT_EQ(json({"groups", "create", "changed", "audit"})["retry"]["backoff"], "exponential:1s:5m");
}

TEST_F(Commands, MeasureLatencyWithoutChangingSettings) {
  json({"topics", "create", "timed", "--keep", "7d"});
  json({"groups", "create", "timed", "bench", "--attempts", "3"});
  EXPECT_EQ(json({"bench", "latency", "--topic", "timed", "--rate", "100", "--seconds", "1"})["delivered"], 100);
  EXPECT_EQ(json({"topics", "show", "timed"})["keep_ms"], 7 * 86'400'000);
  EXPECT_EQ(json({"groups", "show", "timed", "bench"})["attempts_max"], 3);
  EXPECT_EQ(json({"bench", "latency", "--topic", "timed-new", "--rate", "100", "--seconds", "1"})["delivered"], 100);
}

TEST_F(Commands, DeleteOnlyWithYesAndSayWhatGoes) {
  json({"send", "doomed", "a", "--count", "5"});
  EXPECT_EQ(takt({"topics", "delete", "doomed"}).exit, 2);
  EXPECT_EQ(json({"topics", "show", "doomed"})["messages"], 5);
  const Ended deleted = takt({"topics", "delete", "doomed", "--yes"});
  EXPECT_EQ(deleted.exit, 0);
  EXPECT_NE(deleted.err.find("5 messages"), std::string::npos) << deleted.err;
  EXPECT_EQ(takt({"topics", "show", "doomed"}).exit, 3);
}

TEST_F(Commands, MeasureSendingAndWorkingTheSameMessages) {
  const Json sent = json({"bench", "send", "--topic", "measured", "--count", "2000"});
  EXPECT_EQ(sent["messages"], 2000);
  EXPECT_GT(sent["msgs_per_second"], 0);
  const Json worked = json({"bench", "work", "--topic", "measured", "--count", "2000"});
  EXPECT_EQ(worked["messages"], 2000);
  EXPECT_EQ(json({"groups", "show", "measured", "bench"})["done"], 2000);
}

TEST_F(Commands, MeasureMessagesThatTravelAlone) {
  const Json sent = json({"bench", "send", "--topic", "alone", "--count", "2000", "--unbatched"});
  EXPECT_EQ(sent["messages"], 2000);
  EXPECT_EQ(sent["batches"], 2000);
  EXPECT_EQ(json({"bench", "send", "--topic", "alone", "--count", "10", "--unbatched", "--outstanding", "1"})["batches"], 10);
}

TEST_F(Commands, MeasureManyTopicsAndManyWorkers) {
  EXPECT_EQ(json({"bench", "send", "--topic", "many", "--topics", "3", "--count", "301"})["messages"], 301);
  EXPECT_EQ(json({"topics", "show", "many-0"})["messages"], 101);
  EXPECT_EQ(json({"topics", "show", "many-2"})["messages"], 100);
  const Json worked = json({"bench", "work", "--topic", "many-1", "--count", "100", "--workers", "4"});
  EXPECT_EQ(worked["messages"], 100);
  EXPECT_EQ(worked["workers"], 4);
  EXPECT_EQ(worked["delivered"], 100);
}

TEST_F(Commands, WriteProgressToStderrOnly) {
  const Ended ended = takt({"send", "progressed", "a", "--count", "1000", "--progress", "-o", "json"});
  EXPECT_EQ(ended.exit, 0);
  EXPECT_NE(ended.err.find("1,000/1,000"), std::string::npos) << ended.err;
  EXPECT_EQ(Json::parse(ended.out)["sent"], 1000);
  EXPECT_EQ(ended.err.find('\x1b'), std::string::npos) << "no escape sequences into a pipe";
}

TEST_F(Commands, FailWhenTheirResultsCannotBeWritten) {
  json({"send", "unseen", "a", "--count", "5"});
  for (const char* script :
       {"takt topics list >/dev/full", "takt errors >/dev/full", "takt --help >/dev/full", "takt --version >/dev/full",
        "takt peek unseen >/dev/full", "takt tail unseen >/dev/full", "takt -o json topics list >&-", "takt send unseen a >&-"}) {
    const Ended ended = shell(script);
    EXPECT_EQ(ended.exit, 1) << script;
    EXPECT_TRUE(ended.err.starts_with("error local: the results cannot be written to stdout: ")) << script << "\n" << ended.err;
  }
}

TEST_F(Commands, EndAFollowingTailWhenNobodyTakesWhatItShows) {
  json({"send", "followed", "a"});
  const Ended ended = shell(
      "takt tail followed -n 0 >/dev/full & tail=$!; "
      "while kill -0 $tail 2>/dev/null; do takt send followed a >/dev/null; done; wait $tail");
  EXPECT_EQ(ended.exit, 1);
  EXPECT_TRUE(ended.err.starts_with("error local: the results cannot be written to stdout: ")) << ended.err;
}

TEST_F(Commands, EndQuietlyWhenTheReaderHasSeenEnough) {
  json({"send", "skimmed", "a", "--count", "5"});
  const Ended ended = shell("trap '' PIPE; { takt tail skimmed; echo $? >&2; } | true");
  EXPECT_EQ(ended.err, "0\n");
}

TEST_F(Commands, SendNoLinesThatCannotBeReadOrAreTooLong) {
  const Ended folder = shell("takt send unread a --lines </");
  EXPECT_EQ(folder.exit, 1);
  EXPECT_TRUE(folder.err.starts_with("error local: stdin line 1 cannot be read: Is a directory.")) << folder.err;
  const Ended endless = shell("takt send unread a --raw --lines </dev/zero");
  EXPECT_EQ(endless.exit, 2);
  EXPECT_TRUE(endless.err.starts_with("error usage: stdin line 1 holds more than 16.0 MiB")) << endless.err;
}

TEST(CommandsOnManyTopics, KnowThoseBehindTheEndOfTheListing) {
  constexpr int listed_max = 2'000;  // of the broker
  const testing::TempBroker broker;
  auto client = Client::open({.server = broker.address()});
  ASSERT_TRUE(client);
  for (int i = 0; i <= listed_max; ++i)
    ASSERT_TRUE(client->send_async_bytes("a", {}, {.topic = "t" + std::to_string(i)}, [](const Result<Receipt>&) {}));
  ASSERT_TRUE(client->flush(std::chrono::minutes(1)));
  const std::string last = "t" + std::to_string(listed_max);
  const auto takt = [&](std::vector<std::string> words) {
    words.insert(words.begin(), TAKT_PATH);
    return run_program(words, {"TAKT_SERVER=" + broker.address()}, "");
  };

  EXPECT_EQ(takt({"groups", "create", last, "g"}).exit, 0);
  EXPECT_EQ(takt({"groups", "list", last}).exit, 0);
  EXPECT_EQ(takt({"groups", "show", last, "g"}).exit, 0);
  EXPECT_NE(takt({"peek", last}).out.find("0-"), std::string::npos);
  EXPECT_NE(takt({"tail", last, "--no-follow"}).out.find("0-"), std::string::npos);
  const std::string unknown = "error local: topic '" + last + "' exists, but the broker lists 2,000 topics at most";
  EXPECT_TRUE(takt({"topics", "show", last}).err.starts_with(unknown)) << takt({"topics", "show", last}).err;
  const Ended changed = takt({"topics", "create", last, "--keep", "7d"});
  EXPECT_TRUE(changed.err.starts_with(unknown)) << "the settings that are not given cannot be kept: " << changed.err;
  EXPECT_EQ(takt({"peek", last + "0"}).exit, 3);
  EXPECT_EQ(takt({"topics", "delete", last, "--yes"}).exit, 0);
  EXPECT_EQ(takt({"peek", last}).exit, 3);
}

TEST_F(Commands, FollowOneMessageFromItsDelayToItsEnd) {
  ASSERT_EQ(takt({"topics", "create", "single"}).exit, 0);
  ASSERT_EQ(takt({"groups", "create", "single", "workers"}).exit, 0);
  const std::string id = json({"send", "single", "a", "--delay", "1h", "--attempts", "3", "--backoff", "10s,1m"})["first_id"];
  const auto only = [](const Json& document) { return document["messages"].at(0); };
  EXPECT_EQ(only(json({"message", "show", id}))["state"], "scheduled");
  const Json moved = only(json({"message", "reschedule", id, "--at", "2090-01-01T00:00:00Z"}));
  EXPECT_EQ(moved["changed"], true);
  EXPECT_EQ(moved["due"], "2090-01-01T00:00:00Z");
  EXPECT_EQ(only(json({"message", "run-now", id}))["changed"], true);
  Json queued;
  for (int i = 0; i < 500 && queued["state"] != "queued"; ++i) queued = only(json({"message", "show", id}));
  EXPECT_EQ(queued["state"], "queued");
  EXPECT_EQ(queued["groups"].at(0)["state"], "ready");
  EXPECT_EQ(only(json({"message", "cancel", id}))["groups"].at(0)["state"], "done");
  EXPECT_EQ(takt({"message", "cancel", id}).exit, 4) << "there is nothing left to cancel";
  EXPECT_EQ(takt({"message", "show", "0-999999"}).exit, 3);
  EXPECT_EQ(takt({"message", "reschedule", "0-999999", id, "--delay", "5m"}).exit, 4);
}

TEST_F(Commands, RefuseAFilterOfDeadMessagesThatIsEmpty) {
  const Ended ended = takt({"dlq", "purge", "photos", "thumbs", "--older-than", "1d", "--reason", "", "--yes"});
  EXPECT_EQ(ended.exit, 2);
  EXPECT_NE(ended.err.find("--reason is empty, and would choose every dead message"), std::string::npos) << ended.err;
}

TEST_F(Commands, AskTheBrokerForItsVersion) {
  EXPECT_EQ(takt({"--version"}).out, takt({"version"}).out);
  const Json version = json({"version", "--server"});
  EXPECT_TRUE(version["server"]["software"].get<std::string>().starts_with("taktd/"));
}

}  // namespace
}  // namespace takt::mistakes
