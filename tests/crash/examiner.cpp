#include "tests/crash/examiner.h"

#include <algorithm>

#include "broker/runtime/block_reader.h"
#include "broker/runtime/partition_loader.h"
#include "broker/store/data_folder.h"
#include "proto/section.h"

namespace takt::crash {
namespace {

using Kind = Finding::Kind;
using store::StoreFailure;

constexpr std::size_t read_bytes = 256 * 1024;

std::string number(Position position) { return std::to_string(position.value); }
std::string text_of(const Spot& spot) {
  return "topic " + std::to_string(spot.topic.value) + ", lane " + std::to_string(spot.lane.value) + ", offset " +
         std::to_string(spot.offset.value);
}

class Examination {
 public:
  static constexpr Now now{Time(std::chrono::hours(1)), WallTime{}};

  explicit Examination(const std::filesystem::path& folder, const History& history) : path_(folder), history_(history) {}

  bool open() {
    auto folder =
        store::DataFolder::open({.path = path_, .partitions = std::nullopt, .map_bytes = std::size_t{1} << 30, .ballast_bytes = 0});
    if (!folder) return refused(folder.error());
    folder_.emplace(std::move(*folder));
    const auto& log = *folder_->partitions[0].log;
    const auto& tables = *folder_->partitions[0].tables;
    auto loaded = runtime::load_partition(log, tables, history_.settings());
    if (!loaded) return refused(loaded.error());
    partition_.emplace(std::move(loaded->partition));
    finding_.end = log.bounds().end;
    return true;
  }

  /// The log ends where it may and holds what was committed, byte by byte.
  bool check_log(const History::Reach& reach) {
    const store::Log& log = *folder_->partitions[0].log;
    const store::LogBounds bounds = log.bounds();
    if (bounds.end < reach.least)
      return wrong("the log ends at position " + number(bounds.end) + ", and " + number(reach.least) + " was durable");
    const auto until = history_.commits_until(bounds.end);
    if (bounds.end > reach.most || !until)
      return wrong("the log ends at position " + number(bounds.end) + ", where no commit ended by then");
    std::size_t index = *until;
    while (index > 0 && history_.commits()[index - 1].first >= bounds.first) --index;
    for (Position next = bounds.first; next < bounds.end;) {
      auto commits = log.read(next, std::size_t{4} << 20);
      if (!commits) return refused(commits.error());
      if (commits->empty()) return wrong("the log has no commit at position " + number(next));
      for (const core::Commit& commit : *commits) {
        const core::Commit& written = history_.commits()[index++];
        if (commit.first != written.first || !std::ranges::equal(commit.value.bytes, written.value.bytes)) {
          // What is read for delivery has its sections checked later than this.
          const auto view = core::CommitView::parse(commit.value.bytes, history_.uuid(), core::CommitView::Sections::kCheck);
          if (view) return wrong("the commit at position " + number(commit.first) + " is not the one that was written");
          passed_over(view.error().what);
        }
        next = commit.end;
      }
    }
    return true;
  }

  /// Tables and log fold to what the whole log folds to.
  bool check_state() {
    auto rows = read_rows();
    if (!rows) return false;
    if (History::fingerprint(*rows) == history_.fingerprint_at(finding_.end)) return true;
    return compare(*rows, history_.rows_at(finding_.end));
  }
  /// The same for a log that has `more` commits than the history, behind `end`.
  bool check_state(Position end, const std::vector<core::Commit>& more) {
    const auto rows = read_rows();
    return rows && compare(*rows, history_.rows_at(end, more));
  }

  /// Every message of the history's first `end` positions that somebody is owed can be read, from the log or from where it
  /// was carried to.
  bool check_messages(Position end) {
    for (const auto& live : partition_->live(history_.runs_until(end), now)) {
      for (Offset at = live.first_offset; at < live.first_offset.plus(live.count);) {
        if (!read_from(live, at)) return false;
      }
    }
    return true;
  }

  /// A term begins: its Epoch is committed, the tables follow, and the log's front goes up to the first message that is owed.
  bool begin_term(std::vector<core::Commit>& commits) {
    auto& stores = folder_->partitions[0];
    partition_->start(now);
    while (auto commit = partition_->seal(now)) commits.push_back(std::move(*commit));
    if (auto appended = stores.log->append(commits); !appended) return refused(appended.error());
    partition_->committed(commits.back().end, now);
    if (auto written = stores.tables->checkpoint(partition_->freeze()); !written) return refused(written.error());
    partition_->checkpointed();
    Position front = stores.tables->applied();
    for (const auto& live : partition_->live(history_.runs_until(finding_.end), now))
      if (live.first_position >= stores.log->bounds().first) front = std::min(front, live.first_position);
    if (auto freed = stores.log->free_before(front); !freed) return refused(freed.error());
    return true;
  }

  Finding finding() const { return finding_; }

  bool refused(const StoreFailure& failure) { return report(Kind::kRefused, failure.message); }
  bool wrong(std::string what) { return report(Kind::kWrong, std::move(what)); }
  void passed_over(std::string what) {
    if (finding_.kind == Kind::kRight) report(Kind::kPassedOver, std::move(what));
  }

 private:
  bool report(Kind kind, std::string what) {
    finding_.kind = kind;
    finding_.what = std::move(what);
    return false;
  }

  /// As core::test::logical gives them; none: reading them was refused.
  std::optional<std::map<std::string, std::string>> read_rows() {
    core::test::Rows rows;
    for (std::size_t i = 0; i < core::table_count; ++i) {
      const auto table = static_cast<core::Table>(i);
      if (!core::is_loaded(table)) continue;
      const auto scanned = folder_->partitions[0].tables->scan(table, "", [&](std::string_view key, std::string_view value) {
        rows[{table, std::string(key)}] = std::string(value);
        return true;
      });
      if (!scanned) {
        refused(scanned.error());
        return std::nullopt;
      }
    }
    core::test::apply_checkpoint(rows, partition_->freeze());
    partition_->checkpointed();
    return core::test::logical(rows);
  }

  bool compare(const std::map<std::string, std::string>& mine, const std::map<std::string, std::string>& folded) {
    for (const auto& [key, value] : folded)
      if (const auto it = mine.find(key); it == mine.end() || it->second != value)
        return wrong("a row of table " + key.substr(0, key.find(' ')) + (it == mine.end() ? " is missing" : " is not what was committed"));
    if (mine.size() == folded.size()) return true;
    return wrong("the tables have a row that the log does not fold to");
  }

  /// Moves `at` on behind what was read.
  bool read_from(const core::Partition::LiveStretch& live, Offset& at) {
    const Offset end = live.first_offset.plus(live.count);
    if (!is_read(live.topic, live.lane, at) && !read_on(live, at)) return false;
    const Offset until = std::min(read_.until, end);
    for (; at < until; at = at.plus(1)) {
      const bool is_unreadable =
          std::ranges::any_of(read_.unreadable, [&](const core::OffsetRun& run) { return run.first <= at && at < run.end(); });
      if (!is_unreadable && !check_message({live.topic, live.lane, at})) return false;
    }
    return true;
  }

  bool is_read(TopicId topic, Lane lane, Offset at) const {
    return read_.topic == topic && read_.lane == lane && read_.from <= at && at < read_.until;
  }

  bool read_on(const core::Partition::LiveStretch& live, Offset at) {
    const auto& stores = folder_->partitions[0];
    core::LoadBlocks request{.topic = live.topic, .lane = live.lane, .from = at, .bytes_max = read_bytes};
    // What the tables do not know yet memory does, and then it says where.
    const std::uint64_t skipped = at.value - live.first_offset.value;
    if (const Position position = live.first_position.plus(skipped); position >= stores.tables->applied()) {
      request.located = {{at, position, live.count - skipped}};
    }
    auto read = runtime::read_blocks(*stores.log, *stores.tables, history_.uuid(), request);
    if (!read) return refused(read.error());
    if (!read->damage.empty()) passed_over(read->damage.front().message);
    read_ = std::move(read->answer);
    return true;
  }

  bool check_message(const Spot& spot) {
    const auto& blocks = read_.blocks;
    const auto block =
        std::ranges::find_if(blocks, [&](const core::BlockPtr& b) { return b->first_offset <= spot.offset && spot.offset < b->end(); });
    const History::Message* written = history_.find(spot);
    if (written == nullptr) return wrong("a message is owed that nobody sent: " + text_of(spot));
    if (block == blocks.end()) return wrong("a message is owed and gone: " + text_of(spot));
    const auto index = static_cast<std::uint32_t>(spot.offset.value - (*block)->first_offset.value);
    const auto& part = *std::prev(std::ranges::upper_bound((*block)->parts, index, {}, &core::Block::Part::first));
    const std::uint32_t within = index - part.first;
    if (as_text(part.messages.payload(within)) != written->payload || as_text(part.messages.metadata(within)) != written->metadata ||
        (*block)->first_position.plus(index) != written->position)
      return wrong("a message is not what was sent: " + text_of(spot));
    ++finding_.messages;
    if (written->position < folder_->partitions[0].log->bounds().first) ++finding_.carried;
    return true;
  }

  const std::filesystem::path path_;
  const History& history_;
  std::optional<store::DataFolder> folder_;
  std::optional<core::Partition> partition_;
  core::BlocksLoaded read_;   ///< last
  Finding finding_;
};

}  // namespace

Finding examine(const std::filesystem::path& folder, const History& history, const History::Reach& reach) {
  Examination examination(folder, history);
  if (examination.open() && examination.check_log(reach) && examination.check_state())
    examination.check_messages(examination.finding().end);
  return examination.finding();
}

Finding go_on(const std::filesystem::path& folder, const History& history) {
  Position end;
  std::vector<core::Commit> commits;
  {
    Examination first(folder, history);
    if (!first.open()) return first.finding();
    end = first.finding().end;
    if (!first.begin_term(commits)) return first.finding();
  }
  Examination second(folder, history);
  if (second.open() && second.check_state(end, commits)) second.check_messages(end);
  return second.finding();
}

}  // namespace takt::crash
