#include "broker/runtime/partition_loader.h"

#include <string>

namespace takt::runtime {
namespace {

using store::StoreFailure;

constexpr std::size_t replay_bytes_per_read = 4u << 20;

StoreFailure corrupt(std::string what) {
  return {StoreFailure::Kind::kCorrupt,
          std::move(what) + "; the data folder is damaged: restore it from a backup, do not delete parts of it"};
}

std::string number(Position position) { return std::to_string(position.value); }

}  // namespace

Result<LoadedPartition, StoreFailure> load_partition(const store::Log& log, const store::Tables& tables,
                                                     const core::PartitionSettings& settings) {
  const store::LogBounds bounds = log.bounds();
  const Position applied = tables.applied();
  if (applied > bounds.end)
    return failed(corrupt("the tables stand at position " + number(applied) + ", ahead of the log's end " + number(bounds.end)));
  if (applied < bounds.first)
    return failed(corrupt("the tables stand at position " + number(applied) + ", before the log's first " + number(bounds.first)));

  core::Partition partition(settings);
  for (std::size_t i = 0; i < core::table_count; ++i) {
    const auto table = static_cast<core::Table>(i);
    if (!core::is_loaded(table)) continue;
    std::optional<core::Corruption> damage;
    auto scanned = tables.scan(table, "", [&](std::string_view key, std::string_view value) {
      if (auto loaded = partition.load_row(table, key, value); !loaded) damage = loaded.error();
      return !damage;
    });
    if (!scanned) return failed(scanned.error());
    if (damage) return failed(corrupt("table " + std::to_string(i) + ": " + damage->what));
  }
  partition.loaded_to(applied);

  for (Position next = applied; next < bounds.end;) {
    auto commits = log.read(next, replay_bytes_per_read);
    if (!commits) return failed(commits.error());
    if (commits->empty() || commits->front().first != next)
      return failed(corrupt("the log has no commit that begins at position " + number(next)));
    for (const core::Commit& commit : *commits) {
      auto view = core::CommitView::parse(commit.value.bytes, settings.uuid, core::CommitView::Sections::kCheck);
      if (!view) return failed(corrupt("the commit at position " + number(commit.first) + ": " + view.error().what));
      if (auto replayed = partition.replay(*view); !replayed)
        return failed(corrupt("the commit at position " + number(commit.first) + " cannot be replayed: " + replayed.error().what));
      next = commit.end;
    }
  }
  auto tables_bytes = tables.used_bytes();
  if (!tables_bytes) return failed(tables_bytes.error());
  return LoadedPartition{std::move(partition), bounds, applied, *tables_bytes};
}

Result<LoadedPartition, StoreFailure> PartitionLoader::load_fresh() {
  const store::DiskRoom disk = stores_.disk();
  const auto stores = stores_.use();
  if (!stores) return failed(StoreFailure{StoreFailure::Kind::kIo, "the stores are not open"});
  auto loaded = load_partition(*stores.log, *stores.tables, settings_);
  if (loaded) loaded->disk = disk;
  return loaded;
}

Result<LoadedPartition, StoreFailure> PartitionLoader::load() {
  auto opened = stores_.reopen();
  auto loaded = opened ? load_fresh() : failed(opened.error());
  if (!loaded) failed_(loaded.error());
  return loaded;
}

}  // namespace takt::runtime
