#pragma once
// The encoding side of fields.h.

#include <optional>
#include <string>
#include <vector>

#include "proto/fields.h"
#include "proto/msgpack_walk.h"

namespace takt::proto {

/// Packs one body. Rules are the reader's business: a field out of its bounds is refused at the other end.
class BodyWriter {
 public:
  explicit BodyWriter(msgpack::packer<ByteSink>& packer) : packer_(packer) {}

  template <class M>
  void body(const M& message) {
    write(message);
  }
  template <class T, class Rule = Any>
  void operator()(std::string_view, const T& field, const Rule& = {}) {
    write(field);
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  struct Counter {
    std::uint32_t count = 0;
    template <class T, class Rule = Any>
    void operator()(std::string_view, const T&, const Rule& = {}) {
      ++count;
    }
    void require(bool, std::string_view, std::string_view) {}
  };

  template <class M>
    requires requires(Counter& counter, const M& m) { fields(counter, m); }
  void write(const M& part) {
    Counter counter;
    fields(counter, part);
    packer_.pack_array(counter.count);
    fields(*this, part);
  }
  void write(bool field) { packer_.pack(field); }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  void write(T field) {
    packer_.pack_uint64(field);
  }
  template <class Tag, class Rep>
  void write(StrongId<Tag, Rep> field) {
    packer_.pack_uint64(field.value);
  }
  template <class E>
    requires std::is_enum_v<E>
  void write(E field) {
    packer_.pack_uint64(static_cast<std::underlying_type_t<E>>(field));
  }
  void write(const std::string& field) {
    packer_.pack_str(static_cast<std::uint32_t>(field.size()));
    packer_.pack_str_body(field.data(), static_cast<std::uint32_t>(field.size()));
  }
  template <class T>
  void write(const std::optional<T>& field) {
    if (field) {
      write(*field);
    } else {
      packer_.pack_nil();
    }
  }
  template <class T>
  void write(const std::vector<T>& field) {
    packer_.pack_array(static_cast<std::uint32_t>(field.size()));
    for (const T& entry : field) write(entry);
  }

  msgpack::packer<ByteSink>& packer_;
};

}  // namespace takt::proto
