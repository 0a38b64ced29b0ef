// Memory that a vmcore's head tells of but whose bytes are not in the file: the part of a PT_LOAD
// beyond p_filesz, which reads as zeros.
#include <elf.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "agent/corefile/kdump_core.h"
#include "tests/agent/recover/recover_fixture.h"
#include "tests/support/kdump_reader.h"

namespace lastword {
namespace {

// File bytes: page frames 16 .. 24 and a half of 24, and 28 .. 30. Zero-filled: 24 .. 40 but for
// the latter, and all of 64 .. 66.
constexpr std::array kSparse{
    fake::Segment{.vaddr = 0x10000, .paddr = 0x10000, .bytes = 0x8800, .zero_filled = 0xf800},
    fake::Segment{.vaddr = 0x1c000, .paddr = 0x1c000, .bytes = 0x2000},
    fake::Segment{.vaddr = 0x40000, .paddr = 0x40000, .bytes = 0, .zero_filled = 0x2000}};

bool in_file(std::uint64_t pfn) {
  return (pfn >= 16 && pfn < 25) || pfn == 28 || pfn == 29;
}
bool is_memory(std::uint64_t pfn) {
  return (pfn >= 16 && pfn < 40) || pfn == 64 || pfn == 65;
}
constexpr std::uint64_t kInFile = 11;
constexpr std::uint64_t kInMemory = 26;

class ZeroFilled : public RecoverFixture {
 public:
  // As the dump writer makes it, which knows of the bytes in the file alone.
  static fake::StreamBuilder stream() {
    fake::StreamBuilder stream(kCrash);
    stream.elf_head(fake::vmcore_head(kSparse, fake::note("CORE", 1, std::string(336, 'r'))));
    stream.dmesg(kLog);
    stream.pages(16, 25, std::array{PageRun{16, 9, 0}});
    stream.pages(28, 30, std::array{PageRun{28, 2, 0}});
    return stream;
  }
  std::string core_text() { return content_of(expected_path() + "/vmcore"); }
};

BOOST_FIXTURE_TEST_SUITE(zero_filled_memory, ZeroFilled)

BOOST_AUTO_TEST_CASE(is_zero_pages_in_a_kdump_core) {
  put(stream().end(), pb::COMPLETED, pb::REASON_NONE);
  format = CoreFormat::kKdump;
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  const pb::RecoveryReport& report = result->report();
  BOOST_TEST(report.complete(), report.incomplete_because());
  BOOST_TEST(report.memory_pages() == kInMemory);
  BOOST_TEST(report.stored_pages() == kInFile);
  BOOST_TEST(report.zero_pages() == kInMemory - kInFile);
  const std::string text = core_text();
  const KdumpReader core(std::as_bytes(std::span(text)));
  for (std::uint64_t pfn = 0; pfn < 70; ++pfn) {
    const auto expected =
        is_memory(pfn) ? KdumpReader::Page::kThere : KdumpReader::Page::kNotMemory;
    BOOST_TEST_REQUIRE((core.state(pfn) == expected), "page frame " << pfn);
    if (!is_memory(pfn)) continue;
    const auto content =
        in_file(pfn) ? fake::page_content(pfn) : std::vector<std::byte>(kPageBytes);
    BOOST_TEST_REQUIRE((core.content(pfn) == content), "page frame " << pfn);
  }
}

BOOST_AUTO_TEST_CASE(is_zeros_in_the_file_of_an_elf_core) {
  put(stream().end(), pb::COMPLETED, pb::REASON_NONE);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete(), result->report().incomplete_because());
  const std::string text = core_text();
  for (std::size_t i = 0; i < kSparse.size(); ++i) {
    Elf64_Phdr load{};
    std::memcpy(&load, text.data() + sizeof(Elf64_Ehdr) + (i + 1) * sizeof load, sizeof load);
    BOOST_TEST(load.p_filesz == kSparse[i].bytes + kSparse[i].zero_filled);
    BOOST_TEST(load.p_memsz == load.p_filesz);
    BOOST_TEST_REQUIRE(load.p_offset + load.p_filesz <= text.size());
    for (std::uint64_t at = 0; at < load.p_filesz; at += kPageBytes) {
      const std::uint64_t pfn = (load.p_paddr + at) / kPageBytes;
      const auto content =
          in_file(pfn) ? fake::page_content(pfn) : std::vector<std::byte>(kPageBytes);
      BOOST_TEST_REQUIRE(std::memcmp(text.data() + load.p_offset + at, content.data(),
                                     std::min(kPageBytes, load.p_filesz - at)) == 0,
                         "page frame " << pfn);
    }
  }
}

BOOST_AUTO_TEST_CASE(is_known_of_a_dump_that_was_cut_short) {
  const auto whole = stream();
  const std::size_t cut = whole.boundaries()[2];  // before the first pages
  put_stream(std::span(whole.bytes()).first(cut));
  put_header(pb::ABORTED, pb::LIMIT, cut);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().missing_pages() == kInFile);
  BOOST_TEST(result->report().zero_pages() == kInMemory - kInFile);
}

// A stream of another writer, which tells of those pages itself.
BOOST_AUTO_TEST_CASE(that_the_stream_tells_of_goes_by_the_stream) {
  fake::StreamBuilder told = stream();
  told.pages(64, 66, std::array{PageRun{64, 1, 0}});
  put(told.end(), pb::COMPLETED, pb::REASON_NONE);
  format = CoreFormat::kKdump;
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete(), result->report().incomplete_because());
  BOOST_TEST(result->report().stored_pages() == kInFile + 1);
  const std::string text = core_text();
  const KdumpReader core(std::as_bytes(std::span(text)));
  BOOST_TEST((core.content(64) == fake::page_content(64)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(zero_filled_bounds)

CoreHead parse(std::span<const fake::Segment> segments) {
  const auto head = parse_core_head(fake::vmcore_head(segments, fake::note("CORE", 1, "r")));
  BOOST_TEST_REQUIRE(head.has_value());
  return *head;
}

BOOST_AUTO_TEST_CASE(a_share_of_what_the_file_holds_is_believed) {
  constexpr std::uint64_t kMost = kMaxZeroFilledShare * 2 * kPageBytes;
  const auto pages_of = [](std::uint64_t zero_filled) {
    const std::array one{fake::Segment{
        .vaddr = 0, .paddr = 0x10000, .bytes = 2 * kPageBytes, .zero_filled = zero_filled}};
    return CoreLayout(parse(one)).memory_pages();
  };
  BOOST_TEST(pages_of(kMost) == 2 + kMost / kPageBytes);
  BOOST_TEST(pages_of(kMost + 1) == 2U);
  BOOST_TEST(pages_of(std::uint64_t{1} << 50) == 2U);
}

BOOST_AUTO_TEST_CASE(all_parts_together_are_bounded_and_a_bad_one_costs_no_good_one) {
  std::vector<fake::Segment> segments;
  for (std::uint64_t i = 0; i < 100; ++i) {
    segments.push_back({.vaddr = 0,
                        .paddr = i << 30,
                        .bytes = i == 0 ? kPageBytes : 0,
                        .zero_filled = i == 1 ? std::uint64_t{1} << 45 : kPageBytes});
  }
  const CoreHead head = parse(segments);
  const CoreLayout layout(head);
  BOOST_TEST(layout.memory_pages() == 1 + kMaxZeroFilledShare);
  BOOST_TEST(count_pages(head.zero_filled) == kMaxZeroFilledShare);
  BOOST_TEST(!layout.place_of(segments[1].paddr / kPageBytes).has_value());
  BOOST_TEST(layout.place_of(segments[2].paddr / kPageBytes).has_value());
}

BOOST_AUTO_TEST_CASE(none_keeps_a_dump_from_the_kdump_format) {
  const std::array segments{
      fake::Segment{.vaddr = 0, .paddr = 0x10000, .bytes = kPageBytes},
      fake::Segment{
          .vaddr = 0, .paddr = kKdumpMaxPages * kPageBytes, .bytes = 0, .zero_filled = 4096}};
  const CoreHead head = parse(segments);
  BOOST_TEST(kdump_geometry(head, CoreLayout(head)).max_pfn <= kKdumpMaxPages);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
