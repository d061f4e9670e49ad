#include "examples/photo/files.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace photo {
namespace {

auto io_problem(const std::filesystem::path& path, std::string_view what) {
  return problem(path.string() + " cannot be " + std::string(what) + ": " + std::strerror(errno));
}

std::filesystem::path part_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / (std::string(part_prefix) + std::to_string(::getpid()) + "-" + std::to_string(counter++));
}

/// The directory entry has to be synced as well before the name survives a crash of the machine.
Result<void> sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_problem(folder, "opened");
  const int synced = ::fsync(fd);
  ::close(fd);
  if (synced != 0) return io_problem(folder, "synced");
  return {};
}

Result<std::filesystem::path> write_part(const std::filesystem::path& path, std::string_view bytes) {
  auto part = part_beside(path);
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return io_problem(part, "created");
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      auto refused = io_problem(part, "written");
      ::close(fd);
      ::unlink(part.c_str());
      return refused;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  if (!synced) return io_problem(part, "synced");
  return part;
}

}  // namespace

std::string_view text_of(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string hash_of(std::string_view bytes) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  return text.data();
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_problem(path, "opened");
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Result<void> write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  const auto part = write_part(path, bytes);
  if (!part) return takt::failed(part.error());
  if (::rename(part->c_str(), path.c_str()) != 0) {
    auto refused = io_problem(path, "named");
    ::unlink(part->c_str());
    return refused;
  }
  return sync_folder(path.parent_path());
}

Result<bool> create_once(const std::filesystem::path& path, std::string_view bytes) {
  const auto part = write_part(path, bytes);
  if (!part) return takt::failed(part.error());
  const int linked = ::link(part->c_str(), path.c_str());
  const int reason = errno;
  ::unlink(part->c_str());
  if (linked != 0) {
    if (reason == EEXIST) return false;
    errno = reason;
    return io_problem(path, "linked");
  }
  if (auto synced = sync_folder(path.parent_path()); !synced) return takt::failed(synced.error());
  return true;
}

Result<std::size_t> remove_parts(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> parts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(part_prefix)) parts.push_back(entry.path());
  }
  for (const auto& part : parts) {
    if (!error) std::filesystem::remove(part, error);
  }
  if (error) return problem("unfinished files in " + folder.string() + " cannot be removed: " + error.message());
  return parts.size();
}

Result<void> make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return problem("folder " + path.string() + " cannot be made: " + error.message());
  return {};
}

}  // namespace photo
