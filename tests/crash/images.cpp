#include "tests/crash/images.h"

#include <algorithm>
#include <sstream>

#include "tests/crash/children.h"
#include "tests/crash/examiner.h"

namespace takt::crash {
namespace {

constexpr int children = 2;
constexpr std::uint64_t images_per_term = 4;   // on every so many-th a new term is begun
constexpr std::size_t stale_records = 200;     // so many ago, of a file that is put back

/// The disk of the recorded machine behind any record, going forward.
class Machine {
 public:
  Machine(const Archive& archive, Lie lie) : archive_(archive), lie_(lie) {}

  const Disk& go_to(std::size_t index) {
    for (; next_ <= index; ++next_) {
      const Record& record = archive_.journal.records()[next_];
      const bool is_lied_about = next_ > archive_.history.ready() && ((lie_ == Lie::kSync && record.type == RecordType::kSync) ||
                                                                      (lie_ == Lie::kWrite && record.type == RecordType::kWritten));
      if (!is_lied_about) disk_[static_cast<std::size_t>(record.file)].take(record);
    }
    return disk_;
  }

 private:
  const Archive& archive_;
  const Lie lie_;
  std::size_t next_ = 0;
  Disk disk_;
};

enum Verdict : std::uint8_t { kRight, kWrong };

struct Image {
  std::size_t cut = 0;
  std::uint64_t seed = 0;
  friend auto operator<=>(const Image&, const Image&) = default;
};

class Examiner {
 public:
  Examiner(const Archive& archive, Lie lie, const std::filesystem::path& folder)
      : archive_(archive),
        lie_(lie),
        folder_(folder, archive.data),
        machine_(archive, lie),
        stale_machine_(archive, lie) {}

  /// True: writes were pending at the cut. Cuts may not go back.
  bool lay_out(const Image& image) {
    sim::Random random(~image.seed);
    const Disk& disk = machine_.go_to(image.cut);
    for (std::size_t i = 0; i < disk.size(); ++i) folder_.put(static_cast<StoreFile>(i), after_power_loss(disk[i], random).bytes());
    if (lie_ == Lie::kStale) put_back_log(image.cut, random);
    return std::ranges::any_of(disk, [](const DiskFile& file) { return !file.pending.empty(); });
  }

  void examine(const Image& image, const Teller& teller) {
    const bool is_torn = lay_out(image);
    teller.begins(image.seed);
    Finding finding = crash::examine(folder_.path(), archive_.history, archive_.history.reach(image.cut));
    const bool goes_on = finding.kind == Finding::Kind::kRight && image.seed % images_per_term == 0;
    const std::string figures = std::to_string(is_torn) + " " + std::to_string(goes_on) + " " + std::to_string(finding.messages) + " " +
                                std::to_string(finding.carried);
    if (goes_on) finding = go_on(folder_.path(), archive_.history);
    const bool is_right = finding.kind == Finding::Kind::kRight;
    teller.ended(is_right ? kRight : kWrong, is_right ? figures : (goes_on ? "after a new term began: " : "") + finding.what);
  }

 private:
  void put_back_log(std::size_t cut, sim::Random& random) {
    const Disk& older = stale_machine_.go_to(std::max(archive_.history.ready(), cut - std::min(cut, stale_records)));
    for (const StoreFile file : {StoreFile::kLog, StoreFile::kWal})
      folder_.put(file, after_power_loss(older[static_cast<std::size_t>(file)], random).bytes());
  }

  const Archive& archive_;
  const Lie lie_;
  const ImageFolder folder_;
  Machine machine_;
  Machine stale_machine_;
};

void count(ImagesReport& report, const Outcome& outcome) {
  ++report.images;
  if (outcome.signal != 0) ++report.crashes;
  if (outcome.verdict != kRight) ++report.wrong;
  if (outcome.signal != 0 || outcome.verdict != kRight) return;
  std::istringstream words(outcome.text);
  std::uint64_t is_torn = 0, goes_on = 0, messages = 0, carried = 0;
  words >> is_torn >> goes_on >> messages >> carried;
  report.torn += is_torn;
  report.went_on += goes_on;
  report.messages += messages;
  report.carried += carried;
}

}  // namespace

Archive::Archive(const Recording& recording, std::filesystem::path scratch_folder)
    : data(recording.data),
      scratch(std::move(scratch_folder)),
      journal(recording.journal),
      history(journal, data, scratch) {}

ImagesReport examine_images(const Archive& archive, const ImagesPlan& plan) {
  ImagesReport report;
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t i = 0; i < plan.count; ++i) seeds.push_back(plan.first_seed + i);
  const auto work = [&](int child, const std::vector<std::uint64_t>& share, const Teller& teller) {
    std::vector<Image> images;
    for (const std::uint64_t seed : share) images.push_back({cut_of(seed, archive.journal, archive.history.ready()), seed});
    std::ranges::sort(images);   // the machine goes forward only
    Examiner examiner(archive, plan.lie, archive.scratch / ("image-" + std::to_string(child)));
    for (const Image& image : images) examiner.examine(image, teller);
  };
  work_in_children(children, seeds, work, [&](const Outcome& outcome) {
    count(report, outcome);
    if (outcome.signal == 0 && outcome.verdict == kRight) return;
    report.failures.push_back({outcome.piece, outcome.text + (outcome.signal == 0 ? "" : " by signal " + std::to_string(outcome.signal))});
  });
  return report;
}

void lay_out_image(const Archive& archive, std::uint64_t seed, Lie lie, const std::filesystem::path& folder) {
  Examiner(archive, lie, folder).lay_out({cut_of(seed, archive.journal, archive.history.ready()), seed});
}

}  // namespace takt::crash
