#include "broker/store/lmdb_pages.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/store/file.h"

namespace takt::store {
namespace {

using Page = std::uint64_t;
using Checked = Result<void, StoreFailure>;

// LMDB's layout on 64-bit machines, little-endian: lmdb.h's MDB_LP64, mdb.c's MDB_page, MDB_node, MDB_db and MDB_meta.
constexpr std::size_t header_bytes = 16;
constexpr std::size_t node_bytes = 8;
constexpr std::size_t page_number_bytes = 8;
constexpr Page no_page = ~Page{0};
constexpr Page meta_pages = 2;
constexpr std::uint32_t magic = 0xBEEFC0DE;
constexpr std::uint32_t format = 1;
constexpr std::uint16_t branch_flag = 1, leaf_flag = 2, overflow_flag = 4, meta_flag = 8;
constexpr std::uint16_t big_data_flag = 1, sub_tree_flag = 2;
constexpr std::uint16_t integer_keys = 8;
constexpr std::uint16_t no_folder = 0x4000;   // how the file was opened is kept beside the free list's own flags
constexpr std::uint16_t depth_max = 32;
/// More leaves than this are read only where they must be: a gigabyte, a second or two.
constexpr std::uint64_t leaves_at_start_max = 262'144;

struct PageHeader {
  Page number;
  std::uint16_t unused;
  std::uint16_t flags;
  std::uint16_t lower;   ///< end of the node pointers; of overflow pages the lower half of their count
  std::uint16_t upper;   ///< beginning of the nodes
};
static_assert(sizeof(PageHeader) == header_bytes);

struct Tree {
  std::uint32_t page_bytes;   ///< of the free list's tree alone
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t branches, leaves, overflows, entries;
  Page root;
};
static_assert(sizeof(Tree) == 48);

struct Meta {
  std::uint32_t magic, version;
  std::uint64_t address, map_bytes;
  Tree free_list, main;
  Page last;
  std::uint64_t transaction;
};
static_assert(sizeof(Meta) == 136);

template <class T>
T at(std::string_view bytes, std::size_t place) {
  T value;
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

struct Node {
  std::size_t place = 0;
  std::size_t bytes = 0;   ///< that it takes of its page
  std::uint16_t flags = 0;
  std::string_view key{};
  std::string_view data{};   ///< of a leaf, unless it has pages of its own
  Page page = no_page;     ///< of a branch its child, of a leaf the first of its own pages
  std::size_t data_bytes = 0;
};

class Walk {
 public:
  Walk(const std::filesystem::path& path, std::size_t map_bytes, PagesToCheck pages)
      : path_(path),
        map_bytes_(map_bytes),
        pages_(pages),
        file_(path, O_RDONLY) {}

  Checked run();

 private:
  /// What a subtree's keys must keep to.
  struct Bounds {
    std::optional<std::string> from;    ///< first key at or above
    std::optional<std::string> until;   ///< last key below
  };
  struct Counted {
    std::uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0;
  };
  struct Visit {
    const Tree& tree;
    bool is_free_list = false;
    bool skips_leaves = false;
    Counted counted{};
  };

  Checked check_metas(const Meta& first, const Meta& second);
  Checked walk_tree(const Tree& tree, bool is_free_list);
  Checked walk_page(Visit& visit, Page number, unsigned level, const Bounds& bounds, bool is_last);
  Checked walk_children(Visit& visit, Page number, unsigned level, const std::vector<Node>& nodes, const Bounds& bounds, bool is_last);
  Checked take_leaf(Visit& visit, Page number, const std::vector<Node>& nodes);
  Checked take_own_pages(Visit& visit, Page leaf, const Node& node);
  Checked take_free_pages(Page leaf, std::string_view list);
  Checked check_order(const Visit& visit, Page number, const std::vector<Node>& nodes, const Bounds& bounds, bool is_branch) const;
  Result<std::vector<Node>, StoreFailure> nodes_of(Page number, std::string_view bytes, bool is_branch) const;

  Result<std::string, StoreFailure> read(Page number, std::size_t bytes) const;
  enum class Use { kTree, kFree };
  Checked use(Page number, Page count, Use use);
  StoreFailure cut_short() const;
  StoreFailure damaged(Page number, const std::string& what) const {
    return {StoreFailure::Kind::kCorrupt,
            path_.string() + ", page " + std::to_string(number) + ": " + what + ": the file is damaged; restore the folder from a backup"};
  }

  const std::filesystem::path& path_;
  const std::size_t map_bytes_;
  const PagesToCheck pages_;
  const File file_;
  std::size_t page_bytes_ = 4096;
  Page pages_max_ = 0;           ///< of the newer meta page: numbers are below
  Page pages_there_ = 0;         ///< in the file; free pages that were never written may be missing
  std::vector<bool> is_used_;    ///< or free
  Meta chosen_{};
};

// ---- the whole file

Checked Walk::run() {
  if (!file_.is_open() || file_.size() == 0) return {};   // what LmdbEnv::open says of it
  std::array<char, header_bytes + sizeof(Meta)> bytes;
  std::array<Meta, meta_pages> metas;
  for (Page number = 0; number < meta_pages; ++number) {
    const ssize_t got = file_.read_at(number * page_bytes_, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
    if (got < 0)
      return failed(StoreFailure{StoreFailure::Kind::kIo, path_.string() + ": cannot read it: " + std::generic_category().message(errno)});
    const std::string_view page(bytes.data(), bytes.size());
    Meta& meta = metas[number];
    std::memcpy(&meta, page.data() + header_bytes, sizeof meta);
    if (static_cast<std::size_t>(got) < bytes.size() || (at<PageHeader>(page, 0).flags & meta_flag) == 0 || meta.magic != magic)
      return {};   // no LMDB file, which LMDB says better
    if (meta.version != format) return {};
    if (at<PageHeader>(page, 0).number != number || (meta.free_list.flags & ~no_folder) != integer_keys || meta.main.flags != 0)
      return failed(damaged(number, "not as LMDB writes it"));
    if (number == 0) page_bytes_ = meta.free_list.page_bytes;
    const bool is_size = page_bytes_ >= 512 && page_bytes_ <= 65536 && (page_bytes_ & (page_bytes_ - 1)) == 0;
    if (!is_size || meta.free_list.page_bytes != page_bytes_) return failed(damaged(number, "the size of a page cannot be"));
  }
  if (auto metas_match = check_metas(metas[0], metas[1]); !metas_match) return metas_match;
  chosen_ = metas[metas[0].transaction < metas[1].transaction ? 1 : 0];
  pages_max_ = chosen_.last + 1;
  pages_there_ = file_.size() / page_bytes_;
  is_used_.resize(pages_max_);
  if (auto walked = walk_tree(chosen_.free_list, true); !walked) return walked;
  return walk_tree(chosen_.main, false);
}

/// Transaction n writes meta page n mod 2, so the two are neighbours; a fresh file has 0 in both.
Checked Walk::check_metas(const Meta& first, const Meta& second) {
  const bool is_fresh = first.transaction == 0 && second.transaction == 0;
  const bool are_in_place = first.transaction % 2 == 0 && second.transaction % 2 == 1;
  const std::uint64_t apart = std::max(first.transaction, second.transaction) - std::min(first.transaction, second.transaction);
  if (!is_fresh && (!are_in_place || apart != 1)) return failed(damaged(0, "the two meta pages do not follow each other"));
  for (const Meta* meta : {&first, &second})
    if (meta->last < meta_pages - 1 || meta->last / 2 >= std::max<std::uint64_t>(map_bytes_, file_.size()) / page_bytes_)
      return failed(damaged(meta == &first ? 0 : 1, "the number of pages cannot be"));
  return {};
}

// ---- trees

Checked Walk::walk_tree(const Tree& tree, bool is_free_list) {
  Visit visit{.tree = tree, .is_free_list = is_free_list};
  const bool is_whole = pages_max_ <= pages_there_;
  visit.skips_leaves = !is_free_list && pages_ == PagesToCheck::kEdges && tree.leaves > leaves_at_start_max && is_whole;
  if (tree.root == no_page) {
    if (tree.depth != 0 || tree.entries != 0) return failed(damaged(chosen_.transaction % 2, "a tree without a root is not empty"));
    return {};
  }
  if (tree.depth == 0 || tree.depth > depth_max) return failed(damaged(chosen_.transaction % 2, "the depth of a tree cannot be"));
  if (auto walked = walk_page(visit, tree.root, 1, {}, true); !walked) return walked;
  const Counted& counted = visit.counted;
  const bool is_counted = visit.skips_leaves ? counted.branches == tree.branches
                                             : counted.branches == tree.branches && counted.leaves == tree.leaves &&
                                                   counted.overflows == tree.overflows && counted.entries == tree.entries;
  if (!is_counted) return failed(damaged(tree.root, "the tree below has not as many pages or entries as it should"));
  return {};
}

Checked Walk::walk_page(Visit& visit, Page number, unsigned level, const Bounds& bounds, bool is_last) {   // NOLINT(misc-no-recursion)
  const bool is_branch = level < visit.tree.depth;
  if (auto used = use(number, 1, Use::kTree); !used) return used;
  if (!is_branch && visit.skips_leaves && !is_last) return {};
  const auto bytes = read(number, page_bytes_);
  if (!bytes) return failed(bytes.error());
  const auto nodes = nodes_of(number, *bytes, is_branch);
  if (!nodes) return failed(nodes.error());
  if (auto ordered = check_order(visit, number, *nodes, bounds, is_branch); !ordered) return ordered;
  if (!is_branch) return take_leaf(visit, number, *nodes);
  return walk_children(visit, number, level, *nodes, bounds, is_last);
}

Checked Walk::walk_children(Visit& visit, Page number, unsigned level, const std::vector<Node>& nodes,
                            const Bounds& bounds,   // NOLINT(misc-no-recursion)
                            bool is_last) {
  ++visit.counted.branches;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Bounds below;
    below.from = i == 0 ? bounds.from : std::optional(std::string(nodes[i].key));
    below.until = i + 1 == nodes.size() ? bounds.until : std::optional(std::string(nodes[i + 1].key));
    if (nodes[i].page < meta_pages) return failed(damaged(number, "a branch leads to a meta page"));
    if (auto walked = walk_page(visit, nodes[i].page, level + 1, below, is_last && i + 1 == nodes.size()); !walked) return walked;
  }
  return {};
}

Checked Walk::take_leaf(Visit& visit, Page number, const std::vector<Node>& nodes) {
  ++visit.counted.leaves;
  visit.counted.entries += nodes.size();
  for (const Node& node : nodes) {
    if (node.flags == sub_tree_flag && !visit.is_free_list && &visit.tree == &chosen_.main) {
      if (node.data.size() != sizeof(Tree)) return failed(damaged(number, "a named tree's record has a wrong size"));
      const auto tree = at<Tree>(node.data, 0);
      if (tree.flags != 0) return failed(damaged(number, "a named tree's flags cannot be"));
      if (auto walked = walk_tree(tree, false); !walked) return walked;
    } else if (node.flags == big_data_flag) {
      if (auto taken = take_own_pages(visit, number, node); !taken) return taken;
    } else if (node.flags != 0) {
      return failed(damaged(number, "an entry's flags cannot be"));
    } else if (visit.is_free_list) {
      if (auto taken = take_free_pages(number, node.data); !taken) return taken;
    }
  }
  return {};
}

/// A value that is too large for its leaf. How many pages it has is what LMDB will free with it.
Checked Walk::take_own_pages(Visit& visit, Page leaf, const Node& node) {
  const Page count = (node.data_bytes + header_bytes + page_bytes_ - 1) / page_bytes_;
  if (node.page < meta_pages) return failed(damaged(leaf, "a value stands in a meta page"));
  if (auto used = use(node.page, count, Use::kTree); !used) return used;
  visit.counted.overflows += count;
  if (pages_ == PagesToCheck::kEdges && !visit.is_free_list) return {};   // as many reads as there are commits
  const auto bytes = read(node.page, visit.is_free_list ? count * page_bytes_ : header_bytes);
  if (!bytes) return failed(bytes.error());
  const auto header = at<PageHeader>(*bytes, 0);
  if (header.number != node.page || header.flags != overflow_flag || (header.lower | static_cast<Page>(header.upper) << 16) != count)
    return failed(damaged(node.page, "a value's pages are not as its entry says"));
  if (visit.is_free_list) return take_free_pages(node.page, std::string_view(*bytes).substr(header_bytes, node.data_bytes));
  return {};
}

Checked Walk::take_free_pages(Page leaf, std::string_view list) {
  const std::uint64_t count = list.size() >= page_number_bytes ? at<std::uint64_t>(list, 0) : no_page;
  if (list.size() % page_number_bytes != 0 || count >= list.size() / page_number_bytes)
    return failed(damaged(leaf, "a list of free pages has a wrong size"));
  for (std::uint64_t i = 1; i <= count; ++i) {
    const Page number = at<Page>(list, i * page_number_bytes);
    if (number < meta_pages) return failed(damaged(leaf, "a meta page is said to be free"));
    if (auto used = use(number, 1, Use::kFree); !used) return used;
  }
  return {};
}

// ---- pages

Result<std::vector<Node>, StoreFailure> Walk::nodes_of(Page number, std::string_view bytes, bool is_branch) const {
  const auto header = at<PageHeader>(bytes, 0);
  if (header.number != number) return failed(damaged(number, "it bears the number " + std::to_string(header.number)));
  if (header.flags != (is_branch ? branch_flag : leaf_flag)) return failed(damaged(number, "it is of another kind than it should be"));
  if (header.lower <= header_bytes || header.lower % 2 != 0 || header.lower > header.upper || header.upper > page_bytes_)
    return failed(damaged(number, "its room is not divided as it should be"));
  std::vector<Node> nodes;
  for (std::size_t pointer = header_bytes; pointer < header.lower; pointer += 2) {
    Node node{.place = at<std::uint16_t>(bytes, pointer)};
    if (node.place < header.upper || node.place + node_bytes > page_bytes_) return failed(damaged(number, "an entry stands outside"));
    const std::uint64_t low = at<std::uint16_t>(bytes, node.place) | std::uint64_t{at<std::uint16_t>(bytes, node.place + 2)} << 16;
    const auto flags = at<std::uint16_t>(bytes, node.place + 4);
    const std::size_t key_bytes = at<std::uint16_t>(bytes, node.place + 6);
    node.flags = is_branch ? std::uint16_t{0} : flags;
    node.data_bytes = is_branch ? 0 : low;
    const std::size_t inside = node.flags == big_data_flag ? page_number_bytes : node.data_bytes;
    node.bytes = (node_bytes + key_bytes + inside + 1) & ~std::size_t{1};
    if (node.place + node.bytes > page_bytes_) return failed(damaged(number, "an entry stands outside"));
    node.key = bytes.substr(node.place + node_bytes, key_bytes);
    if (is_branch) node.page = low | std::uint64_t{flags} << 32;
    if (!is_branch && node.flags != big_data_flag) node.data = bytes.substr(node.place + node_bytes + key_bytes, inside);
    if (!is_branch && node.flags == big_data_flag) node.page = at<Page>(bytes, node.place + node_bytes + key_bytes);
    nodes.push_back(node);
  }
  // LMDB leaves no hole: what an entry gives up is closed at once.
  std::vector<std::pair<std::size_t, std::size_t>> places;
  places.reserve(nodes.size());
  for (const Node& node : nodes) places.emplace_back(node.place, node.bytes);
  std::ranges::sort(places);
  std::size_t next = header.upper;
  for (const auto& [place, size] : places) {
    if (place != next) return failed(damaged(number, "its entries do not fill it"));
    next += size;
  }
  if (next != page_bytes_) return failed(damaged(number, "its entries do not fill it"));
  return nodes;
}

Checked Walk::check_order(const Visit& visit, Page number, const std::vector<Node>& nodes, const Bounds& bounds, bool is_branch) const {
  const auto is_less = [&](std::string_view a, std::string_view b) {
    if (!visit.is_free_list) return a < b;
    return a.size() == 8 && b.size() == 8 && at<std::uint64_t>(a, 0) < at<std::uint64_t>(b, 0);
  };
  // A branch's first key is never looked at.
  for (std::size_t i = is_branch ? 1 : 0; i < nodes.size(); ++i) {
    const std::string_view key = nodes[i].key;
    const bool follows = i == 0 || (is_branch && i == 1) || is_less(nodes[i - 1].key, key);
    if (!follows || (bounds.from && is_less(key, *bounds.from)) || (bounds.until && !is_less(key, *bounds.until)))
      return failed(damaged(number, "its keys are not in order"));
  }
  return {};
}

Result<std::string, StoreFailure> Walk::read(Page number, std::size_t bytes) const {
  std::string page(bytes, '\0');
  const ssize_t got = file_.read_at(number * page_bytes_, std::as_writable_bytes(std::span(page.data(), bytes)));
  if (got < 0)
    return failed(StoreFailure{StoreFailure::Kind::kIo, path_.string() + ", page " + std::to_string(number) +
                                                            ": cannot read it: " + std::generic_category().message(errno)});
  if (static_cast<std::size_t>(got) == bytes) return page;
  return failed(cut_short());
}

StoreFailure Walk::cut_short() const {
  return {StoreFailure::Kind::kCorrupt, path_.string() + " is cut short: it has " + std::to_string(file_.size()) + " of " +
                                            std::to_string(pages_max_ * page_bytes_) + " bytes; restore the folder from a backup"};
}

Checked Walk::use(Page number, Page count, Use use) {
  for (Page page = number; page < number + count; ++page) {
    if (page >= pages_max_) return failed(damaged(page, "it is used and lies behind the last one"));
    if (is_used_[page]) return failed(damaged(page, "it is used twice, or used and free"));
    if (use == Use::kTree && page >= pages_there_) return failed(cut_short());
    is_used_[page] = true;
  }
  return {};
}

}  // namespace

Checked check_pages(const std::filesystem::path& file, std::size_t map_bytes, PagesToCheck pages) {
  return Walk(file, map_bytes, pages).run();
}

}  // namespace takt::store
