#include "cli/message.h"

#include "cli/input.h"
#include "cli/values.h"

namespace takt::cli {

Result<SendOptions, Failure> message_options(const std::string& topic, const std::vector<std::string>& tags,
                                             const std::vector<std::string>& attributes, const std::string& priority) {
  SendOptions options{.topic = topic, .tags = tags};
  const auto lane = parse_whole("--priority", priority, 0, 7);
  if (!lane) return failed(lane.error());
  options.priority = static_cast<std::uint8_t>(*lane);
  for (const auto& text : attributes) {
    auto attribute = parse_attribute(text);
    if (!attribute) return failed(attribute.error());
    options.attributes.emplace_back(std::move(attribute->first), std::move(attribute->second));
  }
  return options;
}

Result<Bytes, Failure> payload_of(PayloadForm form, const std::string& where, std::string_view text) {
  if (form == PayloadForm::kJson) return msgpack_from_json(where, text);
  const auto bytes = std::as_bytes(std::span(text));
  return Bytes(bytes.begin(), bytes.end());
}

Result<Bytes, Failure> read_payload(PayloadForm form, const std::string& data, std::size_t bytes_max) {
  const auto input = read_input(data.empty() && form == PayloadForm::kJson ? "{}" : data, bytes_max);
  if (!input) return failed(input.error());
  return payload_of(form, input->where, input->bytes);
}

}  // namespace takt::cli
