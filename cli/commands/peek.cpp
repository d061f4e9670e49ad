// takt peek TOPIC: messages as they stand, without leasing them.

#include <algorithm>
#include <limits>

#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/reader.h"

namespace takt::cli {
namespace {

struct Arguments {
  std::string topic;
  std::string from = "start";
  std::string count = "10";
  std::string priority;
};

void declare(CLI::App& command, Arguments& given) {
  command.footer(R"(takt peek photos
takt peek photos --from end -n 3
takt peek photos --from 5000 --priority 7
takt peek photos -n 1000 -o json)");
  command.add_option("TOPIC", given.topic, "Name of the topic")->type_name("")->required();
  command.add_option("--from", given.from, "An offset as in the column OFFSET, start (earliest retained) or end (the last ones)")
      ->type_name("N|start|end")
      ->capture_default_str();
  command.add_option("-n,--number", given.count, "At most so many messages per priority")->type_name("N")->capture_default_str();
  command.add_option("--priority", given.priority, "Only this lane, 0 to 7; all when left out (0 with --from N)")->type_name("N");
}

constexpr std::string_view title = "OFFSET  MESSAGE\n";
constexpr std::size_t offset_width = 6;  // of the title's first word

std::string row_of(const SeenMessage& seen) {
  std::string offset = std::to_string(seen.message.offset);
  offset.insert(0, offset_width - std::min(offset_width, offset.size()), ' ');
  offset += "  ";
  const std::size_t width = payload_width();
  const bool is_bounded = width != std::numeric_limits<std::size_t>::max();
  return offset + line_of(seen, is_bounded ? width - std::min(width, offset.size()) : width) + "\n";
}

Result<ExitCode, Failure> run(const Arguments& given, const Environment& environment) {
  const auto from = parse_start_point("--from", given.from);
  if (!from) return failed(from.error());
  const auto count = parse_whole("-n", given.count, 1, 1'000'000);
  if (!count) return failed(count.error());
  std::optional<std::uint8_t> priority;
  if (!given.priority.empty()) {
    const auto lane = parse_whole("--priority", given.priority, 0, 7);
    if (!lane) return failed(lane.error());
    priority = static_cast<std::uint8_t>(*lane);
  } else if (from->kind == StartPoint::Kind::kOffset) {
    priority = std::uint8_t{0};  // offsets belong to a lane
  }

  auto connection = connect_admin(environment);
  if (!connection) return failed(connection.error());
  Admin& admin = connection->admin;
  if (const auto found = list_groups(environment, admin, given.topic); !found) return failed(found.error());
  const Console& console = environment.console;
  std::size_t shown = 0;
  for (Cursor& cursor : cursors_of(given.topic, connection->broker.partitions, priority)) {
    cursor.next = from->offset;
    const auto seen = from->kind == StartPoint::Kind::kEnd ? read_last(environment, admin, cursor, *count)
                                                           : read_from(environment, admin, cursor, *count);
    if (!seen) return failed(seen.error());
    for (const SeenMessage& message : *seen) {
      if (!console.is_writable()) return ExitCode::kOk;
      if (console.format == Format::kJson) {
        console.write_line(document_of(message));
      } else {
        if (shown == 0) console.write(title);
        console.write(row_of(message));
      }
      ++shown;
    }
  }
  if (shown == 0 && console.format == Format::kTable) console.note("no messages there");
  return ExitCode::kOk;
}

}  // namespace

void add_peek(CLI::App& app, Action& action) {
  add_command<Arguments>(app, action, "peek", "Look at a topic's messages; nothing is leased, acked or changed", &declare, &run);
}

}  // namespace takt::cli
