#include "tests/crash/history.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "broker/core/event.h"
#include "broker/store/data_folder.h"
#include "broker/store/wal_log.h"
#include "proto/section.h"
#include "tests/crash/message.h"

namespace takt::crash {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void contradiction(const std::string& what) { throw std::runtime_error("the recording contradicts itself: " + what); }

/// One of the recorded log's files as it grows.
class GrowingFile {
 public:
  explicit GrowingFile(std::filesystem::path file) : file_(std::move(file)) { std::ofstream(file_, std::ios::binary | std::ios::trunc); }
  const std::filesystem::path& path() const { return file_; }
  void take(const Record& record) const {
    if (record.type == RecordType::kTruncate) return std::filesystem::resize_file(file_, record.offset);
    std::fstream out(file_, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(record.offset));
    out.write(reinterpret_cast<const char*>(record.bytes.data()), static_cast<std::streamsize>(record.bytes.size()));
  }

 private:
  const std::filesystem::path file_;
};

[[noreturn]] void unreadable(const std::string& what, const store::StoreFailure& failure) {
  contradiction(what + " cannot be read between two of its writes: " + failure.message);
}

struct Held {
  std::vector<core::Commit> commits;
  Position end;
};

/// What log.mdb holds, the commits from `from` on.
Held in_log(const GrowingFile& file, const core::PartitionUuid& uuid, Position from) {
  auto log = store::LmdbLog::open({.file = file.path(),
                                   .partition = uuid,
                                   .map_bytes = std::size_t{1} << 30,
                                   .create = store::LmdbLog::Options::Create::kRefuse,
                                   .make_room = {}});
  if (!log) unreadable("its log", log.error());
  auto commits = (*log)->read(from, ~std::size_t{0});
  if (!commits) unreadable("its log", commits.error());
  return {*std::move(commits), (*log)->bounds().end};
}

/// What log.wal holds from `from` on. Reading it to its end writes to it, so it is a copy, at `copy`, that is read.
Held ahead(const GrowingFile& file, const std::filesystem::path& copy, const core::PartitionUuid& uuid, Position from) {
  std::filesystem::copy_file(file.path(), copy, std::filesystem::copy_options::overwrite_existing);
  auto wal = store::Wal::open({.file = copy, .partition = uuid, .create = store::Wal::Options::Create::kRefuse});
  if (!wal) unreadable("its write-ahead file", wal.error());
  auto commits = (*wal)->recover(from);
  if (!commits) unreadable("its write-ahead file", commits.error());
  const Position end = commits->empty() ? from : commits->back().end;
  return {*std::move(commits), end};
}

}  // namespace

History::History(const Journal& journal, const std::filesystem::path& data, const std::filesystem::path& scratch) {
  const auto identity = store::parse_identity(text_of(data / "identity.toml"), "identity.toml");
  if (!identity) throw std::runtime_error(identity.error().message);
  uuid_ = identity->partitions.at(0);

  const GrowingFile log(scratch / "growing.mdb");
  const GrowingFile wal(scratch / "growing.wal");
  Position log_end, wal_end;
  bool is_log_made = false, is_wal_made = false;   // the one has its front row, the other its first sync
  const auto reached = [this](std::vector<std::pair<std::size_t, Position>>& steps, std::size_t index, Position position) {
    if (steps.empty() || steps.back().second < position) steps.emplace_back(index, position);
  };
  const auto& records = journal.records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    if (record.type == RecordType::kMark && record.text() == "ready") ready_ = i;
    if (record.type == RecordType::kMark || record.type == RecordType::kStruck || record.file == StoreFile::kTables) continue;
    const bool is_ahead = record.file == StoreFile::kWal;
    const bool is_write = record.type == RecordType::kWrite || record.type == RecordType::kSyncedWrite;
    if (is_write || record.type == RecordType::kTruncate) (is_ahead ? wal : log).take(record);
    if (record.type == RecordType::kWritten && !is_ahead) reached(durable_, i, log_end);
    if (record.type == RecordType::kSync && is_ahead) {
      is_wal_made = true;
      reached(durable_, i, wal_end);
    }
    // The log changes with its meta page, the write-ahead file with every write.
    if (is_ahead ? !is_wal_made || !is_write : record.type != RecordType::kSyncedWrite) continue;
    const Position known = commits_.empty() ? Position(0) : commits_.back().end;
    const Held held = is_ahead ? ahead(wal, scratch / "look.wal", uuid_, known) : in_log(log, uuid_, known);
    for (const core::Commit& commit : held.commits) take(commit);
    (is_ahead ? wal_end : log_end) = held.end;
    if (!is_ahead) is_log_made = true;
    reached(written_, i, held.end);
  }
  if (!is_log_made) contradiction("there is no log in it");
  fold();
  read_marks(journal);
}

core::PartitionSettings History::settings() const {
  core::PartitionSettings settings;
  settings.uuid = uuid_;
  settings.recover_grace = Duration::zero();
  return settings;
}

void History::take(const core::Commit& commit) {
  auto view = core::CommitView::parse(commit.value.bytes, uuid_, core::CommitView::Sections::kCheck);
  if (!view) contradiction("a commit that cannot be read: " + view.error().what);
  if (!commits_.empty() && commit.first != commits_.back().end) contradiction("commits with a gap between them");
  for (const core::RunView& run : view->runs) {
    if (run.run_class != proto::RunClass::kControl) {
      const proto::SectionView messages(run.metadata, run.payload, run.count);
      for (std::uint32_t i = 0; i < run.count; ++i) {
        const Spot spot{run.topic, run.lane, run.first_offset.plus(i)};
        if (!value_of(as_text(messages.payload(i)))) contradiction("a message that nobody sent");
        messages_[spot] = {run.first_position.plus(i), std::string(as_text(messages.metadata(i))),
                           std::string(as_text(messages.payload(i)))};
        spots_[run.first_position.plus(i)] = spot;
      }
      continue;
    }
    const auto events = core::decode_events(as_text(run.metadata), run.count);
    if (!events) contradiction("events that cannot be read: " + events.error().what);
    for (const core::Event& event : *events) {
      if (const auto* topic = std::get_if<core::TopicPut>(&event)) topics_[topic->topic] = topic->name;
      if (const auto* group = std::get_if<core::GroupPut>(&event))
        groups_[{topics_[group->topic], group->name}].emplace_back(group->topic, group->group);
      if (const auto* done = std::get_if<core::Done>(&event))
        for (const core::OffsetRun& offsets : done->runs)
          for (Offset at = offsets.first; at < offsets.end(); at = at.plus(1))
            done_.try_emplace({done->topic, done->group, done->lane, at}, commit.end);
    }
  }
  commits_.push_back(commit);
  views_.push_back(std::move(*view));
}

void History::fold() {
  core::Partition partition(settings());
  partition.loaded_to(Position(0));
  core::test::Rows rows;
  const auto note = [&](Position end) {
    core::test::apply_checkpoint(rows, partition.freeze());
    partition.checkpointed();
    fingerprints_[end] = fingerprint(core::test::logical(rows));
  };
  note(Position(0));
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    if (const auto replayed = partition.replay(views_[i]); !replayed)
      contradiction("a commit that cannot be replayed: " + replayed.error().what);
    note(commits_[i].end);
  }
}

std::map<std::string, std::string> History::rows_at(Position end, const std::vector<core::Commit>& more) const {
  std::vector<core::Commit> log(commits_.begin(), commits_.begin() + static_cast<std::ptrdiff_t>(commits_until(end).value_or(0)));
  log.insert(log.end(), more.begin(), more.end());
  return core::test::logical(core::test::fold(settings(), log));
}

std::uint64_t History::fingerprint(const std::map<std::string, std::string>& rows) {
  std::string all;
  for (const auto& [key, value] : rows) all.append(key).append(1, '\0').append(value).append(1, '\0');
  return std::hash<std::string>{}(all);
}

void History::demand(std::size_t index, Position end) {
  if (end > reach(index).least) contradiction("a client was told at record " + std::to_string(index) + " of what was not durable then");
}

void History::read_marks(const Journal& journal) {
  const auto& records = journal.records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].type != RecordType::kMark) continue;
    std::istringstream words{std::string(records[i].text())};
    std::string what, topic, group;
    std::uint64_t position = 0, value = 0;
    words >> what;
    if (what == "stored") {
      words >> position >> value;
      const auto spot = spots_.find(Position(position));
      if (spot == spots_.end() || value_of(messages_.at(spot->second).payload) != value)
        contradiction("message " + std::to_string(value) + " is confirmed and not where its receipt says");
      demand(i, Position(position + 1));
    }
    if (what == "done") {
      words >> position >> topic >> group;
      const auto spot = spots_.find(Position(position));
      if (spot == spots_.end()) contradiction("a confirmed ack of position " + std::to_string(position) + ", where no message is");
      bool is_known = false;
      for (const auto& [topic_id, group_id] : groups_[{topic, group}]) {
        const auto done = done_.find({topic_id, group_id, spot->second.lane, spot->second.offset});
        if (topic_id != spot->second.topic || done == done_.end()) continue;
        is_known = true;
        demand(i, done->second);
      }
      if (!is_known) contradiction("the confirmed ack of position " + std::to_string(position) + " is not in the log");
    }
  }
}

History::Reach History::reach(std::size_t index) const {
  const auto at = [index](const std::vector<std::pair<std::size_t, Position>>& steps) {
    const auto after = std::ranges::upper_bound(steps, index, {}, &std::pair<std::size_t, Position>::first);
    return after == steps.begin() ? Position(0) : std::prev(after)->second;
  };
  return {at(durable_), at(written_)};
}

std::optional<std::size_t> History::commits_until(Position end) const {
  if (end == Position(0)) return 0;
  const auto it = std::ranges::lower_bound(commits_, end, {}, &core::Commit::end);
  if (it == commits_.end() || it->end != end) return std::nullopt;
  return static_cast<std::size_t>(it - commits_.begin()) + 1;
}

std::vector<core::Partition::FrontRun> History::runs_until(Position end) const {
  std::vector<core::Partition::FrontRun> runs;
  for (std::size_t i = 0; i < commits_.size() && commits_[i].end <= end; ++i)
    for (const core::RunView& run : views_[i].runs)
      if (run.run_class != proto::RunClass::kControl)
        runs.push_back({run.topic, run.lane, run.first_offset, run.first_position, run.count, views_[i].header.time});
  return runs;
}

const History::Message* History::find(const Spot& spot) const {
  const auto it = messages_.find(spot);
  return it == messages_.end() ? nullptr : &it->second;
}

}  // namespace takt::crash
