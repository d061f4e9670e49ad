#include "broker/core/finished.h"

#include <algorithm>

namespace takt::core {

void Finished::note(Offset floor, WallTime time) {
  if (floor == Offset(0) || (!marks_.empty() && floor <= marks_.back().end)) return;
  const WallTime by(std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()));
  if (!marks_.empty() && by <= marks_.back().time) {
    marks_.back().end = floor;
    return;
  }
  marks_.push_back({floor, by});
  if (marks_.size() > marks_max) thin_out();
}

/// The mark goes whose messages lose the least by being told the next one's time, as a share of how long ago that is.
void Finished::thin_out() {
  const WallTime now = marks_.back().time;
  const auto loss = [&](std::size_t i) {
    const auto age = (now - marks_[i].time).count();
    return static_cast<double>((marks_[i + 1].time - marks_[i].time).count()) / static_cast<double>(age);
  };
  std::size_t least = 0;
  for (std::size_t i = 1; i + 1 < marks_.size(); ++i)
    if (loss(i) < loss(least)) least = i;
  marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(least));
}

std::optional<WallTime> Finished::by(Offset offset) const {
  const auto mark = std::ranges::upper_bound(marks_, offset, {}, &Mark::end);
  return mark == marks_.end() ? std::nullopt : std::optional(mark->time);
}

void Finished::append_to(ByteWriter& out) const {
  out.varint(marks_.size());
  Mark before;
  for (const Mark& mark : marks_) {
    out.varint(mark.end.value - before.end.value).signed_varint((mark.time - before.time).count());
    before = mark;
  }
}

bool Finished::read(ByteReader& in) {
  marks_.clear();
  const std::uint64_t count = in.varint();
  if (count > marks_max) return false;
  for (Mark mark; in.ok() && marks_.size() < count;) {
    mark.end = mark.end.plus(in.varint());
    mark.time += std::chrono::milliseconds(in.signed_varint());
    if (!marks_.empty() && (mark.end <= marks_.back().end || mark.time <= marks_.back().time)) return false;
    marks_.push_back(mark);
  }
  return in.ok();
}

}  // namespace takt::core
