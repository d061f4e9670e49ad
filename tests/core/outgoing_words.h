#pragma once

#include <string>

#include "broker/core/command.h"
#include "proto/time.h"

namespace takt::core::test {

/// What a client is told, as the golden transcripts have it; times are ms since `began`.
std::string words_of(const Outgoing& outgoing, WallTime began);

}  // namespace takt::core::test
