// links: takt_store takt_core
// The write-ahead file. An input whose first byte is odd is the file as a disk may hand it over; an even one is a row of
// calls, crashes that leave any sectors of the last append, and damage. What is found again are the commits that were
// appended, in order, up to some point; without damage all of them, but for an append that was not finished.

#include <cstring>
#include <fstream>
#include <iterator>

#include "broker/store/wal.h"
#include "proto/check.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/place.h"

namespace {

using namespace takt;
using namespace takt::store;

constexpr std::uint32_t blocks = 12;
constexpr std::size_t sector_bytes = 512;
constexpr core::PartitionUuid uuid{std::byte{5}};

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Run {
 public:
  explicit Run(const fuzz::Place& place) : place_(place) {
    std::filesystem::remove(place.file());
    reopen();
  }

  void append(fuzz::Input& input) {
    const std::vector<core::Commit> commits = draw(input);
    if (!wal_->has_room(Wal::blocks_of(commits))) return;
    check(wal_->append(commits).has_value(), "there is room in memory");
    kept_.insert(kept_.end(), commits.begin(), commits.end());
    ends_of_appends_.push_back(kept_.back().end);
  }
  void release(fuzz::Input& input) {
    if (kept_.empty()) return;
    const std::size_t count = input.byte() % kept_.size() + 1;
    wal_->release(kept_[count - 1].end);
    begin_ = kept_[count - 1].end;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  void wipe() {
    check(wal_->wipe().has_value(), "there is room in memory");
    keep({});
  }
  /// Any sectors of an append are on the disk, and of what a start after it wrote anew, then the machine stops.
  void tear(fuzz::Input& input) {
    std::string content = read_file(place_.file());
    append(input);
    if (input.byte() % 2 == 0) reopen();
    const std::string whole = read_file(place_.file());
    for (std::size_t at = 0; at < whole.size(); at += sector_bytes)
      if (whole.compare(at, sector_bytes, content, at, sector_bytes) != 0 && input.byte() % 2 == 0)
        content.replace(at, sector_bytes, whole, at, sector_bytes);
    place_.write(content.data(), content.size());
    reopen(Tail::kMayMiss);
  }
  void damage(fuzz::Input& input) {
    std::string content = read_file(place_.file());
    content[(std::size_t{input.number()} << 4 | input.byte()) % content.size()] ^= static_cast<char>(input.byte() | 1);
    place_.write(content.data(), content.size());
    wal_.reset();
    auto opened = Wal::open({.file = place_.file(), .partition = uuid, .create = Wal::Options::Create::kRefuse});
    if (!opened) return start_anew();
    const auto found = (*opened)->recover(begin_);
    if (!found) return start_anew();
    check_found(*found);
    check(found->size() == kept_.size() || ends_before_last(*found), "damage costs the last append, or is told");
    keep(*found);
    wal_ = std::move(*opened);
  }

  enum class Tail { kIsWhole, kMayMiss };
  void reopen(Tail tail = Tail::kIsWhole) {
    wal_.reset();
    auto opened = Wal::open({.file = place_.file(), .partition = uuid, .blocks = blocks});
    check(opened.has_value(), "a sound file opens");
    wal_ = std::move(*opened);
    const auto found = wal_->recover(begin_);
    check(found.has_value(), "a sound file is read");
    check_found(*found);
    check(found->size() == kept_.size() || (tail == Tail::kMayMiss && ends_before_last(*found)), "nothing confirmed is lost");
    keep(*found);
  }

 private:
  std::vector<core::Commit> draw(fuzz::Input& input) {
    Position end = kept_.empty() ? begin_ : kept_.back().end;
    std::vector<core::Commit> commits;
    for (int left = input.byte() % 4; left >= 0; --left) {
      const std::size_t bytes = input.number() % 10'000 + 1;
      const auto value = std::make_shared_for_overwrite<std::byte[]>(bytes);
      std::memset(value.get(), static_cast<int>(end.value * 7 + 1), bytes);
      commits.push_back({.first = end, .end = end.plus(input.byte() + 1u), .value = {.owner = value, .bytes = {value.get(), bytes}}});
      end = commits.back().end;
    }
    return commits;
  }
  /// All but the last append, of which the log may have a part already.
  bool ends_before_last(const std::vector<core::Commit>& found) const {
    const Position end = found.empty() ? begin_ : found.back().end;
    const auto appends = static_cast<std::ptrdiff_t>(ends_of_appends_.size());
    return appends > 0 && end == std::max(begin_, appends > 1 ? ends_of_appends_[ends_of_appends_.size() - 2] : Position(0));
  }
  void keep(const std::vector<core::Commit>& commits) {
    const Position end = commits.empty() ? begin_ : commits.back().end;
    std::erase_if(ends_of_appends_, [end](Position append) { return append > end; });
    kept_ = commits;
  }
  void check_found(const std::vector<core::Commit>& found) const {
    check(found.size() <= kept_.size(), "nothing is found that was not appended");
    for (std::size_t i = 0; i < found.size(); ++i) {
      const ByteView mine = kept_[i].value.bytes, theirs = found[i].value.bytes;
      check(found[i].first == kept_[i].first && found[i].end == kept_[i].end && mine.size() == theirs.size() &&
                std::memcmp(mine.data(), theirs.data(), mine.size()) == 0,
            "what is found was appended");
    }
  }
  void start_anew() {
    std::filesystem::remove(place_.file());
    keep({});
    reopen();
  }

  const fuzz::Place& place_;
  std::unique_ptr<Wal> wal_;
  std::vector<core::Commit> kept_;   ///< what recover must find
  std::vector<Position> ends_of_appends_;
  Position begin_;                   ///< where the log behind it ends
};

void read_raw(const fuzz::Place& place, fuzz::Input& input) {
  const std::string_view content = input.rest();
  place.write(content.data(), content.size());
  const auto wal = Wal::open({.file = place.file(), .partition = uuid, .create = Wal::Options::Create::kRefuse});
  if (!wal) return check(!wal.error().message.empty(), "a refusal says why");
  Position end;
  if (const auto found = (*wal)->recover(end))
    for (const core::Commit& commit : *found) check(commit.first == std::exchange(end, commit.end), "commits follow each other");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Place place("log.wal");
  fuzz::Input input(data, size);
  if (input.byte() % 2 == 1) {
    read_raw(place, input);
    return 0;
  }
  Run run(place);
  for (int calls = 0; calls < 60 && !input.is_empty(); ++calls) {
    switch (input.byte() % 8) {
      case 0: run.release(input); break;
      case 1: run.reopen(); break;
      case 2: run.tear(input); break;
      case 3: run.damage(input); break;
      case 4: calls % 8 == 0 ? run.wipe() : run.append(input); break;
      default: run.append(input);
    }
  }
  run.reopen();
  return 0;
}
