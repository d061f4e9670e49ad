#include "broker/runtime/timer_reader.h"

#include "broker/core/timer_rows.h"

namespace takt::runtime {

Result<core::TimersLoaded, store::StoreFailure> read_timers(const store::Tables& tables, const core::LoadTimers& request) {
  core::TimersLoaded loaded{request.range, {}};
  const std::string stop = core::timers_key(request.range.bucket, request.range.until);
  const std::uint64_t wanted = request.range.until - request.range.from;
  auto scanned = tables.scan(core::Table::kTimers, core::timers_key(request.range.bucket, request.range.from),
                             [&](std::string_view key, std::string_view value) {
                               if (key >= std::string_view(stop)) return false;
                               loaded.chunks.emplace_back(value);
                               return loaded.chunks.size() < wanted;   // what lies behind may be damaged
                             });
  if (!scanned) return failed(std::move(scanned.error()));
  if (loaded.chunks.size() == wanted) return loaded;
  return failed(store::StoreFailure{store::StoreFailure::Kind::kCorrupt, "the timer wheel has " + std::to_string(loaded.chunks.size()) +
                                                                             " of " + std::to_string(wanted) + " chunks of a bucket"});
}

}  // namespace takt::runtime
