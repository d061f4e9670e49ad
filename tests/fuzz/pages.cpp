// links: takt_store takt_core
// The bytes of an LMDB file as a disk may hand them over: any number of pages. Refused with a reason or taken; and what is
// taken, LMDB opens and reads as tables and as a log from end to end, whatever its rows say then.

#include <filesystem>

#include "broker/store/lmdb_log.h"
#include "broker/store/lmdb_pages.h"
#include "broker/store/lmdb_tables.h"
#include "proto/check.h"
#include "tests/fuzz/place.h"

namespace {

using namespace takt;
using namespace takt::store;

constexpr std::size_t map_bytes = std::size_t{1} << 30;
constexpr std::size_t read_bytes = std::size_t{1} << 20;

bool is_in_order(const std::filesystem::path& file, PagesToCheck pages) {
  const auto checked = check_pages(file, map_bytes, pages);
  if (!checked) check(!checked.error().message.empty(), "a refusal says why");
  return checked.has_value();
}

void read_as_tables(const std::filesystem::path& file) {
  const auto tables = LmdbTables::open({.file = file, .map_bytes = map_bytes, .create = LmdbTables::Options::Create::kRefuse});
  if (!tables) return;
  for (std::size_t table = 0; table < core::table_count; ++table)
    static_cast<void>((*tables)->scan(static_cast<core::Table>(table), "", [](std::string_view, std::string_view) { return true; }));
}

void read_as_log(const std::filesystem::path& file) {
  const auto log = LmdbLog::open({.file = file, .map_bytes = map_bytes, .create = LmdbLog::Options::Create::kRefuse, .make_room = {}});
  if (!log) return;
  for (Position at = (*log)->bounds().first; at < (*log)->bounds().end;) {
    const auto commits = (*log)->read(at, read_bytes);
    if (!commits || commits->empty() || commits->back().end <= at) return;
    at = commits->back().end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Place place("pages.mdb");
  const std::filesystem::path file = place.file();
  place.write(data, size);
  const bool is_sound = is_in_order(file, PagesToCheck::kAll);
  const bool are_edges_sound = is_in_order(file, PagesToCheck::kEdges);
  check(are_edges_sound || !is_sound, "what is in order is so at its edges");
  if (!is_sound) return 0;
  read_as_tables(file);
  place.write(data, size);
  read_as_log(file);
  return 0;
}
