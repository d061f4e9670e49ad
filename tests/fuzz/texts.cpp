// links: takt_cli_parts takt takt_store takt_config takt_proto
// What people and files write: quantities, times, addresses, names, ids, the data folder's identity. Anything is taken or
// refused; what is shown is read back as the same.

#include "broker/runtime/address.h"
#include "broker/runtime/quantity.h"
#include "broker/store/data_folder.h"
#include "cli/values.h"
#include "proto/check.h"
#include "proto/text.h"
#include "takt/message.h"
#include "worker-sdk/cpp/src/address.h"

namespace {

using namespace takt;

void broker_texts(std::string_view text) {
  if (const auto bytes = runtime::parse_bytes(text)) check(runtime::parse_bytes(runtime::format_bytes(*bytes)) == bytes, "sizes survive");
  if (const auto time = runtime::parse_duration(text); time && *time % std::chrono::milliseconds(1) == Duration::zero())
    check(runtime::parse_duration(runtime::format_duration(*time)) == time, "times survive");
  static_cast<void>(runtime::parse_count(text));
  for (const auto parse : {runtime::parse_endpoint, runtime::parse_host_port})
    if (const auto address = parse(text)) static_cast<void>(runtime::is_loopback(*address));
  static_cast<void>(runtime::most_like(text.substr(0, 100), {"limits.connections", "listen"}));
  if (const auto identity = store::parse_identity(text, "identity.toml")) {
    const auto again = store::parse_identity(store::render_identity(*identity), "identity.toml");
    check(again && again->partitions == identity->partitions, "an identity survives");
  }
}

void client_texts(std::string_view text) {
  static_cast<void>(sdk::parse_address(text));
  if (const auto id = MessageId::parse(text)) check(MessageId::parse(id->text()) == id, "ids survive");
  static_cast<void>(cli::parse_whole("--x", text, 0, 1'000));
  static_cast<void>(cli::parse_duration("--x", text));
  static_cast<void>(cli::parse_bytes("--x", text));
  static_cast<void>(cli::parse_attribute(text));
  static_cast<void>(cli::parse_start_point("--x", text));
  check(is_utf8(quote(text)), "what is shown of a stranger's text is text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  broker_texts(text);
  client_texts(text);
  return 0;
}
