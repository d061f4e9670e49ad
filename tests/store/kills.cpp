#include "tests/store/kills.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/conformance/commits.h"

namespace takt::testing {
namespace {

core::Commit commit_at(Position first) {
  return make_commit(first, static_cast<std::uint32_t>(first.value % 3 + 1), 200 + first.value % 7 * 3'000);
}

/// Tells each new end. Beside it the log is drained, and what lies 100 behind is freed.
[[noreturn]] void append_until_killed(store::Log* log, int report) {
  if (log == nullptr) ::_exit(1);
  std::jthread([log] {
    for (;;) {
      if (log->is_drain_due()) log->drain();
      const Position end = log->bounds().end;
      if (end.value > 100 && end.value % 50 < 3 && !log->free_before(Position(end.value - 100))) ::_exit(4);
    }
  }).detach();
  for (;;) {
    const Position end = log->bounds().end;
    const auto commit = commit_at(end);
    if (!log->append(std::span(&commit, 1))) ::_exit(2);
    if (::write(report, &commit.end.value, sizeof commit.end.value) != sizeof commit.end.value) ::_exit(3);
  }
}

}  // namespace

void expect_kept_over_kills(const std::function<std::unique_ptr<store::Log>()>& open) {
  std::uint64_t reported = 0;
  for (const int reports_before_kill : {1, 40, 90, 7, 150}) {
    std::array<int, 2> ends;
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) append_until_killed(open().release(), ends[1]);
    ::close(ends[1]);
    std::uint64_t end = 0;
    for (int reports = 0; ::read(ends[0], &end, sizeof end) == sizeof end;) {
      reported = end;
      if (++reports == reports_before_kill) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);

    const auto log = open();   // and closed before the next child is made
    ASSERT_NE(log, nullptr);
    const auto bounds = log->bounds();
    ASSERT_GE(bounds.end.value, reported);
    ASSERT_LE(bounds.end.value, reported + 3);   // at most the one append that was not reported yet
    const auto commits = log->read(bounds.first, ~std::size_t{0});
    ASSERT_TRUE(commits.has_value());
    Position next = bounds.first;
    for (const auto& commit : *commits) {
      ASSERT_TRUE(same_commit(commit, commit_at(next)));
      next = commit.end;
    }
    EXPECT_EQ(next, bounds.end);
  }
}

}  // namespace takt::testing
