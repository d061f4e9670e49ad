#pragma once
// msgpack-c's visitor parser, kept between calls. For the codecs' own .cpp files only.

#include <cstddef>
#include <msgpack.hpp>
#include <vector>

#include "proto/shared_bytes.h"

namespace takt::proto {

/// Walks one msgpack value and calls `Visitor` for each part. msgpack::parse() would allocate its stack of open
/// containers on every call; this keeps it, so a walk in steady state allocates nothing.
template <class Visitor>
class MsgpackWalk : public msgpack::detail::context<MsgpackWalk<Visitor>> {
 public:
  struct End {
    msgpack::parse_return why;   ///< PARSE_CONTINUE: the bytes ended first; PARSE_STOP_VISITOR: the visitor refused
    std::size_t at;              ///< bytes read
  };

  End walk(ByteView bytes) {
    this->init();
    std::size_t at = 0;
    const msgpack::parse_return why = this->execute(reinterpret_cast<const char*>(bytes.data()), bytes.size(), at);
    return {why, at};
  }
  Visitor& visitor() { return visitor_; }
  const Visitor& visitor() const { return visitor_; }

 private:
  Visitor visitor_;
};

/// What msgpack's packer writes to.
struct ByteSink {
  std::vector<std::byte>& out;
  void write(const char* data, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    out.insert(out.end(), bytes, bytes + size);
  }
};

}  // namespace takt::proto
