#pragma once
// Damage that tests do to the files of a store.

#include <filesystem>
#include <string_view>

namespace takt::testing {

/// Makes `file`, that has seen one transaction, as fresh as LMDB first wrote it: two meta pages, of which the first is old.
void make_fresh(const std::filesystem::path& file);
/// Flips one bit of every place in `file` where `bytes` stand. Returns how many there were.
int flip_in_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace takt::testing
