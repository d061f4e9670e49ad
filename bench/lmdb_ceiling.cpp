#include <lmdb.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "bench/ceiling.h"

namespace takt::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t map_bytes = std::size_t{4} << 30;
constexpr std::uint64_t written_bytes_max = std::uint64_t{1} << 30;

void must(int rc, const char* call) {
  if (rc != MDB_SUCCESS) throw std::runtime_error(std::string(call) + ": " + mdb_strerror(rc));
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

LmdbCeiling measure_lmdb(const std::filesystem::path& folder, std::size_t message_bytes, std::size_t value_bytes, double seconds) {
  const std::filesystem::path file = folder / "ceiling.mdb";
  const std::filesystem::path lock = folder / "ceiling.mdb-lock";
  std::filesystem::create_directories(folder);
  std::filesystem::remove(file);
  MDB_env* env = nullptr;
  must(mdb_env_create(&env), "mdb_env_create");
  must(mdb_env_set_mapsize(env, map_bytes), "mdb_env_set_mapsize");
  must(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR, 0600), "mdb_env_open");
  MDB_dbi dbi = 0;
  MDB_txn* txn = nullptr;
  must(mdb_txn_begin(env, nullptr, 0, &txn), "mdb_txn_begin");
  must(mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &dbi), "mdb_dbi_open");
  must(mdb_txn_commit(txn), "mdb_txn_commit");

  std::string payload(value_bytes, 'x');
  LmdbCeiling result;
  std::uint64_t values = 0;
  const Clock::time_point start = Clock::now();
  while (seconds_since(start) < seconds && values * value_bytes < written_bytes_max) {
    const Clock::time_point begun = Clock::now();
    must(mdb_txn_begin(env, nullptr, 0, &txn), "mdb_txn_begin");
    std::size_t number = values;
    MDB_val key{sizeof number, &number};
    MDB_val value{payload.size(), payload.data()};
    must(mdb_put(txn, dbi, &key, &value, MDB_APPEND), "mdb_put");
    must(mdb_txn_commit(txn), "mdb_txn_commit");
    result.commit_ms.push_back(seconds_since(begun) * 1e3);
    ++values;
  }
  result.seconds = seconds_since(start);
  result.messages = values * (value_bytes / message_bytes);
  mdb_env_close(env);
  std::filesystem::remove(file);
  std::filesystem::remove(lock);
  std::sort(result.commit_ms.begin(), result.commit_ms.end());
  return result;
}

}  // namespace takt::bench
