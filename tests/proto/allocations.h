#pragma once

#include <cstddef>

/// Calls of operator new by this thread so far.
std::size_t allocations();
