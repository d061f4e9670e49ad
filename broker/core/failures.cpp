#include "broker/core/failures.h"

#include "proto/limits.h"

namespace takt::core {
namespace {

// Together they keep a row below 2,000 bytes.
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

std::string kept_text(std::string text) {
  cut(text, last_text_bytes_max);
  return text;
}

std::string kept_worker(std::string name) {
  cut(name, worker_bytes_max);
  return name;
}

void Failures::add(Failure failure) {
  failure.worker = kept_worker(std::move(failure.worker));
  failure.text = kept_text(std::move(failure.text));
  if (!list_.empty()) cut(list_.back().text, text_bytes_max);
  if (list_.size() == limits::kept_failures_max) list_.erase(list_.begin());
  list_.push_back(std::move(failure));
}

void Failures::append_to(ByteWriter& out) const {
  out.varint(list_.size());
  for (const Failure& failure : list_)
    out.signed_varint(failure.time.time_since_epoch().count()).text(failure.worker).varint(failure.code).text(failure.text);
}

bool Failures::read(ByteReader& in) {
  std::uint64_t n = in.varint();
  if (n > limits::kept_failures_max) return false;
  for (; in.ok() && n > 0; --n) {
    Failure& failure = list_.emplace_back();
    failure.time = WallTime(std::chrono::milliseconds(in.signed_varint()));
    failure.worker = in.text();
    failure.code = in.number<std::uint32_t>();
    failure.text = in.text();
  }
  return in.ok();
}

}  // namespace takt::core
