#include "cli/reader.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "proto/ids.h"

namespace takt::cli {
namespace {

constexpr std::uint32_t page_messages_max = 1'000;

Json value_of(const Attribute& attribute) {
  return std::visit([](const auto& value) { return Json(value); }, attribute);
}

std::string text_of(const Attribute& attribute) {
  const auto* text = std::get_if<std::string>(&attribute);
  return printable(text != nullptr ? *text : value_of(attribute).dump());
}

std::span<const std::byte> bytes_of(const std::string& payload) { return std::as_bytes(std::span(payload)); }

}  // namespace

std::vector<Cursor> cursors_of(const std::string& topic, std::uint32_t partitions, std::optional<std::uint8_t> priority) {
  std::vector<Cursor> cursors;
  for (int lane = lane_count - 1; lane >= 0; --lane) {
    const auto wanted = static_cast<std::uint8_t>(lane);
    if (priority && *priority != wanted) continue;
    for (std::uint32_t partition = 0; partition < partitions; ++partition) {
      cursors.push_back({.topic = topic, .partition = partition, .priority = wanted});
    }
  }
  return cursors;
}

Result<std::vector<SeenMessage>, Failure> read_from(const Environment& environment, Admin& admin, Cursor& cursor, std::uint64_t count) {
  std::vector<SeenMessage> seen;
  while (seen.size() < count) {
    const auto most = static_cast<std::uint32_t>(std::min<std::uint64_t>(count - seen.size(), page_messages_max));
    auto page = admin.peek(
        {.topic = cursor.topic, .partition = cursor.partition, .priority = cursor.priority, .from = cursor.next, .messages_max = most});
    if (!page) return failed(explain(environment, page.error()));
    const bool advanced = page->next > cursor.next;
    cursor.next = std::max(cursor.next, page->next);
    for (PeekedMessage& message : page->messages) seen.push_back({std::move(message), cursor.priority});
    if (!advanced || cursor.next >= page->end) break;
  }
  return seen;
}

Result<std::vector<SeenMessage>, Failure> read_last(const Environment& environment, Admin& admin, Cursor& cursor, std::uint64_t count) {
  const auto page = admin.peek(
      {.topic = cursor.topic, .partition = cursor.partition, .priority = cursor.priority, .from = std::nullopt, .messages_max = 1});
  if (!page) return failed(explain(environment, page.error()));
  cursor.next = page->end > count ? page->end - count : 0;
  if (count == 0) return std::vector<SeenMessage>{};
  return read_from(environment, admin, cursor, count);
}

Json document_of(const SeenMessage& seen) {
  const PeekedMessage& message = seen.message;
  Json attributes = Json::object();
  for (const auto& [name, value] : message.attributes) attributes[name] = value_of(value);
  const Rendered payload = render_payload(bytes_of(message.payload));
  return {{"id", message.id.text()},
          {"offset", message.offset},
          {"priority", seen.priority},
          {"kind", message.kind},
          {"tags", message.tags},
          {"attributes", std::move(attributes)},
          {"content_type", message.content_type},
          {"payload", payload.value},
          {"payload_form", form_name(payload.form)},
          {"payload_bytes", message.payload.size()}};
}

std::string line_of(const SeenMessage& seen, std::size_t payload_width) {
  const PeekedMessage& message = seen.message;
  std::string text = message.id.text() + "  " + printable(message.kind);
  if (seen.priority > 0) text += "  priority=" + std::to_string(seen.priority);
  for (const auto& tag : message.tags) text += "  #" + printable(tag);
  for (const auto& [name, value] : message.attributes) text += "  " + printable(name) + "=" + text_of(value);
  const std::size_t used = width_of(text) + 2;
  const std::size_t room = payload_width > used + 20 ? payload_width - used : std::max<std::size_t>(20, payload_width / 2);
  const std::string payload = payload_line(render_payload(bytes_of(message.payload)),
                                           payload_width == std::numeric_limits<std::size_t>::max() ? payload_width : room);
  return payload.empty() ? text : text + "  " + payload;
}

std::size_t payload_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::numeric_limits<std::size_t>::max();
  return size.ws_col;
}

}  // namespace takt::cli
