#include "dumpwriter/memory/vmcore.h"

#include <elf.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>

#include "dumpwriter/memory/page_reader.h"
#include "tests/fake/synthetic_vmcore.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

using fake::SyntheticVmcore;

struct Files {
  test::TestFolder folder;
  std::string path = folder.file("vmcore");

  Result<Vmcore> open(const SyntheticVmcore& core, std::size_t cut = 0) {
    core.write(path, cut);
    return Vmcore::open(path);
  }
  // The core's file with some bytes replaced.
  template <class T>
  Result<Vmcore> open_patched(const SyntheticVmcore& core, std::size_t offset, const T& value) {
    auto bytes = core.file();
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return Vmcore::open(path);
  }
  void check_refused(const Result<Vmcore>& core, Code code, const std::string& sentence) {
    BOOST_REQUIRE(!core);
    const std::string text = describe(core.error());
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST((core.error().code == code));
      BOOST_TEST((text.find(sentence) != std::string::npos));
      BOOST_TEST((text.find(path) != std::string::npos));
    }
  }
};

// Everything PageReader gives, and that it gives each frame once and in order.
std::map<std::uint64_t, fake::Page> read_all(const Vmcore& core, PageReader::Method method) {
  std::map<std::uint64_t, fake::Page> pages;
  PageReader reader(core, method);
  std::uint64_t next = 0;
  while (const auto window = reader.next()) {
    BOOST_TEST(window->first_pfn >= next);
    next = window->first_pfn + window->count;
    for (std::uint64_t pfn = window->first_pfn; pfn < next;) {
      const FrameSpan span = reader.read(pfn, next - pfn);
      BOOST_REQUIRE(span.data != nullptr);
      BOOST_TEST(span.first_pfn == pfn);
      for (std::uint64_t i = 0; i < span.count; ++i, ++pfn) {
        std::memcpy(pages[pfn].data(), span.data + i * kPageBytes, kPageBytes);
      }
    }
  }
  return pages;
}

// The same either way.
std::map<std::uint64_t, fake::Page> read_all(const Vmcore& core) {
  auto mapped = read_all(core, PageReader::Method::kMap);
  BOOST_TEST((mapped == read_all(core, PageReader::Method::kRead)));
  return mapped;
}

// Offset of a field of the n-th program header.
constexpr std::size_t in_program_header(std::size_t index, std::size_t field) {
  return sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr) + field;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vmcore, Files)

BOOST_AUTO_TEST_CASE(each_page_frame_is_read_once_although_text_overlaps_the_direct_map) {
  const SyntheticVmcore synthetic = fake::small_vmcore();
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  const auto expected = synthetic.frames();
  BOOST_TEST(core->map().frame_count() == expected.size());
  BOOST_TEST(core->memory_bytes() == expected.size() * kPageBytes);
  BOOST_TEST((read_all(*core) == expected));
}

BOOST_AUTO_TEST_CASE(segments_that_overlap_partly_are_read_right) {
  SyntheticVmcore synthetic;
  synthetic.memory.fill(16, 16);
  synthetic.add_direct(0x10000, 0x6000);
  synthetic.add_direct(0x12000, 0xa000);
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST(core->map().frame_count() == 12U);
  BOOST_TEST((read_all(*core) == synthetic.frames()));
}

BOOST_AUTO_TEST_CASE(second_pass_reads_the_same) {
  const SyntheticVmcore synthetic = fake::small_vmcore();
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  PageReader reader(*core);
  const auto first = reader.next();
  BOOST_REQUIRE(first.has_value());
  const std::uint64_t first_pfn = first->first_pfn;
  while (reader.next()) {
  }
  reader.begin(VisitOrder::Part::kOthers);
  const auto again = reader.next();
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->first_pfn == first_pfn);
}

BOOST_AUTO_TEST_CASE(frame_shared_by_two_segments_holds_both_parts) {
  SyntheticVmcore synthetic;
  synthetic.memory.fill(0, 8);
  synthetic.add_direct(0x1000, 0x1400);  // ends in frame 2
  synthetic.add_direct(0x2800, 0x300);   // wholly inside frame 2
  synthetic.add_direct(0x2c00, 0x1400);  // begins in frame 2
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST(core->map().frame_count() == 3U);
  BOOST_TEST((read_all(*core) == synthetic.frames()));
}

BOOST_AUTO_TEST_CASE(file_that_ends_inside_its_last_page_is_read_whole) {
  SyntheticVmcore synthetic;
  synthetic.memory.fill(16, 4);
  synthetic.add_direct(0x10000, 0x3001);
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST((read_all(*core) == synthetic.frames()));
}

BOOST_AUTO_TEST_CASE(content_at_an_odd_file_offset_is_read_right) {
  SyntheticVmcore synthetic;
  synthetic.memory.fill(16, 5);
  synthetic.add_direct(0x10000, 0x5000);
  Elf64_Phdr load;
  const auto bytes = synthetic.file();
  std::memcpy(&load, bytes.data() + in_program_header(1, 0), sizeof load);
  // Frame 16 now begins 0x230 into what was it.
  load.p_offset += 0x230;
  load.p_filesz = 0x4000;
  const auto core = open_patched(synthetic, in_program_header(1, 0), load);
  BOOST_REQUIRE(core.has_value());
  const auto pages = read_all(*core);
  BOOST_TEST(pages.size() == 4U);
  const auto expected = synthetic.memory.read(0x10230, kPageBytes);
  BOOST_TEST((std::memcmp(pages.at(16).data(), expected.data(), kPageBytes) == 0));
}

BOOST_AUTO_TEST_CASE(thousands_of_segments_are_taken) {
  SyntheticVmcore synthetic;
  for (std::uint64_t i = 0; i < 5000; ++i) synthetic.add_direct(i * 0x3000, 0x1000);
  synthetic.memory.put(4999 * 0x3000, 42);
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST(core->map().ranges().size() == 5000U);
  BOOST_TEST((read_all(*core) == synthetic.frames()));
}

BOOST_AUTO_TEST_CASE(extended_numbering_is_understood) {
  SyntheticVmcore synthetic = fake::small_vmcore();
  synthetic.extended_numbering = true;
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST(core->map().frame_count() == synthetic.frames().size());
  BOOST_TEST(core->vmcoreinfo().value("OSRELEASE").value_or("") == "6.1.0-test");
}

BOOST_AUTO_TEST_CASE(head_is_everything_before_memory) {
  const auto core = open(fake::small_vmcore());
  BOOST_REQUIRE(core.has_value());
  Elf64_Phdr notes;
  BOOST_REQUIRE(core->read(in_program_header(0, 0), std::as_writable_bytes(std::span(&notes, 1)))
                    .has_value());
  BOOST_TEST(core->head_bytes() == notes.p_offset + notes.p_filesz);
}

BOOST_AUTO_TEST_CASE(virtual_addresses_of_text_and_direct_map_lead_to_the_same_memory) {
  const SyntheticVmcore synthetic = fake::small_vmcore();
  const auto core = open(synthetic);
  BOOST_REQUIRE(core.has_value());
  std::array<std::byte, 64> text{};
  std::array<std::byte, 64> direct{};
  const std::uint64_t text_vaddr = SyntheticVmcore::kTextMap + 0x1200000 + 0xff0;
  BOOST_TEST(core->read_virtual(text_vaddr, text).has_value());
  BOOST_TEST(core->read_virtual(SyntheticVmcore::kDirectMap + 0x200ff0, direct).has_value());
  BOOST_TEST((text == direct));
  const auto expected = synthetic.memory.read(0x200ff0, 64);
  BOOST_TEST((std::memcmp(text.data(), expected.data(), text.size()) == 0));
  const Status nowhere = core->read_virtual(SyntheticVmcore::kDirectMap + 0x800000, text);
  BOOST_TEST((!nowhere && nowhere.error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(missing_file_is_not_found) {
  check_refused(Vmcore::open(path), Code::kNotFound, "No such file");
}

BOOST_AUTO_TEST_CASE(short_file_is_not_a_vmcore) {
  std::ofstream(path) << "short";
  check_refused(Vmcore::open(path), Code::kCorrupt, "not a vmcore: 5 bytes");
}

BOOST_AUTO_TEST_CASE(other_file_is_not_a_vmcore) {
  std::ofstream(path) << std::string(4096, 'x');
  check_refused(Vmcore::open(path), Code::kCorrupt, "not a vmcore: no ELF magic");
}

BOOST_AUTO_TEST_CASE(executable_is_not_a_vmcore) {
  check_refused(
      open_patched(fake::small_vmcore(), offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_EXEC}),
      Code::kCorrupt, "not a vmcore: ELF type 2");
}

BOOST_AUTO_TEST_CASE(other_machine_is_refused) {
  check_refused(
      open_patched(fake::small_vmcore(), offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_AARCH64}),
      Code::kUnsupported, "wrong machine: ELF machine 183");
}

BOOST_AUTO_TEST_CASE(thirty_two_bit_core_is_refused) {
  check_refused(open_patched(fake::small_vmcore(), EI_CLASS, std::uint8_t{ELFCLASS32}),
                Code::kUnsupported, "wrong machine");
}

BOOST_AUTO_TEST_CASE(odd_program_header_size_is_refused) {
  check_refused(
      open_patched(fake::small_vmcore(), offsetof(Elf64_Ehdr, e_phentsize), Elf64_Half{32}),
      Code::kCorrupt, "program headers of 32 bytes");
}

BOOST_AUTO_TEST_CASE(core_without_memory_is_refused) {
  check_refused(open(SyntheticVmcore{}), Code::kCorrupt, "no PT_LOAD");
}

BOOST_AUTO_TEST_CASE(memory_cut_off_is_truncated) {
  check_refused(open(fake::small_vmcore(), 1), Code::kCorrupt, "truncated: program header 4");
}

BOOST_AUTO_TEST_CASE(program_headers_cut_off_are_truncated) {
  SyntheticVmcore synthetic;
  synthetic.add_direct(0x1000, 0x1000);
  const std::size_t keep = sizeof(Elf64_Ehdr) + 10;
  check_refused(open(synthetic, synthetic.file().size() - keep), Code::kCorrupt,
                "truncated: 2 program headers at 64");
}

BOOST_AUTO_TEST_CASE(absurd_number_of_program_headers_is_refused) {
  SyntheticVmcore synthetic = fake::small_vmcore();
  synthetic.extended_numbering = true;
  const std::size_t section = sizeof(Elf64_Ehdr) + 5 * sizeof(Elf64_Phdr);
  check_refused(
      open_patched(synthetic, section + offsetof(Elf64_Shdr, sh_info), Elf64_Word{50'000'000}),
      Code::kCorrupt, "absurd: 50000000 program headers");
}

BOOST_AUTO_TEST_CASE(extended_numbering_without_its_section_is_refused) {
  check_refused(
      open_patched(fake::small_vmcore(), offsetof(Elf64_Ehdr, e_phnum), Elf64_Half{PN_XNUM}),
      Code::kCorrupt, "PN_XNUM without");
}

BOOST_AUTO_TEST_CASE(notes_far_behind_the_front_are_refused) {
  SyntheticVmcore synthetic;
  synthetic.add_direct(0x1000, kMaxElfHeadBytes + 0x1000);
  check_refused(open_patched(synthetic, in_program_header(0, offsetof(Elf64_Phdr, p_offset)),
                             Elf64_Off{kMaxElfHeadBytes}),
                Code::kCorrupt, "absurd: headers or notes");
}

BOOST_AUTO_TEST_CASE(overflowing_physical_address_is_refused) {
  check_refused(
      open_patched(fake::small_vmcore(), in_program_header(1, offsetof(Elf64_Phdr, p_paddr)),
                   ~Elf64_Addr{0} - 0x1000),
      Code::kCorrupt, "PT_LOAD 0 overflows");
}

BOOST_AUTO_TEST_CASE(overflowing_file_range_is_refused) {
  check_refused(
      open_patched(fake::small_vmcore(), in_program_header(1, offsetof(Elf64_Phdr, p_offset)),
                   ~Elf64_Off{0} - 0x1000),
      Code::kCorrupt, "program header 1 overflows");
}

BOOST_AUTO_TEST_CASE(notes_that_do_not_parse_cost_only_vmcoreinfo) {
  const SyntheticVmcore synthetic = fake::small_vmcore();
  Elf64_Phdr notes;
  const auto bytes = synthetic.file();
  std::memcpy(&notes, bytes.data() + in_program_header(0, 0), sizeof notes);
  const auto core = open_patched(synthetic, notes.p_offset + offsetof(Elf64_Nhdr, n_descsz),
                                 Elf64_Word{0x7fffffff});
  BOOST_REQUIRE(core.has_value());
  BOOST_TEST(core->vmcoreinfo().text().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
