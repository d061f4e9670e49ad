// The process itself: exit codes, messages, signals.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

extern char** environ;

namespace takt {
namespace {

using namespace std::chrono_literals;

/// taktd with its standard output and error in one pipe.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    arguments.insert(arguments.begin(), TAKTD_BINARY);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<char*> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!std::string_view(*variable).starts_with("TAKT_")) variables.push_back(*variable);
    }
    variables.push_back(nullptr);
    if (posix_spawn(&pid_, TAKTD_BINARY, &actions, nullptr, argv.data(), variables.data()) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  /// Reads until `text` has appeared; false when the process ends or is silent for 30 s before that.
  bool wait_for(const std::string& text) {
    while (all.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }
  /// The exit code once it has ended; a signal's number, negated, if that ended it.
  int wait() {
    while (read_some()) {}
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string all;

 private:
  bool read_some() {
    pollfd item{output_, POLLIN, 0};
    if (::poll(&item, 1, 30'000) <= 0) return false;
    char buffer[4096];
    const ssize_t got = ::read(output_, buffer, sizeof buffer);
    if (got <= 0) return false;
    all.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  int output_ = -1;
};

class Taktd : public ::testing::Test {
 protected:
  std::vector<std::string> serving() const {
    return {"--data", folder + "/data",       "--listen", "tcp://127.0.0.1:0",     "--http", "off",
            "--set",  "store.map_bytes=1GiB", "--set",    "store.bytes_max=256MiB"};
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  }

  const testing::TempFolder temp_folder;
  const std::string folder = temp_folder.path().string();
};

TEST_F(Taktd, DrainsAndExitsZeroOnSigtermAndOnSigint) {
  for (const int number : {SIGTERM, SIGINT}) {
    Process process(serving());
    ASSERT_TRUE(process.wait_for("\"event\":\"ready\"")) << process.all;
    process.signal(number);
    EXPECT_EQ(process.wait(), 0) << process.all;
    EXPECT_NE(process.all.find("\"event\":\"stopped\""), std::string::npos) << process.all;
  }
}

TEST_F(Taktd, StartsAgainAfterAKill) {
  {
    Process process(serving());
    ASSERT_TRUE(process.wait_for("\"event\":\"ready\"")) << process.all;
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait(), -SIGKILL);
  }
  Process process(serving());
  EXPECT_TRUE(process.wait_for("\"event\":\"ready\"")) << process.all;
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), 0) << process.all;
}

TEST_F(Taktd, ASecondOneOnTheSameDataSaysWhoHasIt) {
  Process first(serving());
  ASSERT_TRUE(first.wait_for("\"event\":\"ready\"")) << first.all;
  Process second(serving());
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.all.find("TK4001 store_failed: "), std::string::npos) << second.all;
  EXPECT_NE(second.all.find(folder), std::string::npos) << second.all;
}

TEST_F(Taktd, TellsItsVersionAndItsFlags) {
  Process version({"--version"});
  EXPECT_EQ(version.wait(), 0);
  EXPECT_TRUE(version.all.starts_with("taktd ")) << version.all;
  Process help({"--help"});
  EXPECT_EQ(help.wait(), 0);
  for (const char* text : {"--check-config", "--insecure-no-auth", "Examples:"})
    EXPECT_NE(help.all.find(text), std::string::npos) << help.all;
}

TEST_F(Taktd, ChecksAConfigurationWithoutStarting) {
  Process good({"--config", write("good.toml", "[limits]\nconnections = 5\n"), "--check-config"});
  EXPECT_EQ(good.wait(), 0);
  EXPECT_EQ(good.all, "the configuration is correct\n");

  Process empty({"--config", write("empty.toml", ""), "--check-config"});   // all defaults
  EXPECT_EQ(empty.wait(), 0);
  EXPECT_EQ(empty.all, "the configuration is correct\n");
  Process a_folder({"--config", "/", "--check-config"});
  EXPECT_EQ(a_folder.wait(), 2);
  EXPECT_EQ(a_folder.all, "TK5007 bad_option: flag --config: cannot read /: Is a directory; check the path\n");

  const std::string path = write("bad.toml", "lisen = 1\n[limits]\nconnections = 0\n");
  Process bad({"--config", path, "--check-config"});
  EXPECT_EQ(bad.wait(), 2);
  EXPECT_EQ(bad.all, "TK5007 bad_option: " + path + ":1:1: unknown key \"lisen\"; did you mean \"listen\"?\n" +
                         "TK5007 bad_option: " + path + ":3:1: limits.connections is 0: it takes a whole number, 1 to 65536\n");
}

TEST_F(Taktd, MistakesOnTheCommandLineExitWithTwo) {
  const std::pair<std::vector<std::string>, std::string> mistakes[] = {
      {{"--lisen", "x"}, "TK5007 bad_option: taktd has no flag --lisen; did you mean --listen?\n"},
      {{"--frobnicate=5"}, "TK5007 bad_option: taktd has no flag --frobnicate\n"},
      {{"takt.toml"}, "TK5007 bad_option: taktd does not take \"takt.toml\"\n"},
      {{"--set", "listen"}, "TK5007 bad_option: flag --set: \"listen\" has no value: write KEY=VALUE"},
      {{"--set", "limits.conections=5"},
       "TK5007 bad_option: flag --set: unknown key \"limits.conections\"; did you mean \"limits.connections\"?"},
      {{"--config", "/nowhere/takt.toml"},
       "TK5007 bad_option: flag --config: cannot read /nowhere/takt.toml: No such file or directory; check the path"},
      {{"--listen", "7400"}, "TK5004 bad_address: flag --listen: listen \"7400\" does not begin with tcp://"},
      {{"--listen", "tcp://0.0.0.0:7400"}, "TK5007 bad_option: flag --listen: listen is open to other machines"},
      {{"--partitions", "4"}, "TK5007 bad_option: flag --partitions: partitions is 4: this version has one partition"},
  };
  for (const auto& [arguments, message] : mistakes) {
    Process process(arguments);
    EXPECT_EQ(process.wait(), 2) << process.all;
    EXPECT_TRUE(process.all.starts_with(message)) << process.all;
  }
}

TEST_F(Taktd, AnAddressThatIsTakenExitsWithOneAndSaysSo) {
  Process first(serving());
  ASSERT_TRUE(first.wait_for("\"event\":\"ready\"")) << first.all;
  const auto at = first.all.find("tcp://127.0.0.1:");
  const std::string address = first.all.substr(at, first.all.find('"', at) - at);
  Process second({"--data", folder + "/other", "--listen", address, "--http", "off", "--set", "store.map_bytes=1GiB", "--set",
                  "store.bytes_max=256MiB"});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.all.find("TK5004 bad_address: cannot listen on " + address + ": Address already in use; another process has the port"),
            std::string::npos)
      << second.all;
}

}  // namespace
}  // namespace takt
