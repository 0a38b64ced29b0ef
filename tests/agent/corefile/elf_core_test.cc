#include "agent/corefile/elf_core.h"

#include <elf.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "tests/fake/stream_builder.h"

namespace lastword {
namespace {

using fake::Segment;

// As x86-64 has it: kernel text first, its physical memory inside the direct map that follows; low
// memory that ends within a page; the rest.
constexpr std::array kMachine{
    Segment{.vaddr = 0xffffffff81000000, .paddr = 0x1000000, .bytes = 0x2600000},
    Segment{.vaddr = 0xffff888000001000, .paddr = 0x1000, .bytes = 0x9ec00 - 0x1000},
    Segment{.vaddr = 0xffff888000100000, .paddr = 0x100000, .bytes = 0x7f00000},
    Segment{.vaddr = 0xffff888100000400, .paddr = 0x100000400, .bytes = 0x1800}};

std::vector<std::byte> some_notes() {
  auto notes = fake::note("CORE", NT_PRSTATUS, std::string(336, 'r'));
  const auto more = fake::note("VMCOREINFO", 0, "OSRELEASE=6.1.0\nPAGESIZE=4096\n");
  notes.insert(notes.end(), more.begin(), more.end());
  return notes;
}

std::vector<std::byte> machine_head() {
  return fake::vmcore_head(kMachine, some_notes());
}

template <class T>
T object_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  T value;
  BOOST_TEST_REQUIRE(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class T, class Change>
std::vector<std::byte> with(std::vector<std::byte> bytes, std::uint64_t offset, Change change) {
  T value = object_at<T>(bytes, offset);
  change(value);
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  return bytes;
}
constexpr std::uint64_t entry_at(std::uint64_t index) {
  return sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr);
}

void check_refused(std::span<const std::byte> head, Code code, std::string_view detail) {
  const auto core = parse_core_head(head);
  BOOST_TEST_REQUIRE(!core.has_value());
  BOOST_TEST(name_of(core.error().code) == name_of(code));
  BOOST_TEST_CONTEXT(describe(core.error())) {
    BOOST_TEST((core.error().detail.view().find(detail) != std::string_view::npos));
  }
}

struct Rendered {
  CoreHead head;
  CoreLayout layout;
  std::vector<std::byte> bytes;
  [[nodiscard]] Elf64_Ehdr header() const { return object_at<Elf64_Ehdr>(bytes, 0); }
  [[nodiscard]] Elf64_Phdr entry(std::uint64_t i) const {
    return object_at<Elf64_Phdr>(bytes, entry_at(i));
  }
};
Rendered render(std::span<const std::byte> recorded, std::string_view incomplete = {}) {
  auto head = parse_core_head(recorded);
  BOOST_TEST_REQUIRE(head.has_value());
  CoreLayout layout(*head);
  auto bytes = render_core_head(*head, layout, incomplete);
  return {.head = std::move(*head), .layout = std::move(layout), .bytes = std::move(bytes)};
}

BOOST_AUTO_TEST_SUITE(elf_core)

BOOST_AUTO_TEST_CASE(segments_keep_order_addresses_and_sizes) {
  const Rendered core = render(machine_head());
  BOOST_TEST(core.header().e_phnum == kMachine.size() + 1);
  BOOST_TEST(core.header().e_phoff == sizeof(Elf64_Ehdr));
  BOOST_TEST(core.entry(0).p_type == static_cast<unsigned>(PT_NOTE));
  for (std::size_t i = 0; i < kMachine.size(); ++i) {
    const Elf64_Phdr entry = core.entry(i + 1);
    BOOST_TEST(entry.p_type == static_cast<unsigned>(PT_LOAD));
    BOOST_TEST(entry.p_vaddr == kMachine[i].vaddr);
    BOOST_TEST(entry.p_paddr == kMachine[i].paddr);
    BOOST_TEST(entry.p_filesz == kMachine[i].bytes);
    BOOST_TEST(entry.p_memsz == kMachine[i].bytes);
    BOOST_TEST(entry.p_offset % kPageBytes == kMachine[i].paddr % kPageBytes);
    BOOST_TEST(entry.p_offset + entry.p_filesz <= core.layout.file_bytes());
  }
}

BOOST_AUTO_TEST_CASE(first_load_has_no_alignment_so_that_crash_sees_a_kdump) {
  auto recorded = machine_head();
  for (std::uint64_t i = 1; i <= 2; ++i) {
    recorded = with<Elf64_Phdr>(recorded, entry_at(i), [](auto& entry) { entry.p_align = 4096; });
  }
  const Rendered core = render(recorded);
  BOOST_TEST(core.entry(1).p_align == 0U);
  BOOST_TEST(core.entry(2).p_align == 4096U);
}

BOOST_AUTO_TEST_CASE(overlapping_segments_share_their_place_in_the_file) {
  const Rendered core = render(machine_head());
  BOOST_TEST(core.layout.memory().size() == 3U);
  const Elf64_Phdr text = core.entry(1);
  const Elf64_Phdr direct = core.entry(3);
  BOOST_TEST(text.p_offset - direct.p_offset == text.p_paddr - direct.p_paddr);
}

BOOST_AUTO_TEST_CASE(partial_pages_are_whole_in_the_file) {
  const Rendered core = render(machine_head());
  // 0x9ec00 ends within page 0x9e; 0x100000400 begins within page 0x100000 and ends in the next.
  BOOST_TEST((core.layout.memory()[0] == PfnRange{0x1, 0x9f}));
  BOOST_TEST((core.layout.memory()[2] == PfnRange{0x100000, 0x100002}));
  BOOST_TEST(core.layout.memory_pages() == 0x9eU + 0x7f00U + 2U);
  BOOST_TEST(core.layout.file_bytes() ==
             core.layout.head_bytes() + core.layout.memory_pages() * kPageBytes);
}

BOOST_AUTO_TEST_CASE(every_page_has_one_place_and_what_is_no_memory_has_none) {
  const Rendered core = render(machine_head());
  BOOST_TEST(!core.layout.place_of(0).has_value());
  BOOST_TEST(!core.layout.place_of(0x9f).has_value());
  BOOST_TEST(!core.layout.place_of(0x8000).has_value());
  BOOST_TEST(!core.layout.place_of(0x100002).has_value());
  BOOST_TEST(!core.layout.place_of(~std::uint64_t{0}).has_value());
  const auto last_low = core.layout.place_of(0x9e);
  const auto first_high = core.layout.place_of(0x100);
  BOOST_TEST_REQUIRE((last_low && first_high));
  BOOST_TEST(last_low->pages == 1U);
  BOOST_TEST(first_high->pages == 0x7f00U);
  BOOST_TEST(first_high->file_offset == last_low->file_offset + kPageBytes);
}

BOOST_AUTO_TEST_CASE(notes_are_as_recorded) {
  const Rendered core = render(machine_head());
  const Elf64_Phdr entry = core.entry(0);
  const auto notes = some_notes();
  BOOST_TEST_REQUIRE(entry.p_filesz == notes.size());
  BOOST_TEST(std::memcmp(core.bytes.data() + entry.p_offset, notes.data(), notes.size()) == 0);
}

BOOST_AUTO_TEST_CASE(zero_padding_after_the_notes_is_left_out) {
  auto recorded = some_notes();
  recorded.resize(4096);
  BOOST_TEST(render(fake::vmcore_head(kMachine, recorded)).head.notes.size() ==
             some_notes().size());
}

BOOST_AUTO_TEST_CASE(damaged_notes_are_kept_as_they_are) {
  auto recorded = some_notes();
  recorded.resize(recorded.size() + 64, std::byte{0xff});
  BOOST_TEST(render(fake::vmcore_head(kMachine, recorded)).head.notes.size() == recorded.size());
}

BOOST_AUTO_TEST_CASE(incomplete_core_carries_a_note_that_says_why) {
  const std::string why = "incomplete: 7 of 9 pages missing";
  const Rendered core = render(machine_head(), why);
  const std::uint64_t at = core.entry(0).p_offset + some_notes().size();
  const auto note = object_at<Elf64_Nhdr>(core.bytes, at);
  BOOST_TEST(note.n_type == kIncompleteNoteType);
  BOOST_TEST(note.n_descsz == why.size() + 1);
  const auto* name = reinterpret_cast<const char*>(core.bytes.data() + at + sizeof note);
  BOOST_TEST(std::string(name) == kIncompleteNoteName);
  BOOST_TEST(std::string(name + 12) == why);
  // crash looks at the four bytes right after the unpadded name: they must not be all zero.
  BOOST_TEST(object_at<std::uint32_t>(core.bytes, at + sizeof note + note.n_namesz) != 0U);
  BOOST_TEST(core.entry(0).p_filesz == some_notes().size() + sizeof note + 12 + 36);
}

BOOST_AUTO_TEST_CASE(longest_reason_still_fits) {
  const Rendered core = render(machine_head(), std::string(5000, 'x'));
  BOOST_TEST(core.bytes.size() == core.layout.head_bytes());
  BOOST_TEST(core.entry(0).p_offset + core.entry(0).p_filesz <= core.layout.head_bytes());
}

BOOST_AUTO_TEST_CASE(thousands_of_segments_become_as_many_ranges) {
  std::vector<Segment> segments;
  for (std::uint64_t i = 0; i < 5000; ++i) segments.push_back({i << 20, i << 20, 0x3000});
  const Rendered core = render(fake::vmcore_head(segments, some_notes()));
  BOOST_TEST(core.layout.memory().size() == 5000U);
  BOOST_TEST(core.entry(5000).p_offset == core.layout.file_bytes() - 0x3000);
}

BOOST_AUTO_TEST_CASE(more_segments_than_e_phnum_counts_use_section_header_0) {
  constexpr std::uint64_t kCount = 70000;
  std::vector<Segment> segments;
  for (std::uint64_t i = 0; i < kCount; ++i) segments.push_back({i << 16, i << 16, 0x1000});
  auto recorded = fake::vmcore_head(segments, some_notes());
  const std::uint64_t section_at = recorded.size();
  recorded.resize(recorded.size() + sizeof(Elf64_Shdr));
  recorded =
      with<Elf64_Shdr>(recorded, section_at, [](auto& section) { section.sh_info = kCount + 1; });
  recorded = with<Elf64_Ehdr>(recorded, 0, [&](auto& header) {
    header.e_phnum = PN_XNUM;
    header.e_shoff = section_at;
    header.e_shentsize = sizeof(Elf64_Shdr);
  });
  const Rendered core = render(recorded, "incomplete");
  BOOST_TEST(core.header().e_phnum == PN_XNUM);
  BOOST_TEST(core.header().e_shnum == 1U);
  BOOST_TEST(object_at<Elf64_Shdr>(core.bytes, core.header().e_shoff).sh_info == kCount + 1);
  BOOST_TEST(core.entry(kCount).p_paddr == (kCount - 1) << 16);
  BOOST_TEST(core.header().e_shoff + sizeof(Elf64_Shdr) <= core.layout.head_bytes());
}

BOOST_AUTO_TEST_CASE(segment_without_content_takes_no_place) {
  const std::array segments{Segment{0, 0, 0}, Segment{0x1000, 0x1000, 0x2000}};
  const Rendered core = render(fake::vmcore_head(segments, some_notes()));
  BOOST_TEST(core.layout.memory_pages() == 2U);
  BOOST_TEST(core.entry(1).p_offset != 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(elf_core_refuses)

BOOST_AUTO_TEST_CASE(head_shorter_than_a_header) {
  const auto head = machine_head();
  check_refused(std::span(head).first(63), Code::kCorrupt, "shorter");
  check_refused({}, Code::kCorrupt, "shorter");
}

BOOST_AUTO_TEST_CASE(garbage) {
  const std::vector<std::byte> head(8192, std::byte{0xa5});
  check_refused(head, Code::kCorrupt, "not an ELF file");
}

BOOST_AUTO_TEST_CASE(other_architectures) {
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_machine = EM_AARCH64; }),
                Code::kUnsupported, "x86-64");
  check_refused(
      with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }),
      Code::kUnsupported, "x86-64");
}

BOOST_AUTO_TEST_CASE(elf_that_is_no_core) {
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_type = ET_EXEC; }),
                Code::kCorrupt, "no core");
}

BOOST_AUTO_TEST_CASE(program_headers_beyond_the_head) {
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_phnum = 60000; }),
                Code::kCorrupt, "truncated: 60000 program headers");
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_phoff = ~0ULL - 8; }),
                Code::kCorrupt, "absurd: headers or notes");
}

BOOST_AUTO_TEST_CASE(program_headers_of_another_size) {
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_phentsize = 1; }),
                Code::kCorrupt, "program headers of 1 bytes");
}

BOOST_AUTO_TEST_CASE(extended_count_without_section_header) {
  check_refused(with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_phnum = PN_XNUM; }),
                Code::kCorrupt, "section header 0");
}

BOOST_AUTO_TEST_CASE(notes_beyond_the_head) {
  check_refused(
      with<Elf64_Phdr>(machine_head(), entry_at(0), [](auto& e) { e.p_filesz = 1 << 20; }),
      Code::kCorrupt, "notes go beyond");
  check_refused(with<Elf64_Phdr>(machine_head(), entry_at(0), [](auto& e) { e.p_offset = ~0ULL; }),
                Code::kCorrupt, "notes go beyond");
}

BOOST_AUTO_TEST_CASE(memory_beyond_what_x86_64_can_address) {
  check_refused(with<Elf64_Phdr>(machine_head(), entry_at(2),
                                 [](auto& e) { e.p_filesz = e.p_memsz = kMaxPhysicalAddress; }),
                Code::kCorrupt, "program header 2: beyond physical memory");
  check_refused(
      with<Elf64_Phdr>(machine_head(), entry_at(2), [](auto& e) { e.p_paddr = ~0ULL - 4095; }),
      Code::kCorrupt, "beyond physical memory");
}

BOOST_AUTO_TEST_CASE(head_without_memory) {
  check_refused(fake::vmcore_head({}, some_notes()), Code::kCorrupt, "no PT_LOAD");
}

BOOST_AUTO_TEST_CASE(head_cut_anywhere_without_reading_beyond_it) {
  const auto whole = machine_head();
  const std::size_t notes_end = 4096 + some_notes().size();
  for (std::size_t length = 0; length < notes_end; length += 7) {
    const std::vector<std::byte> cut(whole.begin(),
                                     whole.begin() + static_cast<std::ptrdiff_t>(length));
    BOOST_TEST(!parse_core_head(cut).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pfn_sets)

BOOST_AUTO_TEST_CASE(neighbours_become_one_range) {
  PfnSet set;
  BOOST_TEST(set.add({10, 20}));
  BOOST_TEST(set.add({30, 40}));
  BOOST_TEST(set.add({20, 30}));
  BOOST_TEST(set.add({5, 5}));
  BOOST_TEST((set.ranges() == std::vector<PfnRange>{{10, 40}}));
}

BOOST_AUTO_TEST_CASE(overlap_is_refused_and_changes_nothing) {
  PfnSet set;
  BOOST_TEST(set.add({10, 20}));
  for (const PfnRange& range :
       {PfnRange{5, 11}, PfnRange{19, 25}, PfnRange{12, 13}, PfnRange{0, 100}, PfnRange{10, 20}}) {
    BOOST_TEST(set.overlaps(range));
    BOOST_TEST(!set.add(range));
  }
  for (const PfnRange& range : {PfnRange{5, 10}, PfnRange{20, 25}, PfnRange{12, 12}}) {
    BOOST_TEST(!set.overlaps(range));
  }
  BOOST_TEST((set.ranges() == std::vector<PfnRange>{{10, 20}}));
}

BOOST_AUTO_TEST_CASE(difference_is_what_is_left) {
  const std::vector<PfnRange> all{{0, 10}, {20, 30}, {40, 50}};
  const std::vector<PfnRange> part{{2, 4}, {6, 25}, {28, 60}};
  const std::vector<PfnRange> left{{0, 2}, {4, 6}, {25, 28}};
  BOOST_TEST((difference(all, part) == left));
  BOOST_TEST((difference(all, {}) == all));
  BOOST_TEST(difference({}, part).empty());
  BOOST_TEST(count_pages(left) == 7U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

BOOST_AUTO_TEST_SUITE(head_that_the_dump_writer_accepts)

BOOST_AUTO_TEST_CASE(without_notes) {
  const Rendered core =
      render(with<Elf64_Phdr>(machine_head(), entry_at(0), [](auto& e) { e.p_type = PT_NULL; }));
  BOOST_TEST(core.head.notes.empty());
  BOOST_TEST(core.entry(0).p_filesz == 0U);
  BOOST_TEST(core.head.segments.size() == kMachine.size());
}

BOOST_AUTO_TEST_CASE(with_several_pt_notes) {
  const auto recorded = machine_head();
  const auto first = object_at<Elf64_Phdr>(recorded, entry_at(0));
  const Rendered core =
      render(with<Elf64_Phdr>(recorded, entry_at(4), [&](auto& e) { e = first; }));
  const auto notes = some_notes();
  auto twice = notes;
  twice.insert(twice.end(), notes.begin(), notes.end());
  BOOST_TEST((core.head.notes == twice));
  BOOST_TEST(core.head.segments.size() == kMachine.size() - 1);
}

BOOST_AUTO_TEST_CASE(with_any_elf_version) {
  auto recorded = with<Elf64_Ehdr>(machine_head(), 0, [](auto& h) { h.e_version = 0; });
  BOOST_TEST(parse_core_head(recorded).has_value());
  recorded[EI_VERSION] = std::byte{7};
  BOOST_TEST(parse_core_head(recorded).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(head_whose_memory_size_cannot_be)

BOOST_AUTO_TEST_CASE(is_believed_for_what_the_file_holds) {
  for (const std::uint64_t memory : {std::uint64_t{1}, ~std::uint64_t{0}}) {
    const auto head =
        with<Elf64_Phdr>(machine_head(), entry_at(1), [&](auto& entry) { entry.p_memsz = memory; });
    const auto core = parse_core_head(head);
    BOOST_REQUIRE(core.has_value());
    BOOST_TEST(core->segments[0].file_bytes > 1U);
    BOOST_TEST(core->segments[0].memory_bytes == core->segments[0].file_bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
