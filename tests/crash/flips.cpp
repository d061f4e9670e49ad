#include "tests/crash/flips.h"

#include <algorithm>
#include <fstream>

#include "tests/crash/children.h"
#include "tests/crash/examiner.h"
#include "tests/sim/random.h"

namespace takt::crash {
namespace {

constexpr int children = 2;

FileContent content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  FileContent content;
  content.write(0, std::as_bytes(std::span(text)));
  return content;
}

constexpr std::uint64_t page_bytes = 4096;

/// Without the zeros that were written ahead.
std::size_t used_bytes(const FileContent& content) {
  const auto bytes = content.bytes();
  const auto last = std::ranges::find_if(bytes.rbegin(), bytes.rend(), [](std::byte byte) { return byte != std::byte{0}; });
  return static_cast<std::size_t>(bytes.rend() - last);
}

/// Into what LMDB itself reads of the page there, or of one of the file's first two.
std::uint64_t aimed(std::uint64_t place, sim::Random& random) {
  constexpr std::uint64_t structure_bytes = 160;
  const std::uint64_t page = random.permille(100) ? random.below(2) : place / page_bytes;
  return page * page_bytes + random.below(structure_bytes);
}

struct Flip {
  StoreFile file = StoreFile::kLog;
  std::uint64_t place = 0;
  unsigned bit = 0;

  std::string text() const {
    return std::string(name_of(file)) + ", page " + std::to_string(place / page_bytes) + ", byte " + std::to_string(place % page_bytes) +
           ", bit " + std::to_string(bit) + ": ";
  }
};

}  // namespace

FlipsReport examine_flips(const Archive& archive, const FlipsPlan& plan) {
  std::array<FileContent, store_files> files;
  for (int i = 0; i < store_files; ++i)
    files[static_cast<std::size_t>(i)] = content_of(archive.data / "partition-0" / name_of(static_cast<StoreFile>(i)));
  const Position end = archive.history.commits().back().end;
  const auto flip_of = [&](std::uint64_t seed) {
    sim::Random random(seed);
    // After a stop in order the write-ahead file holds nothing that is needed but its head.
    Flip flip{.file = random.permille(50) ? StoreFile::kWal : random.permille(500) ? StoreFile::kLog : StoreFile::kTables};
    const std::size_t size = used_bytes(files[static_cast<std::size_t>(flip.file)]);
    flip.place = random.below(size);
    if (seed % 2 == 1) flip.place = aimed(flip.place, random);
    flip.bit = static_cast<unsigned>(random.below(8));
    return flip;
  };

  FlipsReport report;
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t i = 0; i < plan.count; ++i) seeds.push_back(plan.first_seed + i);
  const auto work = [&](int child, const std::vector<std::uint64_t>& share, const Teller& teller) {
    const ImageFolder folder(archive.scratch / ("flip-" + std::to_string(child)), archive.data);
    for (const std::uint64_t seed : share) {
      const Flip flip = flip_of(seed);
      FileContent damaged = files[static_cast<std::size_t>(flip.file)];
      const std::byte flipped = damaged.bytes()[flip.place] ^ static_cast<std::byte>(1u << flip.bit);
      damaged.write(flip.place, std::span(&flipped, 1));
      for (int i = 0; i < store_files; ++i)
        folder.put(static_cast<StoreFile>(i),
                   static_cast<StoreFile>(i) == flip.file ? damaged.bytes() : files[static_cast<std::size_t>(i)].bytes());
      teller.begins(seed);
      Finding finding = examine(folder.path(), archive.history, {end, end});
      // What is not touched by reading shows when something new is written.
      if (finding.kind == Finding::Kind::kRight) finding = go_on(folder.path(), archive.history);
      teller.ended(static_cast<std::uint8_t>(finding.kind), flip.text() + finding.what);
    }
  };
  work_in_children(children, seeds, work, [&](const Outcome& outcome) {
    ++report.flips;
    const auto kind = static_cast<Finding::Kind>(outcome.verdict);
    if (outcome.signal != 0) {
      ++report.crashes;
      report.failures.push_back(
          {outcome.piece, flip_of(outcome.piece).text() + "the process died by signal " + std::to_string(outcome.signal)});
      return;
    }
    switch (kind) {
      case Finding::Kind::kRight: ++report.harmless; return;
      case Finding::Kind::kRefused: ++report.refused; return;
      case Finding::Kind::kPassedOver: ++report.passed_over; return;
      case Finding::Kind::kWrong:
        ++report.wrong;
        report.failures.push_back({outcome.piece, outcome.text});
        return;
    }
  });
  return report;
}

}  // namespace takt::crash
