// What is remembered of a message's failed attempts.

#include "broker/core/bytes.h"
#include "broker/core/state.h"

namespace takt::core {
namespace {

// Together they keep a row below 2,000 bytes.
constexpr std::size_t kept_max = 5;
constexpr std::size_t last_text_bytes_max = 1000;
constexpr std::size_t text_bytes_max = 100;
constexpr std::size_t worker_bytes_max = 64;

/// Without half a character at the end.
void cut(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  text.resize(bytes_max);
}

}  // namespace

void Failures::add(Failure failure) {
  cut(failure.worker, worker_bytes_max);
  cut(failure.text, last_text_bytes_max);
  if (!list_.empty()) cut(list_.back().text, text_bytes_max);
  if (list_.size() == kept_max) list_.erase(list_.begin());
  list_.push_back(std::move(failure));
}

void Failures::append_to(ByteWriter& out) const {
  out.varint(list_.size());
  for (const Failure& failure : list_)
    out.signed_varint(failure.time.time_since_epoch().count()).text(failure.worker).varint(failure.code).text(failure.text);
}

void Failures::read(ByteReader& in) {
  for (std::uint64_t n = in.varint(); in.ok() && n > 0; --n) {
    Failure& failure = list_.emplace_back();
    failure.time = WallTime(std::chrono::milliseconds(in.signed_varint()));
    failure.worker = in.text();
    failure.code = in.number<std::uint32_t>();
    failure.text = in.text();
  }
}

}  // namespace takt::core
