// The index files of depmod(8) (modules.dep.bin, modules.builtin.bin, modules.alias.bin), which is
// all that libkmod reads of a modules directory. depmod itself would want real modules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lastword::test {

// A trie with one letter for each node, in the format described in kmod's libkmod-index.c (version
// 2.1): integers are big-endian, a node is referred to by its offset with flags in the high bits.
class ModuleIndex {
 public:
  void add(const std::string& key, const std::string& value) {
    Node* node = &root_;
    for (const char letter : key) node = &node->children[letter];
    node->values.push_back(value);
  }

  [[nodiscard]] std::string bytes() const {
    std::string out = number(0xB007F457) + number(0x00020001) + number(0);
    const std::string root = number(append(root_, out));
    return out.replace(8, root.size(), root);
  }

 private:
  static constexpr std::uint32_t kHasValues = 0x40000000;
  static constexpr std::uint32_t kHasChildren = 0x20000000;

  struct Node {
    std::map<char, Node> children;
    std::vector<std::string> values;
  };

  static std::string number(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  }

  // Children first: their offsets are known then.
  static std::uint32_t append(const Node& node, std::string& out) {
    std::string body;
    std::uint32_t flags = 0;
    if (!node.children.empty()) {
      flags |= kHasChildren;
      const char first = node.children.begin()->first;
      const char last = node.children.rbegin()->first;
      body = {first, last};
      for (int letter = first; letter <= last; ++letter) {
        const auto child = node.children.find(static_cast<char>(letter));
        body += number(child == node.children.end() ? 0 : append(child->second, out));
      }
    }
    if (!node.values.empty()) {
      flags |= kHasValues;
      body += number(static_cast<std::uint32_t>(node.values.size()));
      for (const std::string& value : node.values) body += number(0) + value + '\0';
    }
    const auto offset = static_cast<std::uint32_t>(out.size());
    out += body;
    return offset | flags;
  }

  Node root_;
};

}  // namespace lastword::test
