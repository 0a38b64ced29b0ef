#include "agent/corefile/kdump_core.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/fake/stream_builder.h"
#include "tests/support/kdump_reader.h"

namespace lastword {
namespace {

using Page = KdumpReader::Page;

class MemoryFile : public OutputFile {
 public:
  Status write(std::uint64_t offset, std::span<const std::byte> data) override {
    if (room < data.size()) return fail({.code = Code::kNoSpace, .disk = "vmcore"});
    room -= data.size();
    bytes.resize(std::max<std::size_t>(bytes.size(), offset + data.size()));
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    synced = false;
    return {};
  }
  Status set_size(std::uint64_t size) override {
    bytes.resize(size);
    return {};
  }
  Status sync() override {
    synced = true;
    return {};
  }
  std::vector<std::byte> bytes;
  std::uint64_t room = ~std::uint64_t{0};
  bool synced = false;
};

std::vector<std::byte> random_page(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> page(kPageBytes);
  for (std::size_t i = 0; i < page.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(page.data() + i, &word, sizeof word);
  }
  return page;
}

// 1 .. 64, in part a page, and 256 .. 512: the kernel's text once more inside it.
constexpr std::array kMemory{
    fake::Segment{.vaddr = 0xffffffff81000000, .paddr = 0x140000, .bytes = 0x40000},
    fake::Segment{.vaddr = 0xffff888000001000, .paddr = 0x1000, .bytes = 0x3ec00},
    fake::Segment{.vaddr = 0xffff888000100000, .paddr = 0x100000, .bytes = 0x100000}};

constexpr std::string_view kInfo =
    "OSRELEASE=6.1.0-test\n"
    "SYMBOL(init_uts_ns)=ffffffff81041ffc\n"
    "OFFSET(uts_namespace.name)=0\n"
    "NUMBER(phys_base)=-16777216\n"  // text at 0x0 + 0x41ffc: page frames 65 and 66, not memory
    "CRASHTIME=1700000000\n";

std::vector<std::byte> notes_with(std::string_view info) {
  auto notes = fake::note("CORE", 1, std::string(336, 'r'));
  for (const auto& more :
       {fake::note("CORE", 1, std::string(336, 's')), fake::note("VMCOREINFO", 0, info)}) {
    notes.insert(notes.end(), more.begin(), more.end());
  }
  return notes;
}

struct Fixture {
  explicit Fixture(std::string_view info = kInfo, std::span<const fake::Segment> memory = kMemory)
      : head(*parse_core_head(fake::vmcore_head(memory, notes_with(info)))), layout(head) {}

  KdumpCoreWriter& begin(PageCodec codec = PageCodec::kZlib, unsigned threads = 2) {
    writer.emplace(file, codec, threads);
    BOOST_TEST_REQUIRE(writer->begin(head, layout).has_value());
    return *writer;
  }
  void store(std::uint64_t pfn, std::uint64_t count = 1) {
    std::vector<std::byte> content;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto page = fake::page_content(pfn + i);
      content.insert(content.end(), page.begin(), page.end());
    }
    BOOST_TEST_REQUIRE(writer->write_pages(pfn, content).has_value());
  }
  KdumpReader finish(std::string_view incomplete = "") {
    BOOST_TEST_REQUIRE(writer->finish(incomplete).has_value());
    BOOST_TEST(file.synced);
    BOOST_TEST(writer->file_bytes() == file.bytes.size());
    return KdumpReader(file.bytes);
  }
  void check_stored(const KdumpReader& core, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t pfn = first; pfn < end; ++pfn) {
      BOOST_TEST_REQUIRE((core.state(pfn) == Page::kThere), "page frame " << pfn);
      BOOST_TEST_REQUIRE((core.content(pfn) == fake::page_content(pfn)), "page frame " << pfn);
    }
  }

  CoreHead head;
  CoreLayout layout;
  MemoryFile file;
  std::optional<KdumpCoreWriter> writer;
};

BOOST_FIXTURE_TEST_SUITE(kdump_core, Fixture)

BOOST_AUTO_TEST_CASE(pages_in_any_order_are_found_by_page_frame_with_every_codec) {
  for (const PageCodec codec : {PageCodec::kZlib, PageCodec::kZstd, PageCodec::kNone}) {
    for (const unsigned threads : {1U, 3U}) {
      BOOST_TEST_CONTEXT(name_of(codec) << " with " << threads) {
        file = {};
        begin(codec, threads);
        store(400, 112);
        store(1, 63);
        store(256, 100);
        for (std::uint64_t pfn = 399; pfn >= 356; --pfn) store(pfn);
        const KdumpReader core = finish();
        check_stored(core, 1, 64);
        check_stored(core, 256, 512);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(page_frames_outside_memory_are_holes) {
  begin();
  store(1, 63);
  store(256, 256);
  const KdumpReader core = finish();
  for (const std::uint64_t pfn : {0, 64, 255, 512, 5000}) {
    BOOST_TEST((core.state(pfn) == Page::kNotMemory), "page frame " << pfn);
  }
  BOOST_TEST(core.sub_header.max_pfn_64 == 512U);
  BOOST_TEST(core.header.bitmap_blocks == 2U);
}

BOOST_AUTO_TEST_CASE(zero_pages_share_one) {
  begin();
  BOOST_TEST_REQUIRE(writer->write_zero_pages(1, 63).has_value());
  store(256, 56);
  BOOST_TEST_REQUIRE(writer->write_zero_pages(312, 200).has_value());
  const KdumpReader core = finish();
  const PageDescriptor zero = core.descriptor(1);
  BOOST_TEST(zero.bytes < 64U);
  for (const std::uint64_t pfn : {2, 63, 312, 511}) {
    BOOST_TEST(core.descriptor(pfn).offset == zero.offset);
  }
  BOOST_TEST((core.content(400) == std::vector<std::byte>(kPageBytes)));
  check_stored(core, 256, 312);
}

BOOST_AUTO_TEST_CASE(excluded_pages_are_memory_without_a_descriptor) {
  begin();
  BOOST_TEST_REQUIRE(writer->exclude_pages(1, 63, PageClass::kFree).has_value());
  store(256, 100);
  BOOST_TEST_REQUIRE(writer->exclude_pages(356, 56, PageClass::kUser).has_value());
  store(412, 100);
  const KdumpReader core = finish();
  for (const std::uint64_t pfn : {1, 63, 356, 411}) {
    BOOST_TEST((core.state(pfn) == Page::kExcluded), "page frame " << pfn);
  }
  check_stored(core, 256, 356);
  check_stored(core, 412, 512);
  BOOST_TEST(core.sub_header.dump_level == 24);
  BOOST_TEST(core.header.status == kKdumpZlib);
}

BOOST_AUTO_TEST_CASE(missing_pages_have_a_descriptor_without_data_and_the_dump_is_marked) {
  begin();
  store(1, 30);
  BOOST_TEST_REQUIRE(writer->exclude_pages(256, 8, PageClass::kCache).has_value());
  store(500, 12);
  const KdumpReader core = finish("cut");
  BOOST_TEST(core.header.status == (kKdumpZlib | kKdumpIncomplete));
  for (const std::uint64_t pfn : {31, 63, 264, 499}) {
    BOOST_TEST((core.state(pfn) == Page::kMissing), "page frame " << pfn);
    BOOST_TEST(core.descriptor(pfn).bytes == 0U);
  }
  check_stored(core, 1, 31);
  check_stored(core, 500, 512);
}

BOOST_AUTO_TEST_CASE(page_that_does_not_shrink_is_stored_as_it_is) {
  for (const PageCodec codec : {PageCodec::kZlib, PageCodec::kZstd}) {
    file = {};
    begin(codec);
    const auto page = random_page(7);
    BOOST_TEST_REQUIRE(writer->write_pages(300, page).has_value());
    const KdumpReader core = finish("the others");
    BOOST_TEST(core.descriptor(300).bytes == kPageBytes);
    BOOST_TEST(core.descriptor(300).flags == 0U);
    BOOST_TEST((core.content(300) == page));
  }
}

BOOST_AUTO_TEST_CASE(headers_tell_what_the_notes_tell) {
  begin(PageCodec::kZstd);
  const KdumpReader core = finish("empty");
  BOOST_TEST((core.header.signature == kKdumpSignature));
  BOOST_TEST(core.header.header_version == 6);
  BOOST_TEST(core.header.block_bytes == 4096);
  BOOST_TEST(core.header.cpus == 2);
  BOOST_TEST(core.header.seconds == 1'700'000'000);
  BOOST_TEST(core.header.status == (kKdumpZstd | kKdumpIncomplete));
  BOOST_TEST(core.header.utsname.sysname.data() == "Linux");
  BOOST_TEST(core.header.utsname.release.data() == "6.1.0-test");
  BOOST_TEST(core.header.utsname.machine.data() == "x86_64");
  BOOST_TEST(static_cast<std::int64_t>(core.sub_header.phys_base) == -16777216);
  const auto notes = core.bytes_at(core.sub_header.notes_offset, core.sub_header.notes_bytes);
  BOOST_TEST((std::vector(notes.begin(), notes.end()) == head.notes));
  const auto info =
      core.bytes_at(core.sub_header.vmcoreinfo_offset, core.sub_header.vmcoreinfo_bytes);
  BOOST_TEST(std::string(reinterpret_cast<const char*>(info.data()), info.size()) == kInfo);
}

BOOST_AUTO_TEST_CASE(memory_larger_than_a_bitmap_window_keeps_its_page_frames) {
  constexpr std::uint64_t kFar = std::uint64_t{100} << 30;
  const std::array memory{fake::Segment{.vaddr = 1, .paddr = 0x1000, .bytes = 0x4000},
                          fake::Segment{.vaddr = 2, .paddr = kFar, .bytes = 0x4000}};
  Fixture large(kInfo, memory);
  large.begin();
  large.store(kFar / kPageBytes, 4);
  large.store(1, 3);
  BOOST_TEST_REQUIRE(large.writer->exclude_pages(4, 1, PageClass::kFree).has_value());
  const KdumpReader core = large.finish();
  large.check_stored(core, 1, 4);
  BOOST_TEST((core.state(4) == Page::kExcluded));
  BOOST_TEST((core.state(5) == Page::kNotMemory));
  large.check_stored(core, kFar / kPageBytes, kFar / kPageBytes + 4);
}

BOOST_AUTO_TEST_CASE(file_needs_no_more_than_was_said) {
  begin();
  for (std::uint64_t pfn = 256; pfn < 512; ++pfn) {
    BOOST_TEST_REQUIRE(writer->write_pages(pfn, random_page(pfn)).has_value());
  }
  BOOST_TEST_REQUIRE(writer->write_zero_pages(1, 63).has_value());
  finish();
  BOOST_TEST(file.bytes.size() <= KdumpCoreWriter::max_bytes(head, layout, 256));
  BOOST_TEST(file.bytes.size() > 256 * kPageBytes);
}

// The bitmaps cover all page frames below: 4 GiB, of which 2 MiB are not holes.
BOOST_AUTO_TEST_CASE(memory_just_below_64_tib_needs_no_more_than_what_is_stored) {
  const std::array memory{
      fake::Segment{.vaddr = 0, .paddr = 0x1000, .bytes = 0x10000},
      fake::Segment{.vaddr = 0, .paddr = (std::uint64_t{1} << 46) - 0x10000, .bytes = 0x10000}};
  const auto high = parse_core_head(fake::vmcore_head(memory, fake::note("CORE", 1, "registers")));
  BOOST_TEST_REQUIRE(high.has_value());
  const CoreLayout high_layout(*high);
  BOOST_TEST(kdump_geometry(*high, high_layout).data_at > std::uint64_t{4} << 30);
  BOOST_TEST(KdumpCoreWriter::max_bytes(*high, high_layout, 32) < std::uint64_t{5} << 20);
}

BOOST_AUTO_TEST_CASE(full_file_system_ends_it_with_that_error_at_any_point) {
  begin();
  store(256, 256);
  finish("");
  const std::uint64_t whole = file.bytes.size();
  for (std::uint64_t room = 0; room < whole; room += whole / 16) {
    file = {};
    file.room = room;
    writer.emplace(file, PageCodec::kNone, 2);
    Status status = writer->begin(head, layout);
    for (std::uint64_t pfn = 256; status && pfn < 512; ++pfn) {
      status = writer->write_pages(pfn, fake::page_content(pfn));
    }
    if (status) status = writer->finish("");
    BOOST_TEST_REQUIRE(!status.has_value(), "with room for " << room);
    BOOST_TEST(name_of(status.error().code) == "no space");
    BOOST_TEST(!file.synced);
  }
}

BOOST_AUTO_TEST_CASE(page_frames_outside_memory_are_refused) {
  begin();
  BOOST_TEST(!writer->write_pages(64, fake::page_content(64)).has_value());
  BOOST_TEST(!writer->write_zero_pages(60, 10).has_value());
  BOOST_TEST(!writer->exclude_pages(512, 1, PageClass::kFree).has_value());
}

BOOST_AUTO_TEST_CASE(more_memory_than_readers_can_hold_is_refused_with_the_way_out) {
  const std::array memory{
      fake::Segment{.vaddr = 1, .paddr = std::uint64_t{1} << 50, .bytes = 0x4000}};
  Fixture large(kInfo, memory);
  large.writer.emplace(large.file, PageCodec::kZlib, 1);
  const Status status = large.writer->begin(large.head, large.layout);
  BOOST_TEST_REQUIRE(!status.has_value());
  BOOST_TEST(name_of(status.error().code) == "not supported");
  BOOST_TEST((describe(status.error()).find("--format elf") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

// The name of the node is in its memory, here across the end of a page.
BOOST_AUTO_TEST_CASE(names_of_the_node_come_from_its_memory) {
  constexpr std::uint64_t kAt = 0x142ff0;
  Fixture fixture(
      "OSRELEASE=6.1.0-test\nSYMBOL(init_uts_ns)=ffffffff81042fec\n"
      "OFFSET(uts_namespace.name)=4\nNUMBER(phys_base)=-15728640\n");
  fixture.begin();
  UtsName name{};
  std::copy_n("Linux", 5, name.sysname.begin());
  std::copy_n("alpha", 5, name.nodename.begin());
  std::copy_n("6.1.0-test", 10, name.release.begin());
  std::vector<std::byte> pages(2 * kPageBytes);
  std::memcpy(pages.data() + kAt % kPageBytes, &name, sizeof name);
  for (const std::uint64_t i : {1U, 0U}) {
    const auto page = std::span(pages).subspan(i * kPageBytes, kPageBytes);
    BOOST_TEST_REQUIRE(fixture.writer->write_pages(kAt / kPageBytes + i, page).has_value());
  }
  const KdumpReader core = fixture.finish("the others");
  BOOST_TEST(core.header.utsname.sysname.data() == "Linux");
  BOOST_TEST(core.header.utsname.nodename.data() == "alpha");
  BOOST_TEST(core.header.utsname.release.data() == "6.1.0-test");
}

}  // namespace
}  // namespace lastword
