#pragma once
// What every Log does, told as tests. A fixture gives `std::unique_ptr<store::Log> open()`: the first call finds nothing,
// a later one (after the object before is gone) what was kept. Instantiate with
//   INSTANTIATE_TYPED_TEST_SUITE_P(Name, LogSuite, Fixture);

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "broker/store/log.h"
#include "tests/conformance/commits.h"

namespace takt::testing {

using store::StoreFailure;

template <class Fixture>
class LogSuite : public ::testing::Test {
 protected:
  void SetUp() override { log = fixture.open(); }
  void reopen() {
    log.reset();
    log = fixture.open();
  }
  std::vector<core::Commit> fill(std::initializer_list<std::size_t> sizes) {
    auto commits = make_commits(log->bounds().end, std::span(sizes.begin(), sizes.size()));
    EXPECT_TRUE(log->append(commits).has_value());
    return commits;
  }
  std::vector<core::Commit> read_all(Position from = Position(0)) {
    std::vector<core::Commit> all;
    for (;;) {
      auto some = log->read(from, 64 * 1024);
      if (!some) {
        ADD_FAILURE() << some.error().message;
        return all;
      }
      if (some->empty()) return all;
      from = some->back().end;
      all.insert(all.end(), some->begin(), some->end());
    }
  }
  struct Seen {
    Position first, end;
    std::size_t bytes = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::vector<Seen> scan_all() {
    std::vector<Seen> all;
    Position from(0);
    for (std::size_t before = ~std::size_t{0}; before != all.size() && all.size() < 1'000'000;) {
      before = all.size();
      const auto scanned = log->scan(from, 64 * 1024, [&](const core::CommitView& commit, std::size_t bytes) {
        all.push_back({commit.header.first, commit.end(), bytes});
        from = commit.end();
        return true;
      });
      EXPECT_TRUE(scanned.has_value()) << scanned.error().message;
    }
    return all;
  }
  void expect_holds(std::span<const core::Commit> expected) {
    const auto held = read_all();
    ASSERT_EQ(held.size(), expected.size());
    const auto seen = scan_all();
    ASSERT_EQ(seen.size(), expected.size());
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < held.size(); ++i) {
      EXPECT_TRUE(same_commit(held[i], expected[i])) << "commit " << i;
      EXPECT_EQ(seen[i], (Seen{expected[i].first, expected[i].end, expected[i].value.size()})) << "commit " << i;
      bytes += expected[i].value.size();
    }
    const auto bounds = log->bounds();
    EXPECT_EQ(bounds.bytes, bytes);
    EXPECT_GE(bounds.used_bytes, bytes);
    if (!expected.empty()) {
      EXPECT_EQ(bounds.first, expected.front().first);
      EXPECT_EQ(bounds.end, expected.back().end);
    }
  }
  StoreFailure::Kind kind_of(const Result<void, StoreFailure>& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? StoreFailure::Kind::kIo : result.error().kind;
  }

  Fixture fixture;
  std::unique_ptr<store::Log> log;
};

TYPED_TEST_SUITE_P(LogSuite);

TYPED_TEST_P(LogSuite, IsEmptyAtPositionZeroWhenFresh) {
  const auto bounds = this->log->bounds();
  EXPECT_EQ(bounds.first, Position(0));
  EXPECT_EQ(bounds.end, Position(0));
  EXPECT_EQ(bounds.bytes, 0u);
  EXPECT_TRUE(this->read_all().empty());
}

TYPED_TEST_P(LogSuite, GivesBackWhatWasAppended) {
  auto expected = this->fill({100, 1, 300'000, 4'096});
  const auto more = this->fill({2'000'000});
  expected.insert(expected.end(), more.begin(), more.end());
  this->expect_holds(expected);
}

TYPED_TEST_P(LogSuite, KeepsEverythingWhenOpenedAnew) {
  const auto expected = this->fill({100, 70'000, 3});
  this->reopen();
  this->expect_holds(expected);
  EXPECT_EQ(this->log->bounds().end, expected.back().end);
}

TYPED_TEST_P(LogSuite, AppendingNothingChangesNothing) {
  EXPECT_TRUE(this->log->append({}).has_value());
  EXPECT_EQ(this->log->bounds().end, Position(0));
}

TYPED_TEST_P(LogSuite, RefusesAGapAndEveryAppendAfterIt) {
  const auto kept = this->fill({10});
  const auto late = make_commit(kept.back().end.plus(1), 1, 10);
  EXPECT_EQ(this->kind_of(this->log->append(std::span(&late, 1))), StoreFailure::Kind::kRefused);
  const auto next = make_commit(kept.back().end, 1, 10);
  EXPECT_EQ(this->kind_of(this->log->append(std::span(&next, 1))), StoreFailure::Kind::kRefused);
  this->expect_holds(kept);
  this->reopen();
  EXPECT_TRUE(this->log->append(std::span(&next, 1)).has_value());
}

TYPED_TEST_P(LogSuite, RefusesAnOverlap) {
  const auto kept = this->fill({9, 9});
  EXPECT_EQ(this->kind_of(this->log->append(std::span(&kept.back(), 1))), StoreFailure::Kind::kRefused);
  this->expect_holds(kept);
}

TYPED_TEST_P(LogSuite, AppendsAllOrNone) {
  const auto kept = this->fill({10});
  const std::vector<core::Commit> torn = {make_commit(kept.back().end, 1, 10), make_commit(kept.back().end.plus(5), 1, 10)};
  EXPECT_EQ(this->kind_of(this->log->append(torn)), StoreFailure::Kind::kRefused);
  this->expect_holds(kept);
  this->reopen();
  this->expect_holds(kept);
}

TYPED_TEST_P(LogSuite, ReadsFromTheCommitThatContainsThePosition) {
  const auto commits = this->fill({4, 9, 14});   // each takes five positions
  for (std::uint64_t position = 0; position < 15; ++position) {
    const auto read = this->log->read(Position(position), 1);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->size(), 1u);
    EXPECT_EQ(read->front().first, commits[position / 5].first) << position;
  }
}

TYPED_TEST_P(LogSuite, ReadsNothingAtTheEnd) {
  const auto commits = this->fill({4});
  for (const Position from : {commits.back().end, Position(1'000'000), Position(~std::uint64_t{0})}) {
    const auto read = this->log->read(from, 1);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->empty());
  }
}

TYPED_TEST_P(LogSuite, ReadsAtLeastOneCommitAndStopsWhenItHasEnough) {
  this->fill({50'000, 50'000, 50'000});
  EXPECT_EQ(this->log->read(Position(0), 0)->size(), 1u);
  EXPECT_EQ(this->log->read(Position(0), 60'000)->size(), 2u);
  EXPECT_EQ(this->log->read(Position(0), 1 << 20)->size(), 3u);
}

TYPED_TEST_P(LogSuite, ScansFromTheCommitThatContainsThePositionUntilItHasEnough) {
  const auto commits = this->fill({4, 50'000, 50'000, 9});
  const auto firsts = [&](Position from, std::size_t bytes_max, std::size_t wanted) {
    std::vector<Position> seen;
    EXPECT_TRUE(this->log->scan(from, bytes_max, [&](const core::CommitView& commit, std::size_t) {
      seen.push_back(commit.header.first);
      return seen.size() < wanted;
    }));
    return seen;
  };
  using Positions = std::vector<Position>;
  EXPECT_EQ(firsts(Position(commits[1].end.value - 1), 0, 9), (Positions{commits[1].first}));
  EXPECT_EQ(firsts(commits[1].first, 60'000, 9), (Positions{commits[1].first, commits[2].first}));
  EXPECT_EQ(firsts(Position(0), 1 << 20, 3), (Positions{commits[0].first, commits[1].first, commits[2].first}));
  EXPECT_EQ(firsts(commits.back().end, 1 << 20, 9), Positions{});
}

TYPED_TEST_P(LogSuite, TruncatesAtABoundary) {
  auto commits = this->fill({4, 100'000, 4, 9});
  ASSERT_TRUE(this->log->truncate_after(commits[2].first).has_value());
  commits.resize(2);
  this->expect_holds(commits);
  this->reopen();
  this->expect_holds(commits);
  const auto more = this->fill({77});
  commits.push_back(more.front());
  this->expect_holds(commits);
}

TYPED_TEST_P(LogSuite, TruncatesToNothing) {
  this->fill({4, 9});
  ASSERT_TRUE(this->log->truncate_after(Position(0)).has_value());
  this->reopen();
  EXPECT_EQ(this->log->bounds().end, Position(0));
  this->expect_holds({});
  this->fill({4});
}

TYPED_TEST_P(LogSuite, TruncatingAtTheEndChangesNothing) {
  const auto commits = this->fill({4, 9});
  ASSERT_TRUE(this->log->truncate_after(commits.back().end).has_value());
  this->expect_holds(commits);
}

TYPED_TEST_P(LogSuite, RefusesToTruncateInsideACommit) {
  const auto commits = this->fill({4, 9});
  EXPECT_EQ(this->kind_of(this->log->truncate_after(commits[1].first.plus(1))), StoreFailure::Kind::kRefused);
  EXPECT_EQ(this->kind_of(this->log->truncate_after(commits.back().end.plus(1))), StoreFailure::Kind::kRefused);
  this->expect_holds(commits);
}

TYPED_TEST_P(LogSuite, FreesWholeCommitsFromTheFront) {
  auto commits = this->fill({4, 100'000, 4, 9});
  ASSERT_TRUE(this->log->free_before(commits[2].first.plus(3)).has_value());
  commits.erase(commits.begin(), commits.begin() + 2);
  this->expect_holds(commits);
  this->reopen();
  this->expect_holds(commits);
  const auto read = this->log->read(Position(0), 1);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->front().first, commits.front().first);
}

TYPED_TEST_P(LogSuite, KnowsItsEndWhenEverythingIsFreed) {
  const auto commits = this->fill({4, 9});
  ASSERT_TRUE(this->log->free_before(Position(~std::uint64_t{0})).has_value());
  for (int opened = 0; opened < 2; ++opened) {
    const auto bounds = this->log->bounds();
    EXPECT_EQ(bounds.first, commits.back().end);
    EXPECT_EQ(bounds.end, commits.back().end);
    EXPECT_EQ(bounds.bytes, 0u);
    this->reopen();
  }
  const auto more = this->fill({20});
  EXPECT_EQ(more.front().first, commits.back().end);
  this->expect_holds(more);
}

TYPED_TEST_P(LogSuite, FreeingBehindTheFrontChangesNothing) {
  auto commits = this->fill({4, 9, 4});
  ASSERT_TRUE(this->log->free_before(commits[1].first).has_value());
  ASSERT_TRUE(this->log->free_before(Position(1)).has_value());
  commits.erase(commits.begin());
  this->expect_holds(commits);
}

TYPED_TEST_P(LogSuite, ReadersSeeAGaplessStretchWhileTheFrontMoves) {
  this->fill({5'000, 5'000});
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> reads = 0;
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 2; ++reader)
    readers.emplace_back([&] {
      while (!stop) {
        const auto bounds = this->log->bounds();
        const auto read = this->log->read(bounds.first, 20'000);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        for (std::size_t i = 0; i + 1 < read->size(); ++i) ASSERT_EQ((*read)[i].end, (*read)[i + 1].first);
        std::optional<Position> prior_end;
        const auto scanned = this->log->scan(bounds.first, 20'000, [&](const core::CommitView& commit, std::size_t) {
          EXPECT_EQ(prior_end.value_or(commit.header.first), commit.header.first);
          prior_end = commit.end();
          return true;
        });
        ASSERT_TRUE(scanned.has_value()) << scanned.error().message;
        for (const auto& commit : *read)
          ASSERT_TRUE(core::CommitView::parse(commit.value.bytes, test_uuid(), core::CommitView::Sections::kCheck).has_value());
        ++reads;
      }
    });
  for (int round = 0; round < 200 || reads < 50; ++round) {
    this->fill({5'000});
    if (round % 4 != 3) continue;
    ASSERT_TRUE(this->log->free_before(Position(this->log->bounds().end.value - 5)).has_value());
  }
  stop = true;
}

TYPED_TEST_P(LogSuite, AgreesWithAListUnderAnyOrderOfCalls) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    ASSERT_TRUE(this->log->free_before(this->log->bounds().end).has_value());
    std::vector<core::Commit> model;
    for (int step = 0; step < 150; ++step) {
      const auto choice = random() % 10;
      if (choice < 6) {
        std::vector<std::size_t> sizes;
        for (std::uint64_t n = random() % 4; n-- > 0;) sizes.push_back(random() % 8 == 0 ? random() % 200'000 : random() % 3'000);
        const auto commits = make_commits(this->log->bounds().end, sizes);
        ASSERT_TRUE(this->log->append(commits).has_value());
        model.insert(model.end(), commits.begin(), commits.end());
      } else if (choice == 6 && !model.empty()) {
        const auto cut = random() % model.size();
        ASSERT_TRUE(this->log->truncate_after(model[cut].first).has_value());
        model.resize(cut);
      } else if (choice == 7 && !model.empty()) {
        const Position until(model.front().first.value + random() % (model.back().end.value - model.front().first.value + 1));
        ASSERT_TRUE(this->log->free_before(until).has_value());
        std::erase_if(model, [&](const core::Commit& commit) { return commit.end <= until; });
      } else if (choice == 8) {
        this->reopen();
      } else if (choice == 9) {
        this->log->preallocate();
      }
      if (step % 10 == 9) this->expect_holds(model);
    }
    this->expect_holds(model);
  }
}

REGISTER_TYPED_TEST_SUITE_P(LogSuite, IsEmptyAtPositionZeroWhenFresh, GivesBackWhatWasAppended, KeepsEverythingWhenOpenedAnew,
                            AppendingNothingChangesNothing, RefusesAGapAndEveryAppendAfterIt, RefusesAnOverlap, AppendsAllOrNone,
                            ReadsFromTheCommitThatContainsThePosition, ReadsNothingAtTheEnd, ReadsAtLeastOneCommitAndStopsWhenItHasEnough,
                            ScansFromTheCommitThatContainsThePositionUntilItHasEnough, TruncatesAtABoundary, TruncatesToNothing,
                            TruncatingAtTheEndChangesNothing, RefusesToTruncateInsideACommit, FreesWholeCommitsFromTheFront,
                            KnowsItsEndWhenEverythingIsFreed, FreeingBehindTheFrontChangesNothing,
                            ReadersSeeAGaplessStretchWhileTheFrontMoves, AgreesWithAListUnderAnyOrderOfCalls);

}  // namespace takt::testing
