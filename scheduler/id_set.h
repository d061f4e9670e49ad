#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace takt::scheduler {

/// A set of numbers that come rising and go in any order, such as log positions. Containers of 8,192 ids, each a sorted list
/// while it has few and a bitmap when it has many, so an id takes 2 bytes at most and a bit where they are dense.
/// Thread: its owner's.
class IdSet {
 public:
  static constexpr std::uint64_t container_ids = 8192;

  bool contains(std::uint64_t id) const;
  /// False: it is there already.
  bool add(std::uint64_t id);
  /// False: it is not there.
  bool remove(std::uint64_t id);
  std::uint64_t size() const { return size_; }
  /// Of a set that is not empty.
  std::uint64_t lowest() const;
  std::size_t bytes() const;

  /// A stored container: at `index` (id / 8,192) `value`, at most 1,026 bytes, or its row goes.
  struct Row {
    std::uint64_t index = 0;
    std::optional<std::string> value;
  };
  /// The containers that changed since the last call, by index.
  std::vector<Row> take_changes();
  /// Takes in a stored container. False: `value` is not what take_changes() gives.
  [[nodiscard]] bool load(std::uint64_t index, std::string_view value);

 private:
  static constexpr std::size_t list_max = 512;   // of two bytes each: what the bitmap takes
  static constexpr std::size_t words = container_ids / 64;

  /// One of the two is empty.
  struct Container {
    std::vector<std::uint16_t> list;    ///< sorted
    std::vector<std::uint64_t> bitmap;
    std::uint32_t count = 0;
  };
  static bool insert(Container& container, std::uint16_t place);
  static bool erase(Container& container, std::uint16_t place);
  static std::string encode(const Container& container);

  std::map<std::uint64_t, Container> containers_;
  std::set<std::uint64_t> changed_;
  std::uint64_t size_ = 0;
};

}  // namespace takt::scheduler
