#pragma once
// What can be told before anything is sent. Every refusal names the field.

#include <optional>
#include <string_view>

#include "takt/client.h"
#include "takt/error.h"

namespace takt::sdk {

/// None when the message may be sent. `message_bytes_max` bounds metadata and payload together.
std::optional<Error> check_message(std::string_view kind, std::size_t payload_bytes, const SendOptions& options,
                                   std::size_t message_bytes_max);
std::optional<Error> check_topic(std::string_view field, std::string_view topic);
/// `bytes` as the record encoder made them.
/// `field` is the policy's, for the message.
std::optional<Error> check_retry(std::string_view field, const RetryPolicy& policy);
std::optional<Error> check_metadata(std::size_t bytes);
Error bad_option(std::string_view field, std::string_view what);
std::optional<Error> check_client_name(std::string_view field, std::string_view name);

}  // namespace takt::sdk
