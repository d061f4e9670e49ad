#include "broker/store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "broker/store/file.h"
#include "broker/store/lmdb_tables.h"
#include "broker/store/wal_log.h"

namespace takt::store {
namespace {

namespace fs = std::filesystem;
using Kind = StoreFailure::Kind;

constexpr const char* lock_name = "lock";
constexpr const char* identity_name = "identity.toml";
constexpr const char* new_identity_name = "identity.toml.new";
constexpr unsigned partitions_max = 1024;

Result<std::string, StoreFailure> read_text(const fs::path& path) {
  const File file(path, O_RDONLY);
  if (!file.is_open()) return failed(system_failure(path, "open it", errno));
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t n = ::read(file.get(), part.data(), part.size());
    if (n < 0) return failed(system_failure(path, "read it", errno));
    if (n == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
    if (text.size() > 1024 * 1024)
      return failed(StoreFailure{Kind::kCorrupt, path.string() + " is larger than anything that takt writes there"});
  }
}

Result<void, StoreFailure> write_text(const File& file, const fs::path& path, std::string_view text) {
  const int code = file.write_at(0, {{const_cast<char*>(text.data()), text.size()}});
  if (code != 0) return failed(system_failure(path, "write it", code));
  return {};
}

Result<void, StoreFailure> write_synced(const fs::path& path, std::string_view text) {
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.is_open()) return failed(system_failure(path, "make it", errno));
  if (auto written = write_text(file, path, text); !written) return written;
  if (::fsync(file.get()) != 0) return failed(system_failure(path, "sync it", errno));
  return sync_folder(path.parent_path());
}

Result<core::PartitionUuid, StoreFailure> random_uuid() {
  core::PartitionUuid uuid;
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
    return failed(StoreFailure{Kind::kIo, "the kernel gives no random bytes for the partition's uuid"});
  uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x40};
  uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80};
  return uuid;
}

/// Which kind of folder this is, from the names in it.
enum class Content { kFresh, kInterrupted, kOurs, kForeign };
struct Listing {
  Content content = Content::kFresh;
  std::string stranger;   ///< of kForeign: a name that we would not have put there
};

Result<Listing, StoreFailure> look_into(const fs::path& path) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  if (error) return failed(system_failure(path, "list the folder", error.value()));
  Listing listing;
  bool ours = false;
  bool interrupted = false;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) return failed(system_failure(path, "list the folder", error.value()));
    const std::string name = entries->path().filename().string();
    if (name == identity_name)
      ours = true;
    else if (name == new_identity_name)
      interrupted = true;
    else if (name != lock_name && name != "lost+found" && (listing.stranger.empty() || name < listing.stranger))
      listing.stranger = name;
  }
  listing.content = ours                       ? Content::kOurs
                    : interrupted              ? Content::kInterrupted
                    : listing.stranger.empty() ? Content::kFresh
                                               : Content::kForeign;
  return listing;
}

fs::path partition_path(const fs::path& folder, std::size_t index) { return folder / ("partition-" + std::to_string(index)); }

/// Without ballast: of a folder that is being made.
Result<DataFolder::Partition, StoreFailure> open_partition(const DataFolder::Options& options, const core::PartitionUuid& uuid,
                                                           std::size_t index, Ballast* ballast) {
  const fs::path path = partition_path(options.path, index);
  const bool create = ballast == nullptr;
  const auto make_room = [ballast] { return ballast != nullptr && ballast->give_up(); };
  auto log = WalLog::open({.log = {.file = path / "log.mdb",
                                   .partition = uuid,
                                   .map_bytes = options.map_bytes,
                                   .create = create ? LmdbLog::Options::Create::kAllowed : LmdbLog::Options::Create::kRefuse,
                                   .make_room = make_room},
                           .drain_bytes = options.drain_bytes});
  if (!log) return failed(log.error());
  auto tables = LmdbTables::open({.file = path / "tables.mdb",
                                  .partition = uuid,
                                  .map_bytes = options.map_bytes,
                                  .create = create ? LmdbTables::Options::Create::kAllowed : LmdbTables::Options::Create::kRefuse,
                                  .make_room = make_room});
  if (!tables) return failed(tables.error());
  const LogBounds bounds = (*log)->bounds();
  const Position applied = (*tables)->applied();
  if (applied > bounds.end || applied < bounds.first)
    return failed(StoreFailure{Kind::kCorrupt, path.string() + ": the tables stand at position " + std::to_string(applied.value) +
                                                   " and the log holds " + std::to_string(bounds.first.value) + " to " +
                                                   std::to_string(bounds.end.value) +
                                                   ": its files are not of one time; restore all of them from one backup"});
  return DataFolder::Partition{.uuid = uuid, .log = std::move(*log), .tables = std::move(*tables)};
}

/// identity.toml comes last and at once, so a folder with it is whole; until then identity.toml.new says whose attempt it is.
Result<FolderIdentity, StoreFailure> make_folder(const DataFolder::Options& options) {
  FolderIdentity identity;
  for (unsigned index = 0; index < options.partitions.value_or(1); ++index) {
    const auto uuid = random_uuid();
    if (!uuid) return failed(uuid.error());
    identity.partitions.push_back(*uuid);
  }
  const fs::path unfinished = options.path / new_identity_name;
  if (auto written = write_synced(unfinished, render_identity(identity)); !written) return failed(written.error());
  for (std::size_t index = 0; index < identity.partitions.size(); ++index) {
    const fs::path path = partition_path(options.path, index);
    std::error_code error;
    fs::remove_all(path, error);   // of an attempt that was interrupted: nothing was ever served from it
    if (::mkdir(path.c_str(), 0750) != 0) return failed(system_failure(path, "make the folder", errno));
    if (auto made = open_partition(options, identity.partitions[index], index, nullptr); !made) return failed(made.error());
    if (auto synced = sync_folder(path); !synced) return failed(synced.error());
  }
  const fs::path finished = options.path / identity_name;
  if (::rename(unfinished.c_str(), finished.c_str()) != 0) return failed(system_failure(finished, "put it in place", errno));
  if (auto synced = sync_folder(options.path); !synced) return failed(synced.error());
  return identity;
}

Result<FolderIdentity, StoreFailure> read_folder(const DataFolder::Options& options) {
  const fs::path file = options.path / identity_name;
  const auto text = read_text(file);
  if (!text) return failed(text.error());
  auto identity = parse_identity(*text, file.string());
  if (!identity) return failed(identity.error());
  if (options.partitions && *options.partitions != identity->partitions.size())
    return failed(StoreFailure{Kind::kForeign, options.path.string() + " was made with " + std::to_string(identity->partitions.size()) +
                                                   " partition(s) and the configuration says " + std::to_string(*options.partitions) +
                                                   ": the number is fixed when the folder is made; set partitions = " +
                                                   std::to_string(identity->partitions.size())});
  return identity;
}

Result<void, StoreFailure> refuse_network(const fs::path& path) {
  struct statfs figures{};
  if (::statfs(path.c_str(), &figures) != 0) return failed(system_failure(path, "look at its file system", errno));
  if (const auto name = network_filesystem(static_cast<long>(figures.f_type)))
    return failed(StoreFailure{Kind::kForeign, path.string() + " lies on " + std::string(*name) +
                                                   ", where the store's map and locks can't be trusted: choose a folder on a local disk"});
  return {};
}

Result<void, StoreFailure> refuse_foreign(const fs::path& path, const Listing& listing) {
  if (listing.content != Content::kForeign) return {};
  return failed(StoreFailure{Kind::kForeign, path.string() + " is not a takt data folder: it holds " + listing.stranger +
                                                 " and no identity.toml; choose an empty or a new folder"});
}

}  // namespace

// ---- the lock

class DataFolder::Lock {
 public:
  explicit Lock(File file) : file_(std::move(file)) {}

 private:
  File file_;   // flock ends when it closes
};

namespace {

Result<std::unique_ptr<DataFolder::Lock>, StoreFailure> take_lock(const fs::path& folder) {
  const fs::path path = folder / lock_name;
  File file(path, O_RDWR | O_CREAT);
  if (!file.is_open()) return failed(system_failure(path, "open the lock", errno));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(system_failure(path, "lock it", errno));
    const auto holder = read_text(path);
    const std::string who =
        holder && !holder->empty() ? "process " + holder->substr(0, holder->find('\n')) : std::string("another process");
    return failed(
        StoreFailure{Kind::kLocked, folder.string() + " is in use by " + who + ": stop that taktd first or choose another data folder"});
  }
  if (::ftruncate(file.get(), 0) != 0) return failed(system_failure(path, "write it", errno));
  if (auto written = write_text(file, path, std::to_string(::getpid()) + "\n"); !written) return failed(written.error());
  return std::make_unique<DataFolder::Lock>(std::move(file));
}

}  // namespace

// ---- the folder

DataFolder::DataFolder() = default;
DataFolder::DataFolder(DataFolder&&) noexcept = default;
DataFolder& DataFolder::operator=(DataFolder&& other) noexcept {
  partitions = std::move(other.partitions);   // ours close while our lock still holds
  ballast = std::move(other.ballast);
  lock = std::move(other.lock);
  options = std::move(other.options);
  identity = std::move(other.identity);
  return *this;
}
DataFolder::~DataFolder() = default;

Result<DataFolder, StoreFailure> DataFolder::open(const Options& options) {
  if (options.partitions && (*options.partitions == 0 || *options.partitions > partitions_max))
    return failed(StoreFailure{Kind::kForeign, "partitions = " + std::to_string(*options.partitions) + ": 1 to 1024 are possible"});
  std::error_code error;
  fs::create_directories(options.path, error);
  if (error) return failed(system_failure(options.path, "make the data folder", error.value()));
  if (auto local = refuse_network(options.path); !local) return failed(local.error());
  auto listing = look_into(options.path);   // before the lock file is made: a stranger's folder stays untouched
  if (!listing) return failed(listing.error());
  if (auto known = refuse_foreign(options.path, *listing); !known) return failed(known.error());

  auto lock = take_lock(options.path);
  if (!lock) return failed(lock.error());
  DataFolder folder;
  folder.lock = std::move(*lock);
  folder.options = options;
  listing = look_into(options.path);   // another process may have made the folder before it let go of the lock
  if (!listing) return failed(listing.error());
  auto identity = listing->content == Content::kOurs ? read_folder(options) : make_folder(options);
  if (!identity) return failed(identity.error());
  folder.identity = std::move(*identity);
  folder.ballast = std::make_unique<Ballast>(options.path, options.ballast_bytes);
  for (std::size_t index = 0; index < folder.identity.partitions.size(); ++index) {
    auto partition = open_partition(options, folder.identity.partitions[index], index, folder.ballast.get());
    if (!partition) return failed(partition.error());
    folder.partitions.push_back(std::move(*partition));
  }
  return folder;
}

Result<void, StoreFailure> DataFolder::reopen(std::size_t index) {
  Partition& partition = partitions.at(index);
  partition.log.reset();
  partition.tables.reset();
  auto opened = open_partition(options, partition.uuid, index, ballast.get());
  if (!opened) return failed(opened.error());
  partition = std::move(*opened);
  return {};
}

// ---- identity.toml and names

std::optional<std::string_view> network_filesystem(long magic) {
  struct Known {
    long magic;
    std::string_view name;
  };
  // Numbers: statfs(2) and linux/magic.h.
  static constexpr std::array known = {Known{0x6969, "NFS"},        Known{0xFF534D42, "CIFS"},  Known{0xFE534D42, "SMB"},
                                       Known{0x517B, "SMB"},        Known{0x65735546, "FUSE"},  Known{0x01021997, "9P"},
                                       Known{0x00C36400, "Ceph"},   Known{0x5346414F, "AFS"},   Known{0x6B414653, "AFS"},
                                       Known{0x0BD00BD0, "Lustre"}, Known{0x7461636F, "OCFS2"}, Known{0x01161970, "GFS2"},
                                       Known{0x73757245, "Coda"},   Known{0x564C, "NCP"},       Known{0x47504653, "GPFS"}};
  const auto* found = std::ranges::find(known, magic & 0xFFFFFFFFL, &Known::magic);
  return found == known.end() ? std::nullopt : std::optional(found->name);
}

std::string uuid_text(const core::PartitionUuid& uuid) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[std::to_integer<unsigned>(uuid[i]) >> 4];
    text += digits[std::to_integer<unsigned>(uuid[i]) & 15];
  }
  return text;
}

namespace {

std::optional<core::PartitionUuid> parse_uuid(std::string_view text) {
  core::PartitionUuid uuid;
  std::string digits;
  for (const char c : text)
    if (c != '-') digits += c;
  if (digits.size() != 32) return std::nullopt;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, byte, 16);
    if (error != std::errc() || end != digits.data() + 2 * i + 2) return std::nullopt;
    uuid[i] = static_cast<std::byte>(byte);
  }
  return uuid_text(uuid) == text ? std::optional(uuid) : std::nullopt;
}

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string render_identity(const FolderIdentity& identity) {
  std::string text = "# A takt data folder. Written once by taktd; changing it makes the folder unreadable.\n";
  text += "format = " + std::to_string(identity.version) + "\n";
  text += "partitions = " + std::to_string(identity.partitions.size()) + "\n";
  for (std::size_t index = 0; index < identity.partitions.size(); ++index)
    text += "partition." + std::to_string(index) + " = \"" + uuid_text(identity.partitions[index]) + "\"\n";
  return text;
}

Result<FolderIdentity, StoreFailure> parse_identity(std::string_view text, std::string_view file) {
  const auto damaged = [&](unsigned line, std::string_view what) {
    return failed(StoreFailure{Kind::kCorrupt, std::string(file) + ", line " + std::to_string(line) + ": " + std::string(what) +
                                                   "; restore the file from a backup"});
  };
  FolderIdentity identity{.version = 0, .partitions = {}};
  std::optional<unsigned> count;
  unsigned line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const auto line = text.substr(0, text.find('\n'));
    if (line.size() == text.size()) return damaged(line_number, "the file is cut off");
    text.remove_prefix(line.size() + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find(" = ");
    if (equals == std::string_view::npos) return damaged(line_number, "expected `name = value`");
    const auto name = line.substr(0, equals);
    const auto value = line.substr(equals + 3);
    if (identity.version == 0) {
      const auto version = parse_number(value);
      if (name != "format" || !version || *version == 0) return damaged(line_number, "expected `format = NUMBER`");
      if (*version > data_folder_version)
        return failed(StoreFailure{Kind::kForeign, std::string(file) + ": data folder format " + std::to_string(*version) +
                                                       ", this takt reads up to " + std::to_string(data_folder_version) +
                                                       ": start the newer takt that wrote it"});
      identity.version = *version;
    } else if (!count) {
      count = parse_number(value);
      if (name != "partitions" || !count || *count == 0 || *count > partitions_max)
        return damaged(line_number, "expected `partitions = NUMBER`");
    } else {
      const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
      const auto uuid = quoted ? parse_uuid(value.substr(1, value.size() - 2)) : std::nullopt;
      if (name != "partition." + std::to_string(identity.partitions.size()) || !uuid)
        return damaged(line_number, "expected the next partition's uuid");
      identity.partitions.push_back(*uuid);
    }
  }
  if (!count || identity.partitions.size() != *count) return damaged(line_number, "the partitions are not as many as the file says");
  return identity;
}

}  // namespace takt::store
