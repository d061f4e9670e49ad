#include "broker/store/memory_log.h"

#include "proto/check.h"

namespace takt::store {
namespace {

using Kind = StoreFailure::Kind;

StoreFailure dead() { return {Kind::kIo, "memory log: the machine crashed; open the log anew"}; }
StoreFailure refusal(const std::string& what) { return {Kind::kRefused, "memory log: " + what}; }
std::string at(Position position) { return " at position " + std::to_string(position.value); }

/// One thread appends, one looks after the front.
class OneWriter {
 public:
  explicit OneWriter(std::atomic<bool>& writing) : writing_(writing) { check(!writing_.exchange(true), "one thread at a time"); }
  ~OneWriter() { writing_ = false; }
  OneWriter(const OneWriter&) = delete;
  OneWriter& operator=(const OneWriter&) = delete;

 private:
  std::atomic<bool>& writing_;
};

}  // namespace

MemoryLog::MemoryLog(MemoryDisk& disk) : disk_(disk), generation_(disk.generation_) {
  const std::lock_guard lock(disk.mutex_);
  check(!disk.log_open_, "one log is open on a disk");
  disk.log_open_ = true;
}

MemoryLog::~MemoryLog() {
  const std::lock_guard lock(disk_.mutex_);
  if (!is_dead()) disk_.log_open_ = false;
}

LogBounds MemoryLog::bounds() const {
  const std::lock_guard lock(disk_.mutex_);
  const auto& log = disk_.seen_.log;
  return {.first = log.first, .end = log.end, .bytes = log.bytes, .used_bytes = log.bytes};
}

Result<void, StoreFailure> MemoryLog::append(std::span<const core::Commit> commits) {
  const OneWriter writer(appending_);
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  if (refuses_appends_) return failed(refusal("an earlier append failed: open the log anew"));
  auto appended = try_append(commits);
  refuses_appends_ = !appended.has_value();
  return appended;
}

Result<void, StoreFailure> MemoryLog::try_append(std::span<const core::Commit> commits) {
  if (commits.empty()) return {};
  if (const auto fault = MemoryDisk::take_fault(disk_.append_fault_))
    return failed(StoreFailure{*fault, "memory log: an injected failure"});
  Position end = disk_.seen_.log.end;
  std::uint64_t bytes = disk_.seen_.log.bytes;
  for (const core::Commit& commit : commits) {
    if (commit.first != end || commit.end <= commit.first)
      return failed(refusal("the log ends" + at(end) + ", a commit" + at(commit.first) + " cannot follow"));
    const auto view = core::CommitView::parse(commit.value.bytes, disk_.partition_, core::CommitView::Sections::kCheck);
    if (!view) return failed(refusal("a commit" + at(commit.first) + " is not whole: " + view.error().what));
    if (view->header.first != commit.first || view->end() != commit.end)
      return failed(refusal("a commit" + at(commit.first) + " says other positions than its bytes"));
    end = commit.end;
    bytes += commit.value.size();
  }
  if (bytes > disk_.log_bytes_max_) return failed(StoreFailure{Kind::kFull, "memory log: the log is at its size limit"});
  disk_.take(MemoryDisk::Append{{commits.begin(), commits.end()}});
  return {};
}

Result<std::vector<core::Commit>, StoreFailure> MemoryLog::read(Position from, std::size_t bytes_max) const {
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  if (const auto fault = MemoryDisk::take_fault(disk_.read_fault_)) return failed(StoreFailure{*fault, "memory log: an injected failure"});
  const auto& stored = disk_.seen_.log.commits;
  auto it = stored.upper_bound(from);
  if (it != stored.begin() && std::prev(it)->second.end > from) --it;
  std::vector<core::Commit> commits;
  for (std::size_t bytes = 0; it != stored.end() && (commits.empty() || bytes < bytes_max); ++it) {
    const auto view = core::CommitView::parse(it->second.value.bytes, disk_.partition_, core::CommitView::Sections::kTrust);
    if (!view) return failed(StoreFailure{Kind::kCorrupt, "memory log: the commit" + at(it->first) + ": " + view.error().what});
    commits.push_back(it->second);
    bytes += it->second.value.size();
  }
  return commits;
}

Result<void, StoreFailure> MemoryLog::scan(Position from, std::size_t bytes_max, const Visit& visit) const {
  const auto commits = read(from, bytes_max);
  if (!commits) return failed(commits.error());
  for (const core::Commit& commit : *commits) {
    const auto view = core::CommitView::parse(commit.value.bytes, disk_.partition_, core::CommitView::Sections::kTrust);
    check(view.has_value(), "read() has just looked at it");
    if (!visit(*view, commit.value.size())) break;
  }
  return {};
}

Result<void, StoreFailure> MemoryLog::truncate_after(Position end) {
  const OneWriter appender(appending_);
  const OneWriter freer(freeing_);
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  const auto& log = disk_.seen_.log;
  if (end == log.end) return {};
  if (!log.commits.contains(end)) return failed(refusal("the log has no commit boundary" + at(end)));
  disk_.take(MemoryDisk::Truncate{end});
  return {};
}

Result<void, StoreFailure> MemoryLog::free_before(Position position) {
  const OneWriter writer(freeing_);
  const std::lock_guard lock(disk_.mutex_);
  if (is_dead()) return failed(dead());
  disk_.take(MemoryDisk::Free{position});
  return {};
}

}  // namespace takt::store
