#include "tests/store/damage.h"

#include <fstream>
#include <string>

namespace takt::testing {

void make_fresh(const std::filesystem::path& file) {
  constexpr std::streamoff page_bytes = 4096;
  std::fstream pages(file, std::ios::in | std::ios::out | std::ios::binary);
  std::string meta(page_bytes, '\0');
  pages.read(meta.data(), page_bytes);
  meta[0] = 1;   // its page number
  pages.seekp(page_bytes).write(meta.data(), page_bytes);
}

int flip_in_file(const std::filesystem::path& file, std::string_view bytes) {
  std::string content;
  {
    std::ifstream input(file, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(input), {});
  }
  int found = 0;
  for (std::size_t at = content.find(bytes); at != std::string::npos; at = content.find(bytes, at + 1), ++found)
    content[at + bytes.size() / 2] = static_cast<char>(content[at + bytes.size() / 2] ^ 4);
  std::ofstream(file, std::ios::binary) << content;
  return found;
}

}  // namespace takt::testing
