#include "broker/runtime/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace takt::runtime {
namespace {

using namespace std::chrono_literals;

ConfigSources file(std::string text) {
  ConfigSources sources;
  sources.file = ConfigSources::File{"takt.toml", std::move(text)};
  return sources;
}

std::string mistakes(const ConfigSources& sources) {
  const auto config = load_config(sources);
  if (config) return "no mistake\n";
  std::string text;
  for (const auto& problem : config.error()) text += render(problem) + "\n";
  return text;
}

TEST(Config, HasDefaultsThatAreValid) {
  const auto config = load_config({});
  ASSERT_TRUE(config) << mistakes({});
  EXPECT_EQ(config->listen, "tcp://127.0.0.1:7400");
  EXPECT_EQ(config->limits.message_bytes, 1u << 20);
  EXPECT_EQ(config->session.timeout, Duration(10s));
}

TEST(Config, ReadsEveryKindOfValue) {
  const auto config = load_config(file(R"(
listen = "tcp://127.0.0.1:7500"
[limits]
connections = 12
message_bytes = "64KiB"
batch_bytes = 131072
[session]
timeout = "30s"
heartbeat = "500ms"
[log]
level = "debug"
)"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->listen, "tcp://127.0.0.1:7500");
  EXPECT_EQ(config->limits.connections, 12u);
  EXPECT_EQ(config->limits.message_bytes, 65536u);
  EXPECT_EQ(config->limits.batch_bytes, 131072u);
  EXPECT_EQ(config->session.timeout, Duration(30s));
  EXPECT_EQ(config->session.heartbeat, Duration(500ms));
  EXPECT_EQ(config->log.level, "debug");
}

TEST(Config, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
  ConfigSources sources = file("data = \"file\"\nhttp = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n");
  sources.environment = {{"TAKT_DATA", "environment"}, {"TAKT_LOG__LEVEL", "error"}, {"PATH", "/bin"}, {"TAKT_SERVER", "not ours"}};
  sources.flags = {{"--data", "data", "flag"}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config) << mistakes(sources);
  EXPECT_EQ(config->data, "flag");
  EXPECT_EQ(config->log.level, "error");
  EXPECT_EQ(config->http, "127.0.0.1:1");
}

TEST(Config, ReportsEveryMistakeAtOnceWithItsPlace) {
  ConfigSources sources = file("lisen = \"x\"\n[limits]\nconnections = 0\n[sesion]\ntimeout = \"10s\"\n");
  sources.environment = {{"TAKT_LIMITS__CONECTIONS", "5"}};
  sources.flags = {{"--log-level", "log.level", "loud"}};
  EXPECT_EQ(mistakes(sources),
            "TK5007 bad_option: takt.toml:1:1: unknown key \"lisen\"; did you mean \"listen\"?\n"
            "TK5007 bad_option: takt.toml:3:1: limits.connections is 0: it takes a whole number, 1 to 65536\n"
            "TK5007 bad_option: takt.toml:4:2: unknown key \"sesion\"; did you mean \"session\"?\n"
            "TK5007 bad_option: environment TAKT_LIMITS__CONECTIONS: unknown variable; did you mean TAKT_LIMITS__CONNECTIONS?\n"
            "TK5007 bad_option: flag --log-level: log.level is \"loud\": it takes one of debug, info, warn, error\n");
}

TEST(Config, RefusesEveryUnknownVariable) {
  ConfigSources sources;
  sources.environment = {{"TAKT_LIMITS_MESSAGE_BYTES", "2MiB"},
                         {"TAKT_STORE_BYTES_MAX", "1GiB"},
                         {"TAKT_DATAA", "x"},
                         {"TAKT_LISTEN_PORT", "7500"},
                         {"TAKT_FROBNICATE", "1"}};
  EXPECT_EQ(mistakes(sources),
            "TK5007 bad_option: environment TAKT_LIMITS_MESSAGE_BYTES: unknown variable; did you mean TAKT_LIMITS__MESSAGE_BYTES?\n"
            "TK5007 bad_option: environment TAKT_STORE_BYTES_MAX: unknown variable; did you mean TAKT_STORE__BYTES_MAX?\n"
            "TK5007 bad_option: environment TAKT_DATAA: unknown variable; did you mean TAKT_DATA?\n"
            "TK5007 bad_option: environment TAKT_LISTEN_PORT: unknown variable; docs/configuration.md lists all of them\n"
            "TK5007 bad_option: environment TAKT_FROBNICATE: unknown variable; docs/configuration.md lists all of them\n");
}

TEST(Config, LeavesTheVariablesOfOthersAlone) {
  ConfigSources sources;
  sources.environment = {{"TAKT_SERVER", "tcp://127.0.0.1:7400"}, {"TAKT_CONFIG", "takt.toml"},
                         {"TAKT_UPDATE_MISTAKES", "1"},           {"TAKT_PROVE_SEED", "1"},
                         {"TAKT_SERVICE_HOST", "10.0.0.7"},       {"TAKT_SERVICE_PORT_CLIENTS", "7400"},
                         {"TAKT_PORT", "tcp://10.0.0.7:7400"},    {"TAKT_BROKER_PORT_7400_TCP_ADDR", "10.0.0.7"}};
  EXPECT_EQ(mistakes(sources), "no mistake\n");
}

struct Mistake {
  const char* text;
  const char* message;
};

// What people do in their first hour, and what they are told.
const Mistake file_mistakes[] = {
    {"listen = ", "takt.toml:1:10: not valid TOML: Error while parsing key-value pair: encountered end-of-file"},
    {"\n  listen = tcp://127.0.0.1:7400 # for clients",
     "takt.toml:2:13: not valid TOML: Error while parsing boolean: expected 'true', saw 'tc'; a text needs quotes: listen = "
     "\"tcp://127.0.0.1:7400\""},
    {"[session]\ntimeout = 30s",
     "takt.toml:2:13: not valid TOML: Error while parsing decimal integer: expected digit, saw 's'; a text needs quotes: timeout = "
     "\"30s\""},
    {"data = \"a\"\n[\x12mits]", "takt.toml:2:2: not valid TOML: a control character"},
    {"data = \"\xff\"", "takt.toml:1:9: not valid TOML: a byte that is not UTF-8"},
    {"[limits]\nlisten = \"tcp://127.0.0.1:1\"", "takt.toml:2:1: unknown key \"limits.listen\"; did you mean \"listen\"?"},
    {"connections = 5", "takt.toml:1:1: unknown key \"connections\"; did you mean \"limits.connections\"?"},
    {"limits = 5", "takt.toml:1:1: \"limits\" is a section: write [limits] and its keys below it"},
    {"[store.bytes_max]\nx = 1", "takt.toml:1:8: store.bytes_max is a table: it takes a size like \"64MiB\", 16MiB to 1TiB"},
    {"[limits]\nmessage_bytes = \"64 monkeys\"",
     "takt.toml:2:1: limits.message_bytes is \"64 monkeys\": it takes a size like \"64MiB\", 1KiB to 16MiB"},
    {"[limits]\nmessage_bytes = \"1GiB\"", "takt.toml:2:1: limits.message_bytes is 1GiB: it takes a size like \"64MiB\", 1KiB to 16MiB"},
    {"[limits]\nmessage_bytes = -1", "takt.toml:2:1: limits.message_bytes is -1: it takes a size like \"64MiB\", 1KiB to 16MiB"},
    {"[limits]\nmessage_bytes = 1.5",
     "takt.toml:2:1: limits.message_bytes is a number with a fraction: it takes a size like \"64MiB\", 1KiB to 16MiB"},
    {"[limits]\nconnections = \"many\"", "takt.toml:2:1: limits.connections is a text: it takes a whole number, 1 to 65536"},
    {"[session]\ntimeout = 10", "takt.toml:2:1: session.timeout is 10 without a unit: it takes a time like \"10s\", 1s to 1h"},
    {"[session]\ntimeout = \"10\"", "takt.toml:2:1: session.timeout is \"10\": it takes a time like \"10s\", 1s to 1h"},
    {"insecure_no_auth = \"yes\"", "takt.toml:1:1: insecure_no_auth is a text: it takes true or false"},
    {"data = \"\"", "takt.toml:1:1: data is empty: it takes a text in quotes"},
    {"data = [\"a\"]", "takt.toml:1:1: data is an array: it takes a text in quotes"},
    {"partitions = 8", "takt.toml:1:1: partitions is 8: this version has one partition; leave the key out, or write 1"},
    {"[log]\nformat = \"xml\"", "takt.toml:2:1: log.format is \"xml\": it takes one of auto, text, json"},
    {"zzz = 1", "takt.toml:1:1: unknown key \"zzz\"; docs/configuration.md lists all keys"},
    {"listen = \"tcp://0.0.0.0:7400\"",
     "takt.toml:1:1: listen is open to other machines, and clients are not authenticated in this version: listen on 127.0.0.1, or start "
     "with "
     "--insecure-no-auth on a network that you trust"},
    {"[limits]\nmessage_bytes = \"4MiB\"",
     "takt.toml:2:1: limits.message_bytes is 4MiB, above limits.batch_bytes, 1MiB: a message travels in a batch, so raise that too"},
    {"[session]\nheartbeat = \"9s\"",
     "takt.toml:2:1: session.heartbeat is 9s, more than half of session.timeout, 10s: one late heartbeat would end a session"},
    {"[store]\nmap_bytes = \"1GiB\"",
     "default of store.bytes_max: store.bytes_max is 16GiB, above half of store.map_bytes, 1GiB: raise that too, it costs no disk"},
};

TEST(Config, SaysWhatIsWrongWhereAndWhatToDo) {
  for (const Mistake& mistake : file_mistakes)
    EXPECT_EQ(mistakes(file(mistake.text)), "TK5007 bad_option: " + std::string(mistake.message) + "\n") << mistake.text;
}

TEST(Config, SaysWhatIsWrongWithAnAddress) {
  EXPECT_EQ(mistakes(file("listen = \"127.0.0.1:7400\"")),
            "TK5004 bad_address: takt.toml:1:1: listen \"127.0.0.1:7400\" does not begin with tcp://: write tcp://host:port, for example "
            "tcp://127.0.0.1:7400\n");
  EXPECT_EQ(mistakes(file("http = \"7480\"")),
            "TK5004 bad_address: takt.toml:1:1: http \"7480\" has no port: write host:port, for example 127.0.0.1:7480\n");
  EXPECT_EQ(mistakes(file("listen = \"tcp://localhost\"")),
            "TK5004 bad_address: takt.toml:1:1: listen \"tcp://localhost\" has no port: write tcp://host:port, for example "
            "tcp://127.0.0.1:7400\n");
  EXPECT_EQ(mistakes(file("http = \"http://127.0.0.1:7480\"")),
            "TK5004 bad_address: takt.toml:1:1: http \"http://127.0.0.1:7480\" has a scheme, and none stands here: write host:port, for "
            "example 127.0.0.1:7480\n");
  EXPECT_EQ(mistakes(file("http = \"off\"")), "no mistake\n");
}

TEST(Config, OpensToOtherMachinesOnlyWhenTold) {
  ConfigSources sources = file("listen = \"tcp://0.0.0.0:7400\"\nhttp = \"0.0.0.0:7480\"");
  sources.flags = {{"--insecure-no-auth", "insecure_no_auth", "true"}};
  EXPECT_EQ(mistakes(sources), "no mistake\n");
}

TEST(Config, ADuplicateKeyIsAMistake) { EXPECT_NE(mistakes(file("data = \"a\"\ndata = \"b\"")).find("takt.toml:2:"), std::string::npos); }

TEST(Config, IsDocumentedKeyByKey) {
  std::ifstream in(TAKT_SOURCE_DIR "/docs/configuration.md");
  ASSERT_TRUE(in);
  std::stringstream text;
  text << in.rdbuf();
  const std::string page = text.str();
  for (const ConfigKey& key : config_keys()) {
    const std::string row = "| `" + key.name + "` | " + key.type + " | `" + key.fallback + "` | " +
                            (key.range.empty() ? "" : key.range + " ") + "| `" + key.environment + "` | " + key.meaning + " |";
    EXPECT_NE(page.find(row), std::string::npos) << "docs/configuration.md lacks this row:\n" << row;
  }
}

}  // namespace
}  // namespace takt::runtime
