#pragma once
// LMDB as this folder uses it: one environment is one file, full sync, no thread-bound readers. Private to the store's
// sources; the only place that includes lmdb.h.

#include <lmdb.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/store/lmdb_pages.h"
#include "broker/store/log.h"

namespace takt::store {

enum class Missing {
  kCreate,   ///< a missing or empty file is made
  kRefuse,   ///< it means damage
};

/// An open environment. Never open the same file twice in one process (lmdb.h), never fork with one open.
class LmdbEnv {
 public:
  struct Options {
    std::filesystem::path file;
    std::size_t map_bytes = 0;        ///< address space; the file grows into it and no further
    unsigned tables_max = 0;          ///< named databases
    Missing missing = Missing::kCreate;
    PagesToCheck pages = PagesToCheck::kAll;
    std::function<bool()> make_room{};   ///< called when the disk is full while it is opened; true: it made some
  };
  /// Readers that a killed process left behind are cleared, and the meta pages that it may not have synced are.
  /// Errors: kIo, kFull, kCorrupt (missing, empty, cut short, not an LMDB file, or one whose pages check_pages refuses).
  static Result<LmdbEnv, StoreFailure> open(const Options& options);

  LmdbEnv(LmdbEnv&& other) noexcept;
  LmdbEnv& operator=(LmdbEnv&&) = delete;
  ~LmdbEnv();

  MDB_env* get() const { return env_; }
  const std::filesystem::path& file() const { return file_; }

  /// What LMDB's `code` means when it came before mdb_txn_commit, so that certainly nothing was written.
  StoreFailure failure(int code, std::string_view doing) const;
  /// Less than `room` of the map was never used: a transaction that found no room found none there, not on the disk.
  bool is_map_full(std::size_t room) const;
  /// A step of zeros behind the file's used end, see preallocation.h. No write transaction may be open.
  bool preallocate();
  /// Enlarges the map. No transaction may be open in this process.
  Result<void, StoreFailure> grow_map(std::size_t by);

 private:
  LmdbEnv(MDB_env* env, std::filesystem::path file) : env_(env), file_(std::move(file)) {}

  MDB_env* env_;
  std::filesystem::path file_;
};

/// A transaction; aborted at the end of its life unless committed.
class LmdbTxn {
 public:
  enum class Kind { kRead, kWrite };
  static Result<LmdbTxn, StoreFailure> begin(const LmdbEnv& env, Kind kind);

  LmdbTxn(LmdbTxn&& other) noexcept : env_(other.env_), txn_(std::exchange(other.txn_, nullptr)) {}
  LmdbTxn& operator=(LmdbTxn&&) = delete;
  ~LmdbTxn();

  MDB_txn* get() const { return txn_; }
  /// Of the pages that `dbi` takes: branches, leaves and overflow pages, as this transaction sees them. LMDB counts along.
  std::uint64_t used_bytes(MDB_dbi dbi) const;

  /// Commits and syncs. `bytes` is about what the transaction writes, to tell a full disk from a broken one.
  /// Errors (nothing was written): kFull, kIo. Does not return when a sync or the meta page may have failed: nobody can
  /// know what the disk kept, and asking again would be told that all is well. docs/log-format.md has the reasoning.
  Result<void, StoreFailure> commit(std::size_t bytes);

 private:
  LmdbTxn(const LmdbEnv& env, MDB_txn* txn) : env_(&env), txn_(txn) {}

  const LmdbEnv* env_;
  MDB_txn* txn_;
};

/// A cursor that closes before its transaction ends; declare it after the transaction.
class LmdbCursor {
 public:
  static Result<LmdbCursor, StoreFailure> open(const LmdbEnv& env, const LmdbTxn& txn, MDB_dbi dbi);
  LmdbCursor(LmdbCursor&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  LmdbCursor& operator=(LmdbCursor&&) = delete;
  ~LmdbCursor();

  MDB_cursor* get() const { return cursor_; }

 private:
  explicit LmdbCursor(MDB_cursor* cursor) : cursor_(cursor) {}

  MDB_cursor* cursor_;
};

inline MDB_val as_value(std::string_view text) { return {.mv_size = text.size(), .mv_data = const_cast<char*>(text.data())}; }
inline std::string_view as_text(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }
inline ByteView as_bytes(const MDB_val& value) { return {static_cast<const std::byte*>(value.mv_data), value.mv_size}; }

}  // namespace takt::store
