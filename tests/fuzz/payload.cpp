// links: takt_cli_parts takt takt_proto
// Payloads: any bytes for a typed handler and for the eyes of a person, any text as the JSON that somebody sends. What is
// sent as JSON is shown as the same JSON.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/payload.h"
#include "proto/check.h"
#include "takt/message.h"
#include "tests/fuzz/input.h"

namespace {

struct Job {
  static constexpr std::string_view kind = "fuzz.job";
  std::string path;
  std::int32_t width = 0;
  std::vector<double> parts;
  std::map<std::string, std::uint8_t> counts;
  std::optional<bool> is_urgent;
  MSGPACK_DEFINE_MAP(path, width, parts, counts, is_urgent)
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace takt;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto job = unpack_payload<Job>(bytes); !job) check(!job.error().message.empty(), "a refusal says why");
  const cli::Rendered shown = cli::render_payload(bytes);
  check(cli::payload_line(shown, 60).find('\n') == std::string::npos, "one line");

  const auto packed = cli::msgpack_from_json("stdin", {reinterpret_cast<const char*>(data), size});
  if (!packed) return 0;
  const cli::Rendered again = cli::render_payload(*packed);
  check(again.form == cli::Rendered::Form::kMsgpack, "what was JSON is shown as a document");
  const auto repacked = cli::msgpack_from_json("stdin", again.value.dump());
  check(repacked && *repacked == *packed, "JSON survives its way");
  return 0;
}
