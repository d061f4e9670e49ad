#pragma once

#include <cstddef>

namespace takt::transport {

/// Raises the process's limit of descriptors for `connections` and what else it opens; answers how many connections there is
/// room for.
std::size_t reserve_descriptors(std::size_t connections);

}  // namespace takt::transport
