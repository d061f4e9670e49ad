#pragma once

#include <takt/message.h>

/// A payload is a plain struct with a stable name.
struct Greeting {
  static constexpr std::string_view kind = "greeting";
  std::string name;
  int times = 1;
  MSGPACK_DEFINE_MAP(name, times)
};
