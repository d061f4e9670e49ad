#pragma once

#include "proto/messages.h"

namespace takt::transport {

/// Does a request go ahead of what waits (CommandBatch::prior)? `has_published`: its session has sent messages before.
bool goes_ahead(const proto::Request& body, bool has_published);

/// Is it of no use when its connection has ended already? What it asks for can't be told, and it changes nothing that stays.
bool needs_connection(const proto::Request& body);

}  // namespace takt::transport
