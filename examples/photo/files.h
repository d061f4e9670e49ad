#pragma once
// Files that are there whole or not at all, and what identifies their content.

#include <filesystem>
#include <string>
#include <string_view>

#include "examples/photo/image.h"

namespace photo {

std::string_view text_of(const Bytes& bytes);
/// XXH3-64 as 16 hexadecimal digits.
std::string hash_of(std::string_view bytes);

Result<std::string> read_file(const std::filesystem::path& path);

/// Writes a synced temporary file beside `path` and renames it: readers and a crash see the old file or the new one.
/// Two writers of the same content are harmless.
Result<void> write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// As write_atomically, but only the first one ever succeeds in it: true when this call made the file, false when it was
/// there already. The file appears with its whole content (a hard link to the finished temporary file).
Result<bool> create_once(const std::filesystem::path& path, std::string_view bytes);

/// Temporary files of the two above start with this; a killed process may leave some behind.
inline constexpr std::string_view part_prefix = ".part-";
/// Removes those of `folder`, in which nobody may write any more; gives their number.
Result<std::size_t> remove_parts(const std::filesystem::path& folder);

/// With its parents; one that exists is fine.
Result<void> make_folder(const std::filesystem::path& path);

}  // namespace photo
