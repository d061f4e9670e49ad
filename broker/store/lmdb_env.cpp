#include "broker/store/lmdb_env.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "broker/store/file.h"
#include "broker/store/preallocation.h"
#include "proto/planted_bug.h"

namespace takt::store {
namespace {

constexpr unsigned readers_max = 126;

bool has_no_room(int code) { return code == MDB_MAP_FULL || is_full(code); }

/// LMDB reports the short write of a disk that just ran full as EIO.
bool disk_has_room(MDB_env* env, std::size_t bytes) {
  mdb_filehandle_t descriptor = -1;
  if (mdb_env_get_fd(env, &descriptor) != 0) return true;
  struct statvfs figures{};
  if (fstatvfs(descriptor, &figures) != 0) return true;
  const std::uint64_t blocks = geteuid() == 0 ? figures.f_bfree : figures.f_bavail;
  return blocks * figures.f_frsize >= bytes;
}

/// A failed write of the meta page leaves the environment refusing every transaction.
bool meta_write_failed(MDB_env* env) {
  MDB_txn* probe = nullptr;
  const int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &probe);
  if (code == 0) mdb_txn_abort(probe);
  return code == MDB_PANIC;
}

/// Touching a mapped page behind the file's end would kill the process. The file may honestly be shorter than LMDB says, by
/// pages that were given up before they were ever written; check_pages has seen that no other is missing.
std::optional<StoreFailure> lengthen(MDB_env* env, const std::filesystem::path& file) {
  MDB_envinfo info{};
  MDB_stat figures{};
  mdb_filehandle_t descriptor = -1;
  struct stat there{};
  bool is_done = mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &figures) == 0 && mdb_env_get_fd(env, &descriptor) == 0 &&
                 ::fstat(descriptor, &there) == 0;
  const std::size_t wanted = (info.me_last_pgno + 1) * figures.ms_psize;
  if (is_done && static_cast<std::size_t>(there.st_size) < wanted) is_done = ::ftruncate(descriptor, static_cast<off_t>(wanted)) == 0;
  if (is_done) return std::nullopt;
  return StoreFailure{StoreFailure::Kind::kIo, file.string() + ": cannot lengthen the file: " + std::strerror(errno)};
}

/// Writes both meta pages anew, as they are. A process that ended in the write of one, or because its sync failed, may have left
/// the page in the kernel's memory only, where it counts as written; or the disk may have it, and the kernel what LMDB put back
/// in its place. Nobody may act on either before memory and disk say the same. What a meta page refers to was synced before it.
/// One after the other, so that a loss of power finds one whole. Returns 0 or an errno.
int write_metas_anew(const std::filesystem::path& path) {
  constexpr std::size_t page_bytes_max = 65'536;
  constexpr std::size_t page_bytes_at = 40;   // behind the page's header: MDB_meta up to the free list's md_pad
  const File file(path, O_RDWR);
  if (!file.is_open()) return errno == ENOENT ? 0 : errno;
  std::vector<std::byte> metas(2 * page_bytes_max);
  const ssize_t there = file.read_at(0, metas);
  if (there < 0) return errno;
  std::uint32_t page_bytes = 0;
  std::memcpy(&page_bytes, metas.data() + page_bytes_at, sizeof page_bytes);
  if (page_bytes == 0 || static_cast<std::uint64_t>(there) < 2 * std::uint64_t{page_bytes})
    return 0;   // LMDB makes it, or says what is wrong with it
  for (const std::size_t at : {std::size_t{0}, std::size_t{page_bytes}}) {
    if (const int code = file.write_at(at, {{metas.data() + at, page_bytes}}); code != 0) return code;
    if (::fdatasync(file.get()) != 0) return errno;
  }
  return 0;
}

StoreFailure open_failure(const std::filesystem::path& file, int code) {
  const std::string name = file.string();
  if (code == MDB_INVALID)
    return {StoreFailure::Kind::kCorrupt, name + " is not an LMDB file or its first pages are damaged: restore the folder from a backup"};
  if (code == MDB_VERSION_MISMATCH)
    return {StoreFailure::Kind::kForeign, name + " was written by another version of LMDB: start the takt that wrote it"};
  if (code == ENOMEM) return {StoreFailure::Kind::kIo, name + ": no address space for its map: raise `ulimit -v` or lower the map size"};
  if (has_no_room(code)) return {StoreFailure::Kind::kFull, name + ": no room on the disk to open the store: free some space"};
  return {StoreFailure::Kind::kIo, name + ": cannot open the store: " + mdb_strerror(code)};
}

}  // namespace

Result<LmdbEnv, StoreFailure> LmdbEnv::open(const Options& options) {
  std::error_code ignored;
  if (options.missing == Missing::kRefuse && !std::filesystem::exists(options.file, ignored))
    return failed(StoreFailure{StoreFailure::Kind::kCorrupt, options.file.string() + " is missing: restore the folder from a backup"});
  if (options.missing == Missing::kRefuse && std::filesystem::file_size(options.file, ignored) == 0)
    return failed(StoreFailure{StoreFailure::Kind::kCorrupt, options.file.string() + " is empty: restore the folder from a backup"});
  if (auto checked = check_pages(options.file, options.map_bytes, options.pages); !checked) return failed(checked.error());
  int code = write_metas_anew(options.file);
  if (is_full(code) && options.make_room && options.make_room()) code = write_metas_anew(options.file);
  if (code != 0) return failed(system_failure(options.file, "write its first pages anew", code));
  MDB_env* raw = nullptr;
  code = mdb_env_create(&raw);
  if (code != 0) return failed(open_failure(options.file, code));
  LmdbEnv env(raw, options.file);
  code = mdb_env_set_mapsize(raw, options.map_bytes);
  if (code == 0 && options.tables_max > 0) code = mdb_env_set_maxdbs(raw, options.tables_max);
  if (code == 0) code = mdb_env_set_maxreaders(raw, readers_max);
  if (code == 0) code = mdb_env_open(raw, options.file.c_str(), MDB_NOSUBDIR | MDB_NOTLS, 0640);
  if (code == 0 && planted(PlantedBug::kSyncSkipped)) code = mdb_env_set_flags(raw, MDB_NOSYNC, 1);
  int dead = 0;
  if (code == 0) code = mdb_reader_check(raw, &dead);
  if (code != 0) return failed(open_failure(options.file, code));
  if (auto too_short = lengthen(raw, options.file)) return failed(std::move(*too_short));
  return env;
}

LmdbEnv::LmdbEnv(LmdbEnv&& other) noexcept : env_(std::exchange(other.env_, nullptr)), file_(std::move(other.file_)) {}

LmdbEnv::~LmdbEnv() {
  if (env_ != nullptr) mdb_env_close(env_);
}

StoreFailure LmdbEnv::failure(int code, std::string_view doing) const {
  const std::string where = file_.string() + ": " + std::string(doing) + ": ";
  if (code == MDB_MAP_FULL)
    return {StoreFailure::Kind::kFull, where + "the store is at its size limit: consume or delete messages, or restart with a larger map"};
  if (has_no_room(code)) return {StoreFailure::Kind::kFull, where + "no room on the disk: free some space"};
  if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_KEYEXIST)
    return {StoreFailure::Kind::kCorrupt, where + mdb_strerror(code) + ": restore the folder from a backup"};
  return {StoreFailure::Kind::kIo, where + mdb_strerror(code)};
}

bool LmdbEnv::is_map_full(std::size_t room) const {
  MDB_envinfo info{};
  MDB_stat figures{};
  if (mdb_env_info(env_, &info) != 0 || mdb_env_stat(env_, &figures) != 0) return false;
  return (info.me_last_pgno + 1) * figures.ms_psize + room > info.me_mapsize;
}

bool LmdbEnv::preallocate() {
  MDB_envinfo info{};
  MDB_stat figures{};
  mdb_filehandle_t descriptor = -1;
  if (mdb_env_info(env_, &info) != 0 || mdb_env_stat(env_, &figures) != 0 || mdb_env_get_fd(env_, &descriptor) != 0) return false;
  return store::preallocate(descriptor, (info.me_last_pgno + 1) * figures.ms_psize, info.me_mapsize);
}

Result<void, StoreFailure> LmdbEnv::grow_map(std::size_t by) {
  MDB_envinfo info{};
  int code = mdb_env_info(env_, &info);
  if (code == 0) code = mdb_env_set_mapsize(env_, info.me_mapsize + by);
  if (code != 0) return failed(failure(code, "enlarging the map"));
  return {};
}

Result<LmdbTxn, StoreFailure> LmdbTxn::begin(const LmdbEnv& env, Kind kind) {
  MDB_txn* txn = nullptr;
  const int code = mdb_txn_begin(env.get(), nullptr, kind == Kind::kRead ? MDB_RDONLY : 0, &txn);
  if (code != 0) return failed(env.failure(code, kind == Kind::kRead ? "beginning to read" : "beginning to write"));
  return LmdbTxn(env, txn);
}

LmdbTxn::~LmdbTxn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

std::uint64_t LmdbTxn::used_bytes(MDB_dbi dbi) const {
  MDB_stat figures{};
  if (mdb_stat(txn_, dbi, &figures) != 0) return 0;   // only an invalid handle makes it fail
  return (figures.ms_branch_pages + figures.ms_leaf_pages + figures.ms_overflow_pages) * std::uint64_t{figures.ms_psize};
}

Result<void, StoreFailure> LmdbTxn::commit(std::size_t bytes) {
  const int code = mdb_txn_commit(std::exchange(txn_, nullptr));
  if (code == 0) return {};
  // LMDB's own codes are negative and come while pages are still being laid out in memory; so does ENOMEM.
  if ((code < 0 && code != MDB_PANIC) || code == ENOMEM) return failed(env_->failure(code, "committing"));
  if (meta_write_failed(env_->get())) stop_process(env_->file(), mdb_strerror(code));
  // What remains came from writing pages that no meta page refers to yet, or from syncing them. Local file systems find
  // out about missing room when they are written to, so these are not from the sync.
  if (has_no_room(code)) return failed(env_->failure(code, "committing"));
  if (code == EIO && !disk_has_room(env_->get(), bytes + 64 * 1024)) return failed(env_->failure(ENOSPC, "committing"));
  stop_process(env_->file(), mdb_strerror(code));
}

Result<LmdbCursor, StoreFailure> LmdbCursor::open(const LmdbEnv& env, const LmdbTxn& txn, MDB_dbi dbi) {
  MDB_cursor* cursor = nullptr;
  if (const int code = mdb_cursor_open(txn.get(), dbi, &cursor); code != 0) return failed(env.failure(code, "opening a cursor"));
  return LmdbCursor(cursor);
}

LmdbCursor::~LmdbCursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

}  // namespace takt::store
