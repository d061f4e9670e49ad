#pragma once

#include <cstddef>
#include <filesystem>

#include "broker/store/log.h"

namespace takt::store {

/// What of an LMDB file check_pages reads.
enum class PagesToCheck {
  kAll,      ///< every page of every tree, and the headers of values that have pages of their own
  kEdges,    ///< of trees with more leaves than a start has time for, only the branches and the last leaf
};

/// Holds the pages of a closed LMDB file (0.9, format 1) against each other before LMDB maps it: LMDB has no checksums and
/// believes what it reads, so that a bit that fell over would end the process, hide rows, or have two trees share a page.
/// Checked: both meta pages; in each page its number, kind and that its nodes fill it without a gap; keys in order and
/// within what the branch above says; the counts that LMDB keeps; that no page is used twice or both used and free.
/// What a value says is its owner's to check. docs/decisions/0007 has the reasons.
///
/// Cost: reads the pages that it checks, one by one, and takes one bit of memory per page.
/// Errors: kCorrupt, with the page; kIo, it cannot be read. An empty file and one that LMDB has just made are in order.
Result<void, StoreFailure> check_pages(const std::filesystem::path& file, std::size_t map_bytes, PagesToCheck pages);

}  // namespace takt::store
