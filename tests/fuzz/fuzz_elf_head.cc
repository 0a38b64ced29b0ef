// The head of a vmcore as recovery reads it: ELF header, program headers, notes, VMCOREINFO.
#include <algorithm>

#include "agent/corefile/core_notes.h"
#include "agent/corefile/kdump_core.h"
#include "tests/fake/stream_builder.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

// Longer heads are possible, but only slow things down.
constexpr std::size_t kManySegments = 4096;

}  // namespace

std::vector<Input> seeds() {
  const std::array memory{
      fake::Segment{.vaddr = 0xffffffff81000000, .paddr = 0x140000, .bytes = 0x40000},
      fake::Segment{.vaddr = 0xffff888000001000, .paddr = 0x1000, .bytes = 0x3ec00},
      fake::Segment{.vaddr = 0xffff888000100000, .paddr = 0x100000, .bytes = 0x100000}};
  auto notes = fake::note("CORE", 1, std::string(336, 'r'));
  const auto info = fake::note("VMCOREINFO", 0,
                               "OSRELEASE=6.1.0\nSYMBOL(init_uts_ns)=ffffffff81041ffc\n"
                               "OFFSET(uts_namespace.name)=0\nNUMBER(phys_base)=-16777216\n");
  notes.insert(notes.end(), info.begin(), info.end());
  return {fake::vmcore_head(memory, notes),
          fake::vmcore_head(std::span(memory).first(1), fake::note("CORE", 1, "r"))};
}

void run(std::span<const std::byte> input) {
  const auto head = parse_core_head(input);
  if (!head || head->segments.size() > kManySegments) return;
  const CoreLayout layout(*head);
  FUZZ_REQUIRE(layout.memory_pages() <= kMaxPhysicalAddress / kPageBytes);
  for (const PfnRange& range : layout.memory()) {
    const auto place = layout.place_of(range.first);
    FUZZ_REQUIRE(place && place->pages == range.end - range.first);
    FUZZ_REQUIRE(place->file_offset + place->pages * kPageBytes <= layout.file_bytes());
  }
  const KdumpGeometry geometry = kdump_geometry(*head, layout);
  FUZZ_REQUIRE(geometry.bitmap_bytes * 8 >= geometry.max_pfn);
  FUZZ_REQUIRE(geometry.data_at - geometry.descriptors_at >=
               layout.memory_pages() * sizeof(PageDescriptor));

  const CoreNotes notes = read_core_notes(head->notes);
  FUZZ_REQUIRE(notes.vmcoreinfo_offset + notes.vmcoreinfo_bytes <= head->notes.size());
  for (const char* name : {"init_uts_ns", "phys_base", "uts_namespace.name"}) {
    (void)notes.vmcoreinfo.symbol(name);
    (void)notes.vmcoreinfo.offset(name);
    (void)notes.vmcoreinfo.number(name);
  }

  // What is written from it reads back as the same memory.
  const auto rendered = render_core_head(*head, layout, "because");
  const auto again = parse_core_head(rendered);
  FUZZ_REQUIRE(again.has_value());
  FUZZ_REQUIRE(again->segments.size() == head->segments.size());
  FUZZ_REQUIRE(std::ranges::equal(CoreLayout(*again).memory(), layout.memory()));
}

}  // namespace lastword::fuzz
