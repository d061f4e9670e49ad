#pragma once

#include "proto/messages.h"

namespace takt::transport {

/// Does a request go ahead of what waits (CommandBatch::prior)? `has_published`: its session has sent messages before.
bool goes_ahead(const proto::Request& body, bool has_published);

/// Does it only ask, or have things sent? Then it is of no use once its connection has ended.
/// What a session holds (Resume) and what stays behind it (Subscribe, Put...) is none of that.
bool needs_connection(const proto::Request& body);

}  // namespace takt::transport
