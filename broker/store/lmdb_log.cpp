#include "broker/store/lmdb_log.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <mutex>
#include <shared_mutex>

#include "broker/store/front_row.h"
#include "broker/store/lmdb_env.h"

namespace takt::store {
namespace {

using Kind = StoreFailure::Kind;

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t page_header_bytes = 16;
constexpr std::size_t slice_pages_max = 1900;            // under 2,000 with the tree's own pages
constexpr std::size_t slice_commits_max = 2000;
constexpr std::uint64_t commits_per_count = 4096;        // an open counts the keys after the last count, so at most about these
constexpr std::size_t growth_bytes = 16u << 20;          // freeing a full map needs a few pages before it gives any back
constexpr auto read_time_max = std::chrono::milliseconds(500);

/// Positions sort as their bytes do.
struct Key {
  std::array<std::byte, 8> bytes;
  explicit Key(Position position) {
    const std::uint64_t swapped = __builtin_bswap64(position.value);
    std::memcpy(bytes.data(), &swapped, sizeof swapped);
  }
  MDB_val value() { return {.mv_size = bytes.size(), .mv_data = bytes.data()}; }
};

std::optional<Position> position_of(const MDB_val& key) {
  if (key.mv_size != 8) return std::nullopt;
  std::uint64_t swapped = 0;
  std::memcpy(&swapped, key.mv_data, sizeof swapped);
  return Position(__builtin_bswap64(swapped));
}

/// Pages that a value takes beside the tree's own.
std::size_t pages_of(std::size_t value_bytes) { return (value_bytes + page_header_bytes + page_bytes - 1) / page_bytes; }

std::string at(Position position) { return " at position " + std::to_string(position.value); }

}  // namespace

class LmdbLog::Body {
 public:
  Body(Options options, LmdbEnv env) : options_(std::move(options)), env_(std::move(env)) {}

  Result<void, StoreFailure> load();
  std::string name() const { return env_.file().string(); }
  LogBounds bounds() const {
    const std::lock_guard lock(bounds_mutex_);
    return bounds_;
  }
  Result<void, StoreFailure> append(std::span<const core::Commit> commits);
  Result<std::vector<core::Commit>, StoreFailure> read(Position from, std::size_t bytes_max) const;
  Result<void, StoreFailure> scan(Position from, std::size_t bytes_max, const Visit& visit) const;
  Result<void, StoreFailure> truncate_after(Position end);
  Result<void, StoreFailure> free_before(Position position);
  bool preallocate() {
    const std::lock_guard writing(writing_mutex_);
    return env_.preallocate();
  }

 private:
  struct Stored {
    Position first;
    std::size_t bytes;
  };
  struct Slice {
    std::vector<Stored> commits;
    Position next;                 ///< where the front is once they are gone
    std::size_t bytes = 0;
  };

  Result<std::optional<FrontRow>, StoreFailure> read_front();
  Result<LogBounds, StoreFailure> read_bounds(const FrontRow& front) const;
  Result<void, StoreFailure> put_front(LmdbTxn& txn, const LogBounds& bounds);
  Result<void, StoreFailure> try_append(std::span<const core::Commit> commits);
  Result<Slice, StoreFailure> front_slice(Position until) const;
  Result<Slice, StoreFailure> back_slice(Position from) const;
  Result<void, StoreFailure> drop(const Slice& slice, LogBounds& left);
  Result<void, StoreFailure> write_front(const LogBounds& bounds);
  template <class Step>
  Result<void, StoreFailure> with_ballast(const Step& step);
  template <class Step>
  Result<void, StoreFailure> with_more_room(const Step& step);
  void publish(const LogBounds& bounds) {
    const std::lock_guard lock(bounds_mutex_);
    bounds_ = bounds;
  }
  Result<core::CommitView, StoreFailure> parse(const MDB_val& key, ByteView value, core::CommitView::Sections sections) const;
  template <class Take>
  Result<void, StoreFailure> walk(Position from, const Take& take) const;
  StoreFailure corrupt(const std::string& what) const {
    return {Kind::kCorrupt, env_.file().string() + ": " + what + ": restore the folder from a backup"};
  }
  StoreFailure refusal(const std::string& what) const { return {Kind::kRefused, env_.file().string() + ": " + what}; }

  const Options options_;
  LmdbEnv env_;
  MDB_dbi dbi_ = 0;

  std::mutex writing_mutex_;   // guards the next two, and all that writes
  bool refuses_appends_ = false;
  std::uint64_t appends_since_count_ = 0;

  // Readers share the map while their transaction is open; who enlarges it takes it alone.
  mutable std::shared_mutex map_mutex_;
  mutable std::mutex bounds_mutex_;   // guards bounds_
  LogBounds bounds_;
};

// ---- opening

Result<void, StoreFailure> LmdbLog::Body::load() {
  const auto front = read_front();
  if (!front) return failed(front.error());
  if (!*front && options_.create == Options::Create::kRefuse) return failed(corrupt("the front row is missing"));
  if (!*front) return write_front({});
  const auto bounds = read_bounds(**front);
  if (!bounds) return failed(bounds.error());
  publish(*bounds);
  return {};
}

Result<std::optional<FrontRow>, StoreFailure> LmdbLog::Body::read_front() {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  if (const int code = mdb_dbi_open(txn->get(), nullptr, 0, &dbi_); code != 0) return failed(env_.failure(code, "opening the log"));
  MDB_val key = as_value(front_row_key);
  MDB_val row{};
  const int code = mdb_get(txn->get(), dbi_, &key, &row);
  if (code == 0) {
    auto front = decode_front(as_text(row), options_.partition, options_.file);
    if (!front) return failed(front.error());
    return std::optional(*front);
  }
  if (code != MDB_NOTFOUND) return failed(env_.failure(code, "reading the front row"));
  MDB_stat figures{};
  if (const int counted = mdb_stat(txn->get(), dbi_, &figures); counted != 0) return failed(env_.failure(counted, "reading the front row"));
  if (figures.ms_entries > 0)
    return failed(StoreFailure{Kind::kForeign, env_.file().string() + " is not a takt log: choose another data folder"});
  return std::optional<FrontRow>();
}

Result<LogBounds, StoreFailure> LmdbLog::Body::read_bounds(const FrontRow& front) const {
  LogBounds bounds{.first = front.begin, .end = front.begin, .bytes = front.bytes};
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  bounds.used_bytes = txn->used_bytes(dbi_);
  auto cursor = LmdbCursor::open(env_, *txn, dbi_);
  if (!cursor) return failed(cursor.error());

  Key counted(front.counted_to);
  MDB_val key = counted.value();
  MDB_val value{};
  int code = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_RANGE);
  for (; code == 0; code = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT)) bounds.bytes += value.mv_size;
  if (code != MDB_NOTFOUND) return failed(env_.failure(code, "counting the log"));

  code = mdb_cursor_get(cursor->get(), &key, &value, MDB_LAST);
  if (code != 0) return failed(env_.failure(code, "finding the log's end"));
  if (as_text(key) == front_row_key) return bounds;
  const auto last = parse(key, as_bytes(value), core::CommitView::Sections::kCheck);
  if (!last) return failed(last.error());
  bounds.end = last->end();

  Key lowest{Position(0)};
  key = lowest.value();
  code = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_RANGE);
  if (code != 0 || position_of(key) != front.begin) return failed(corrupt("the oldest commit is missing" + at(front.begin)));
  return bounds;
}

Result<void, StoreFailure> LmdbLog::Body::write_front(const LogBounds& bounds) {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kWrite);
  if (!txn) return failed(txn.error());
  if (auto put = put_front(*txn, bounds); !put) return put;
  return txn->commit(page_bytes * 8);
}

Result<void, StoreFailure> LmdbLog::Body::put_front(LmdbTxn& txn, const LogBounds& bounds) {
  const auto row = encode({.partition = options_.partition, .begin = bounds.first, .counted_to = bounds.end, .bytes = bounds.bytes});
  MDB_val key = as_value(front_row_key);
  MDB_val value{.mv_size = row.size(), .mv_data = const_cast<char*>(row.data())};
  if (const int code = mdb_put(txn.get(), dbi_, &key, &value, 0); code != 0) return failed(env_.failure(code, "writing the front row"));
  return {};
}

// ---- appending and reading

Result<void, StoreFailure> LmdbLog::Body::append(std::span<const core::Commit> commits) {
  const std::lock_guard writing(writing_mutex_);
  if (refuses_appends_) return failed(refusal("an earlier append failed: open the log anew"));
  auto appended = with_ballast([&] { return try_append(commits); });
  refuses_appends_ = !appended && appended.error().kind != Kind::kFull;   // of which nothing was written
  return appended;
}

Result<void, StoreFailure> LmdbLog::Body::try_append(std::span<const core::Commit> commits) {
  if (commits.empty()) return {};
  LogBounds after = bounds();
  std::size_t bytes = 0;
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kWrite);
  if (!txn) return failed(txn.error());
  for (const core::Commit& commit : commits) {
    if (commit.first != after.end || commit.end <= commit.first || commit.value.size() == 0)
      return failed(refusal("the log ends" + at(after.end) + ", a commit" + at(commit.first) + " cannot follow"));
    Key position(commit.first);
    MDB_val key = position.value();
    MDB_val value{.mv_size = commit.value.size(), .mv_data = const_cast<std::byte*>(commit.value.bytes.data())};
    if (const int code = mdb_put(txn->get(), dbi_, &key, &value, MDB_APPEND); code != 0) return failed(env_.failure(code, "appending"));
    after.end = commit.end;
    bytes += commit.value.size();
  }
  after.bytes += bytes;
  appends_since_count_ += commits.size();
  if (appends_since_count_ >= commits_per_count) {
    if (auto put = put_front(*txn, after); !put) return put;
    appends_since_count_ = 0;
  }
  after.used_bytes = txn->used_bytes(dbi_);
  if (auto done = txn->commit(bytes); !done) return done;
  publish(after);
  return {};
}

Result<core::CommitView, StoreFailure> LmdbLog::Body::parse(const MDB_val& key, ByteView value, core::CommitView::Sections sections) const {
  const auto position = position_of(key);
  if (!position) return failed(corrupt("a key is not a position"));
  auto view = core::CommitView::parse(value, options_.partition, sections);
  if (!view) return failed(corrupt("the commit" + at(*position) + ": " + view.error().what));
  if (view->header.first != *position)
    return failed(corrupt("the commit" + at(*position) + " says that it begins" + at(view->header.first)));
  return *std::move(view);
}

/// The commits from the one that contains `from` on, in a short read transaction of its own, until `take(view, value)` wants
/// no more.
template <class Take>
Result<void, StoreFailure> LmdbLog::Body::walk(Position from, const Take& take) const {
  const auto began = std::chrono::steady_clock::now();
  const std::shared_lock map(map_mutex_);
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  auto cursor = LmdbCursor::open(env_, *txn, dbi_);
  if (!cursor) return failed(cursor.error());

  // The commit that contains `from` begins there or is the one before.
  Key wanted(from);
  MDB_val key = wanted.value();
  MDB_val value{};
  int code = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_RANGE);
  if (code == MDB_NOTFOUND)
    code = mdb_cursor_get(cursor->get(), &key, &value, MDB_LAST);
  else if (code == 0 && position_of(key) != from)
    code = mdb_cursor_get(cursor->get(), &key, &value, MDB_PREV);
  if (code == 0 && key.mv_size == 1) code = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT);

  std::optional<Position> prior_end;
  for (bool wants_more = true; code == 0 && wants_more;) {
    const auto view = parse(key, as_bytes(value), core::CommitView::Sections::kTrust);
    if (!view) return failed(view.error());
    if (prior_end && *prior_end != view->header.first)
      return failed(corrupt("commits are missing between positions " + std::to_string(prior_end->value) + " and " +
                            std::to_string(view->header.first.value)));
    prior_end = view->end();
    if (view->end() > from) wants_more = take(*view, as_bytes(value)) && std::chrono::steady_clock::now() - began < read_time_max;
    if (wants_more) code = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT);
  }
  if (code != 0 && code != MDB_NOTFOUND) return failed(env_.failure(code, "reading"));
  return {};
}

Result<std::vector<core::Commit>, StoreFailure> LmdbLog::Body::read(Position from, std::size_t bytes_max) const {
  std::vector<core::Commit> commits;
  std::size_t bytes = 0;
  auto walked = walk(from, [&](const core::CommitView& view, ByteView value) {
    auto buffer = std::make_shared_for_overwrite<std::byte[]>(value.size());
    std::memcpy(buffer.get(), value.data(), value.size());
    commits.push_back({.first = view.header.first, .end = view.end(), .value = {.owner = buffer, .bytes = {buffer.get(), value.size()}}});
    bytes += value.size();
    return bytes < bytes_max;
  });
  if (!walked) return failed(walked.error());
  return commits;
}

Result<void, StoreFailure> LmdbLog::Body::scan(Position from, std::size_t bytes_max, const Visit& visit) const {
  std::size_t bytes = 0;
  return walk(from, [&](const core::CommitView& view, ByteView value) {
    bytes += value.size();
    return visit(view, value.size()) && bytes < bytes_max;
  });
}

// ---- shortening

Result<LmdbLog::Body::Slice, StoreFailure> LmdbLog::Body::front_slice(Position until) const {
  const LogBounds now = bounds();
  Slice slice{.commits = {}, .next = now.first};
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  auto cursor = LmdbCursor::open(env_, *txn, dbi_);
  if (!cursor) return failed(cursor.error());
  Key first(now.first);
  MDB_val key = first.value();
  MDB_val value{};
  std::size_t pages = 0;
  int code = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_RANGE);
  while (code == 0) {
    const std::size_t bytes = value.mv_size;
    const Position begin = slice.next;
    if (position_of(key) != begin) return failed(corrupt("commits are missing" + at(begin)));
    code = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT);
    if (code != 0 && code != MDB_NOTFOUND) return failed(env_.failure(code, "reading the log's front"));
    const Position end = code == 0 ? position_of(key).value_or(now.end) : now.end;
    pages += pages_of(bytes);
    if (end > until || (!slice.commits.empty() && (pages > slice_pages_max || slice.commits.size() == slice_commits_max))) break;
    slice.commits.push_back({begin, bytes});
    slice.bytes += bytes;
    slice.next = end;
  }
  return slice;
}

Result<LmdbLog::Body::Slice, StoreFailure> LmdbLog::Body::back_slice(Position from) const {
  Slice slice{.commits = {}, .next = bounds().end};
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
  if (!txn) return failed(txn.error());
  auto cursor = LmdbCursor::open(env_, *txn, dbi_);
  if (!cursor) return failed(cursor.error());
  MDB_val key{};
  MDB_val value{};
  std::size_t pages = 0;
  int code = mdb_cursor_get(cursor->get(), &key, &value, MDB_LAST);
  for (; code == 0; code = mdb_cursor_get(cursor->get(), &key, &value, MDB_PREV)) {
    const auto begin = position_of(key);
    if (!begin || *begin < from) break;
    pages += pages_of(value.mv_size);
    if (!slice.commits.empty() && (pages > slice_pages_max || slice.commits.size() == slice_commits_max)) break;
    slice.commits.push_back({*begin, value.mv_size});
    slice.bytes += value.mv_size;
    slice.next = *begin;
  }
  if (code != 0 && code != MDB_NOTFOUND) return failed(env_.failure(code, "reading the log's end"));
  return slice;
}

Result<void, StoreFailure> LmdbLog::Body::drop(const Slice& slice, LogBounds& left) {
  auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kWrite);
  if (!txn) return failed(txn.error());
  for (const Stored& commit : slice.commits) {
    Key position(commit.first);
    MDB_val key = position.value();
    if (const int code = mdb_del(txn->get(), dbi_, &key, nullptr); code != 0) return failed(env_.failure(code, "dropping commits"));
  }
  if (auto put = put_front(*txn, left); !put) return put;
  left.used_bytes = txn->used_bytes(dbi_);
  return txn->commit(page_bytes * 64);
}

/// Runs `step`, and again without the ballast when the disk is full.
template <class Step>
Result<void, StoreFailure> LmdbLog::Body::with_ballast(const Step& step) {
  auto done = step();
  if (done || done.error().kind != Kind::kFull || env_.is_map_full(growth_bytes)) return done;
  if (options_.make_room && options_.make_room()) done = step();
  return done;
}

/// Runs `step`, and again after making room when the store is too full even to give something back.
template <class Step>
Result<void, StoreFailure> LmdbLog::Body::with_more_room(const Step& step) {
  auto done = with_ballast(step);
  if (done || done.error().kind != Kind::kFull || !env_.is_map_full(growth_bytes)) return done;
  {
    const std::unique_lock map(map_mutex_);
    if (auto grown = env_.grow_map(growth_bytes); !grown) return grown;
  }
  return with_ballast(step);
}

Result<void, StoreFailure> LmdbLog::Body::truncate_after(Position end) {
  const std::lock_guard writing(writing_mutex_);
  LogBounds left = bounds();
  if (end > left.end || end < left.first) return failed(refusal("the log has no commit boundary" + at(end)));
  if (end == left.end) return {};
  {
    auto txn = LmdbTxn::begin(env_, LmdbTxn::Kind::kRead);
    if (!txn) return failed(txn.error());
    Key boundary(end);
    MDB_val key = boundary.value();
    MDB_val value{};
    const int code = mdb_get(txn->get(), dbi_, &key, &value);
    if (code == MDB_NOTFOUND) return failed(refusal("the log has no commit boundary" + at(end)));
    if (code != 0) return failed(env_.failure(code, "finding a commit"));
  }
  while (left.end > end) {
    const auto slice = back_slice(end);
    if (!slice) return failed(slice.error());
    if (slice->commits.empty()) return failed(corrupt("commits are missing" + at(end)));
    left.end = slice->next;
    left.bytes -= slice->bytes;
    if (auto dropped = with_more_room([&] { return drop(*slice, left); }); !dropped) return dropped;
    publish(left);
  }
  return {};
}

Result<void, StoreFailure> LmdbLog::Body::free_before(Position position) {
  const std::lock_guard writing(writing_mutex_);
  LogBounds left = bounds();
  bool freed = false;
  for (;;) {
    const auto slice = front_slice(position);
    if (!slice) return failed(slice.error());
    if (slice->commits.empty()) break;
    left.first = slice->next;
    left.bytes -= slice->bytes;
    if (auto dropped = with_more_room([&] { return drop(*slice, left); }); !dropped) return dropped;
    publish(left);
    freed = true;
  }
  // LMDB reuses a transaction's pages two transactions later. Slices serve each other; the last one is served here, so
  // that an append which found the store full finds room after this call.
  for (int served = 0; freed && served < 2; ++served)
    if (auto written = with_more_room([&] { return write_front(left); }); !written) return written;
  return {};
}

// ---- the log's face

LmdbLog::LmdbLog(std::unique_ptr<Body> body) : body_(std::move(body)) {}
LmdbLog::~LmdbLog() = default;

Result<std::unique_ptr<LmdbLog>, StoreFailure> LmdbLog::open(Options options) {
  const Missing missing = options.create == Options::Create::kAllowed ? Missing::kCreate : Missing::kRefuse;
  auto env = LmdbEnv::open({.file = options.file,
                            .map_bytes = options.map_bytes,
                            .missing = missing,
                            .pages = PagesToCheck::kEdges,
                            .make_room = options.make_room});
  if (!env) return failed(env.error());
  auto body = std::make_unique<Body>(std::move(options), std::move(*env));
  if (auto loaded = body->load(); !loaded) return failed(loaded.error());
  return std::unique_ptr<LmdbLog>(new LmdbLog(std::move(body)));
}

LogBounds LmdbLog::bounds() const { return body_->bounds(); }
std::string LmdbLog::name() const { return body_->name(); }
Result<void, StoreFailure> LmdbLog::append(std::span<const core::Commit> commits) { return body_->append(commits); }
Result<std::vector<core::Commit>, StoreFailure> LmdbLog::read(Position from, std::size_t bytes_max) const {
  return body_->read(from, bytes_max);
}
Result<void, StoreFailure> LmdbLog::scan(Position from, std::size_t bytes_max, const Visit& visit) const {
  return body_->scan(from, bytes_max, visit);
}
Result<void, StoreFailure> LmdbLog::truncate_after(Position end) { return body_->truncate_after(end); }
Result<void, StoreFailure> LmdbLog::free_before(Position position) { return body_->free_before(position); }
bool LmdbLog::preallocate() { return body_->preallocate(); }

}  // namespace takt::store
