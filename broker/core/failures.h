#pragma once
// What is remembered of a message's failed attempts.

#include <string>
#include <vector>

#include "broker/core/bytes.h"
#include "proto/time.h"

namespace takt::core {

struct Failure {
  WallTime time{};
  std::string worker;         ///< its name
  std::uint32_t code = 0;
  std::string text;
};

/// What is kept of a failure's text and of its worker's name; no half character at the end.
std::string kept_text(std::string text);
std::string kept_worker(std::string name);

/// The last attempts of a message, oldest first. Of those before the last the texts are cut further: a row stays inline.
class Failures {
 public:
  void add(Failure failure);
  const std::vector<Failure>& list() const { return list_; }
  void append_to(ByteWriter& out) const;
  /// False: they are not what append_to() gives.
  [[nodiscard]] bool read(ByteReader& in);

 private:
  std::vector<Failure> list_;
};

}  // namespace takt::core
