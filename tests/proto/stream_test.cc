// Every reason for which a section is not believed, one test each.
#include "proto/stream.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "proto/crc32c.h"
#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr std::array<std::uint8_t, 16> kCrash{1, 2, 3};
constexpr std::array<std::uint8_t, 16> kEarlierCrash{9, 9, 9};
constexpr std::uint64_t kSequence = 5;

PageRun zero(std::uint64_t pfn, std::uint32_t count) {
  return {.pfn = pfn, .count = count, .what = static_cast<std::uint16_t>(RunKind::kZero)};
}
PageRun excluded(std::uint64_t pfn, std::uint32_t count, PageClass page_class) {
  return {.pfn = pfn,
          .count = count,
          .what = static_cast<std::uint16_t>(RunKind::kExcluded),
          .page_class = static_cast<std::uint16_t>(page_class)};
}

struct Section {
  SectionHeader header{};
  std::vector<PageRun> runs;

  Section() {
    header.kind = static_cast<std::uint16_t>(SectionKind::kPages);
    header.codec = static_cast<std::uint16_t>(Codec::kNone);
    header.sequence = kSequence;
    header.crash_id = kCrash;
    header.first_pfn = 100;
    header.end_pfn = 200;
    set_runs({{.pfn = 100, .count = 2}, {.pfn = 150, .count = 3}});
  }
  void set_runs(std::vector<PageRun> wanted) {
    runs = std::move(wanted);
    header.run_count = static_cast<std::uint32_t>(runs.size());
    std::uint64_t pages = 0;
    for (const PageRun& run : runs) pages += run.what == 0 ? run.count : 0;
    header.raw_bytes = header.stored_bytes = pages * kPageBytes;
  }
  void make(SectionKind kind, std::uint64_t length) {
    runs.clear();
    header.kind = static_cast<std::uint16_t>(kind);
    header.run_count = 0;
    header.first_pfn = header.end_pfn = 0;
    header.raw_bytes = header.stored_bytes = length;
  }
  void seal() {
    bytes = {};
    std::memcpy(bytes.data(), &header, sizeof header);
    const std::size_t count = std::min<std::size_t>(runs.size(), kMaxRuns);
    if (count != 0) std::memcpy(&bytes[sizeof header], runs.data(), count * sizeof(PageRun));
    seal_section(bytes);
  }
  // What a newer lastword would write, its CRC right.
  void reseal_as_version(std::uint32_t version) {
    SectionHeader sealed;
    std::memcpy(&sealed, bytes.data(), sizeof sealed);
    sealed.version = version;
    sealed.header_crc32c = 0;
    std::memcpy(bytes.data(), &sealed, sizeof sealed);
    sealed.header_crc32c = crc32c(bytes);
    std::memcpy(bytes.data(), &sealed, sizeof sealed);
  }
  [[nodiscard]] Result<SectionHeader> parse() const {
    return parse_section(bytes, kSequence, kCrash);
  }
  // Sealed, then parsed.
  [[nodiscard]] Result<SectionHeader> result() {
    seal();
    return parse();
  }
  alignas(8) std::array<std::byte, kBlockBytes> bytes{};
};

bool corrupt(const Result<SectionHeader>& result, std::string_view detail) {
  BOOST_TEST(fails(result, Code::kCorrupt));
  return !result && result.error().detail.view() == detail;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(good_section, Section)

BOOST_AUTO_TEST_CASE(comes_back_with_its_runs) {
  const auto parsed = result();
  BOOST_TEST_REQUIRE(ok(parsed));
  BOOST_TEST(parsed->first_pfn == 100U);
  BOOST_TEST(parsed->version == kStreamVersion);
  const auto found = runs_of(bytes, *parsed);
  BOOST_TEST_REQUIRE(found.size() == 2U);
  BOOST_TEST(found[1].pfn == 150U);
  BOOST_TEST(found[1].count == 3U);
}

BOOST_AUTO_TEST_CASE(of_pages_without_content_has_no_payload) {
  set_runs({zero(100, 20), excluded(120, 80, PageClass::kFree)});
  BOOST_TEST(header.raw_bytes == 0U);
  BOOST_TEST(ok(result()));
}

BOOST_AUTO_TEST_CASE(of_a_pass_and_page_class_gives_them_back) {
  header.pass = static_cast<std::uint32_t>(PagePass::kCache);
  set_runs(
      {{.pfn = 100, .count = 1, .page_class = static_cast<std::uint16_t>(PageClass::kPrivateCache)},
       excluded(101, 5, PageClass::kHwpoison)});
  const auto parsed = result();
  BOOST_TEST_REQUIRE(ok(parsed));
  BOOST_TEST(parsed->pass == 5U);
  BOOST_TEST(runs_of(bytes, *parsed)[0].page_class == 3U);
  BOOST_TEST(runs_of(bytes, *parsed)[1].page_class == 7U);
}

BOOST_AUTO_TEST_CASE(of_full_run_table_and_largest_payload_is_accepted) {
  std::vector<PageRun> many;
  for (std::uint32_t i = 0; i < kMaxRuns; ++i) {
    many.push_back({.pfn = 1000 + 2 * i, .count = 1});
  }
  header.first_pfn = 1000;
  header.end_pfn = 1000 + 2 * kMaxRuns;
  set_runs(many);
  BOOST_TEST(ok(result()));
  header.first_pfn = 0;
  header.end_pfn = kMaxPayloadBytes / kPageBytes;
  set_runs({{.pfn = 0, .count = kMaxPayloadBytes / kPageBytes}});
  BOOST_TEST(ok(result()));
}

BOOST_AUTO_TEST_CASE(of_each_other_kind_is_accepted) {
  make(SectionKind::kElfHead, kMaxPayloadBytes);
  BOOST_TEST(ok(result()));
  make(SectionKind::kDmesg, 17);
  BOOST_TEST(ok(result()));
  make(SectionKind::kEnd, sizeof(EndPayload));
  BOOST_TEST(ok(result()));
}

BOOST_AUTO_TEST_CASE(may_be_stored_shorter_with_a_codec) {
  header.codec = static_cast<std::uint16_t>(Codec::kLz4);
  header.stored_bytes = 100;
  BOOST_TEST(ok(result()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(stream_ends_at, Section)

BOOST_AUTO_TEST_CASE(block_that_is_no_section) {
  BOOST_TEST(fails(parse(), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(section_of_an_earlier_crash) {
  header.crash_id = kEarlierCrash;
  BOOST_TEST(fails(result(), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(section_out_of_sequence) {
  header.sequence = kSequence + 1;
  BOOST_TEST(fails(result(), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(section_of_an_earlier_crash_by_a_newer_version) {
  // What an earlier dump left behind must not make this one look like one from the future.
  header.crash_id = kEarlierCrash;
  seal();
  reseal_as_version(kStreamVersion + 1);
  BOOST_TEST(fails(parse(), Code::kNotFound));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(damaged_section, Section)

BOOST_AUTO_TEST_CASE(any_bit_of_the_block_is_covered_by_its_crc) {
  seal();
  for (std::size_t at = 8; at < kBlockBytes; ++at) {
    bytes[at] ^= std::byte{0x10};
    BOOST_TEST(corrupt(parse(), "wrong header CRC"), "byte " << at);
    bytes[at] ^= std::byte{0x10};
  }
  BOOST_TEST(ok(parse()));
}

BOOST_AUTO_TEST_CASE(newer_version_is_named_as_such) {
  seal();
  reseal_as_version(kStreamVersion + 1);
  BOOST_TEST(fails(parse(), Code::kFutureVersion));
}

BOOST_AUTO_TEST_CASE(older_version_is_named_as_such) {
  seal();
  reseal_as_version(1);
  const auto parsed = parse();
  BOOST_TEST(fails(parsed, Code::kUnsupported));
  BOOST_TEST((parsed.error().detail.view().find("older lastword") != std::string_view::npos));
}

BOOST_AUTO_TEST_CASE(unknown_pass) {
  header.pass = kPagePasses;
  BOOST_TEST(corrupt(result(), "unknown pass"));
}

BOOST_AUTO_TEST_CASE(pass_outside_a_pages_section) {
  make(SectionKind::kDmesg, 10);
  header.pass = 1;
  BOOST_TEST(corrupt(result(), "unknown pass"));
}

BOOST_AUTO_TEST_CASE(run_of_an_unknown_kind) {
  runs[1].what = 4;
  BOOST_TEST(corrupt(result(), "page run of an unknown kind"));
}

BOOST_AUTO_TEST_CASE(run_of_an_unknown_class) {
  runs[1].page_class = kPageClasses;
  BOOST_TEST(corrupt(result(), "page run of an unknown kind"));
}

BOOST_AUTO_TEST_CASE(pages_without_content_that_count_as_content) {
  runs[1].what = static_cast<std::uint16_t>(RunKind::kZero);
  BOOST_TEST(corrupt(result(), "page runs and length disagree"));
}

BOOST_AUTO_TEST_CASE(codec_that_made_it_longer) {
  header.codec = static_cast<std::uint16_t>(Codec::kLz4);
  BOOST_TEST(corrupt(result(), "stored longer than raw"));
}

BOOST_AUTO_TEST_CASE(end_section_with_a_codec) {
  make(SectionKind::kEnd, sizeof(EndPayload));
  header.codec = static_cast<std::uint16_t>(Codec::kLz4);
  header.stored_bytes = 8;
  BOOST_TEST(corrupt(result(), "end section of the wrong length"));
}

BOOST_AUTO_TEST_CASE(unknown_kind) {
  for (const std::uint16_t kind : std::array<std::uint16_t, 3>{0, 5, 0xffff}) {
    header.kind = kind;
    BOOST_TEST(corrupt(result(), "unknown section kind"));
  }
}

BOOST_AUTO_TEST_CASE(unknown_codec) {
  header.codec = 3;
  BOOST_TEST(corrupt(result(), "unknown codec"));
}

BOOST_AUTO_TEST_CASE(raw_length_beyond_the_limit) {
  make(SectionKind::kDmesg, kMaxPayloadBytes + 1);
  BOOST_TEST(corrupt(result(), "section too long"));
}

BOOST_AUTO_TEST_CASE(stored_length_beyond_the_limit) {
  header.codec = static_cast<std::uint16_t>(Codec::kZstd);
  header.stored_bytes = ~std::uint64_t{0};
  BOOST_TEST(corrupt(result(), "section too long"));
}

BOOST_AUTO_TEST_CASE(lengths_that_differ_without_a_codec) {
  header.stored_bytes -= 1;
  BOOST_TEST(corrupt(result(), "stored and raw length differ without a codec"));
}

BOOST_AUTO_TEST_CASE(too_many_runs) {
  header.run_count = kMaxRuns + 1;
  BOOST_TEST(corrupt(result(), "too many page runs"));
}

BOOST_AUTO_TEST_CASE(page_frame_range_backwards) {
  std::swap(header.first_pfn, header.end_pfn);
  BOOST_TEST(corrupt(result(), "page frame range runs backwards"));
}

BOOST_AUTO_TEST_CASE(run_before_its_range) {
  set_runs({{.pfn = 99, .count = 1}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
}

BOOST_AUTO_TEST_CASE(run_beyond_its_range) {
  set_runs({{.pfn = 199, .count = 2}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
  set_runs({{.pfn = ~std::uint64_t{0}, .count = 1}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
}

BOOST_AUTO_TEST_CASE(run_of_no_pages) {
  set_runs({{.pfn = 100, .count = 0}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
}

BOOST_AUTO_TEST_CASE(runs_unsorted_or_overlapping) {
  set_runs({{.pfn = 150, .count = 1}, {.pfn = 100, .count = 1}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
  set_runs({{.pfn = 100, .count = 5}, {.pfn = 104, .count = 1}});
  BOOST_TEST(corrupt(result(), "page runs unsorted or outside their range"));
}

BOOST_AUTO_TEST_CASE(runs_that_do_not_add_up_to_the_length) {
  header.raw_bytes = header.stored_bytes = 4 * kPageBytes;
  BOOST_TEST(corrupt(result(), "page runs and length disagree"));
}

BOOST_AUTO_TEST_CASE(runs_outside_a_pages_section) {
  make(SectionKind::kDmesg, 10);
  header.run_count = 1;
  BOOST_TEST(corrupt(result(), "page runs outside a pages section"));
}

BOOST_AUTO_TEST_CASE(end_section_of_the_wrong_length) {
  make(SectionKind::kEnd, sizeof(EndPayload) - 8);
  BOOST_TEST(corrupt(result(), "end section of the wrong length"));
}

BOOST_AUTO_TEST_SUITE_END()
