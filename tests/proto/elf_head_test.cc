// The walk over notes; heads as a whole are tested where they are used (vmcore_test,
// elf_core_test).
#include "proto/elf_head.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lastword::test {
namespace {

struct Seen {
  std::string name;
  std::uint32_t type;
  std::string content;
  bool operator==(const Seen&) const = default;
};

std::string note(std::string_view name, std::uint32_t type, std::string_view content) {
  const Elf64_Nhdr header{.n_namesz = static_cast<Elf64_Word>(name.size() + 1),
                          .n_descsz = static_cast<Elf64_Word>(content.size()),
                          .n_type = type};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += std::string(name) + '\0';
  bytes.resize((bytes.size() + 3) / 4 * 4);
  bytes += content;
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

std::vector<Seen> walk(const std::string& notes) {
  const ElfMemory bytes(std::as_bytes(std::span(notes)));
  ElfNotes walk(bytes, 0, notes.size());
  std::vector<Seen> seen;
  for (auto next = walk.next(); next && *next; next = walk.next()) {
    seen.push_back({.name = std::string((*next)->name.view()),
                    .type = (*next)->type,
                    .content = notes.substr((*next)->content_offset, (*next)->content_bytes)});
  }
  return seen;
}

const std::string kTwo = note("CORE", 1, "registers") + note("VMCOREINFO", 0, "A=1\n");

}  // namespace

BOOST_AUTO_TEST_SUITE(elf_notes)

BOOST_AUTO_TEST_CASE(notes_come_in_order) {
  BOOST_TEST(
      (walk(kTwo) == std::vector<Seen>{{"CORE", 1, "registers"}, {"VMCOREINFO", 0, "A=1\n"}}));
}

BOOST_AUTO_TEST_CASE(padding_of_the_last_note_may_be_missing) {
  const std::string notes = note("CORE", 1, "registers");
  BOOST_TEST(
      (walk(notes.substr(0, notes.size() - 3)) == std::vector<Seen>{{"CORE", 1, "registers"}}));
  BOOST_TEST(walk(notes.substr(0, notes.size() - 4)).empty());
}

BOOST_AUTO_TEST_CASE(the_walk_ends_before_a_note_that_does_not_fit) {
  for (std::size_t field = 0; field < 8; field += 4) {
    std::string notes = kTwo;
    const std::size_t second = note("CORE", 1, "registers").size();
    notes.replace(second + field, 4, "\xff\xff\xff\xff");
    BOOST_TEST((walk(notes) == std::vector<Seen>{{"CORE", 1, "registers"}}));
  }
}

BOOST_AUTO_TEST_CASE(notes_cut_anywhere_are_not_read_beyond) {
  for (std::size_t length = 0; length <= kTwo.size(); ++length) {
    const std::vector<char> cut(kTwo.begin(), kTwo.begin() + static_cast<std::ptrdiff_t>(length));
    const ElfMemory bytes(std::as_bytes(std::span(cut)));
    ElfNotes walk(bytes, 0, cut.size());
    for (auto next = walk.next(); next && *next; next = walk.next()) {
      BOOST_TEST(bytes.holds((*next)->content_offset, (*next)->content_bytes));
    }
    BOOST_TEST(walk.offset() <= length);
  }
}

BOOST_AUTO_TEST_CASE(a_long_name_is_cut) {
  BOOST_TEST((walk(note("VMCOREINFO-of-something-else", 0, "x")) ==
              std::vector<Seen>{{"VMCOREINFO-of-so", 0, "x"}}));
}

BOOST_AUTO_TEST_CASE(memory_is_not_read_beyond_its_end) {
  const std::string text = "four";
  const ElfMemory bytes(std::as_bytes(std::span(text)));
  std::array<std::byte, 4> into{};
  BOOST_TEST(bytes.read(0, into).has_value());
  BOOST_TEST(!bytes.read(1, into));
  BOOST_TEST(!bytes.read(~std::uint64_t{0}, into));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
