#include "agent/recover/stream_reader.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/fake_shelf.h"
#include "tests/fake/sick_spot.h"
#include "tests/fake/stream_builder.h"

namespace lastword {
namespace {

using fake::StreamBuilder;

constexpr std::uint64_t kExtentOffset = 1 << 20;
constexpr std::uint64_t kExtentBytes = 24 << 20;
constexpr UuidBytes kCrash{1, 2, 3};
constexpr UuidBytes kEarlierCrash{9, 9, 9};

std::vector<std::byte> small_head() {
  const std::array segments{fake::Segment{.vaddr = 0, .paddr = 0, .bytes = 1 << 20}};
  return fake::vmcore_head(segments, fake::note("CORE", 1, "registers"));
}

// Head, log, three page sections; small enough to cut at every place.
StreamBuilder small_stream(const UuidBytes& crash = kCrash) {
  StreamBuilder stream(crash);
  stream.elf_head(small_head()).dmesg("one line\n");
  for (std::uint64_t pfn = 0; pfn < 30; pfn += 10) {
    stream.pages(pfn, pfn + 10, std::array{PageRun{pfn, 2}, PageRun{pfn + 5, 1}});
  }
  return stream;
}

struct Disk {
  explicit Disk(std::span<const std::byte> stream) { put(stream); }
  void put(std::span<const std::byte> stream) {
    std::vector<std::byte> blocks(stream.begin(), stream.end());
    blocks.resize(round_up_to_block(blocks.size()));
    shelf.poke(0, kExtentOffset, blocks);
  }
  fake::FakeShelf shelf{{.lun_bytes = kExtentOffset + kExtentBytes + (1 << 20)}};
  fake::Nexus node = shelf.connect("beta");
  std::unique_ptr<BlockDevice> device = node.device(0);
};

struct Reading {
  std::vector<SectionKind> kinds;
  StreamEnd end;
};

Reading read_all(BlockDevice& device, const UuidBytes& crash = kCrash,
                 std::uint64_t extent = kExtentBytes) {
  StreamReader reader(device, kExtentOffset, extent, crash);
  Reading reading;
  while (const Section* section = reader.next()) {
    reading.kinds.push_back(static_cast<SectionKind>(section->header.kind));
  }
  BOOST_TEST((reader.next() == nullptr));  // stays ended
  reading.end = reader.end();
  return reading;
}

Reading read_all(std::span<const std::byte> stream) {
  Disk disk(stream);
  return read_all(*disk.device);
}

// The stream ended early, with `code`, in the section that begins at `start`.
void check_stop(const Reading& reading, Code code, std::uint64_t start, std::string_view detail) {
  BOOST_TEST(!reading.end.whole);
  BOOST_TEST(name_of(reading.end.why.code) == name_of(code));
  BOOST_TEST(reading.end.bytes == start);
  BOOST_TEST(reading.end.why.offset == kExtentOffset + start);
  BOOST_TEST(!reading.end.why.disk.empty());
  BOOST_TEST_CONTEXT(describe(reading.end.why)) {
    BOOST_TEST((reading.end.why.detail.view().find(detail) != std::string_view::npos));
  }
}

BOOST_AUTO_TEST_SUITE(stream_reader)

BOOST_AUTO_TEST_CASE(whole_stream_is_read_to_its_end) {
  auto stream = small_stream();
  stream.end();
  const Reading reading = read_all(stream.bytes());
  BOOST_TEST(reading.end.whole);
  BOOST_TEST(reading.kinds.size() == 5U);
  BOOST_TEST(reading.end.sections == 6U);
  BOOST_TEST(reading.end.bytes == stream.bytes().size());
  BOOST_TEST(reading.end.totals.stored_pages == 9U);
  BOOST_TEST(reading.end.totals.zero_pages == 21U);
}

BOOST_AUTO_TEST_CASE(sections_across_read_ahead_chunks_keep_their_bytes) {
  StreamBuilder stream(kCrash);
  stream.elf_head(small_head());
  for (std::uint64_t pfn = 0; pfn < 14 * 256; pfn += 256) {
    stream.pages(pfn, pfn + 256, std::array{PageRun{pfn, 255, 0}});
  }
  stream.end();
  BOOST_TEST_REQUIRE(stream.bytes().size() > 3 * ReadAhead::kChunkBytes);
  Disk disk(stream.bytes());
  StreamReader reader(*disk.device, kExtentOffset, kExtentBytes, kCrash);
  std::uint64_t pages = 0;
  while (const Section* section = reader.next()) {
    auto content = section->content;
    for (const PageRun& run : section->runs) {
      if (run.what != static_cast<std::uint16_t>(RunKind::kStored)) continue;
      for (std::uint64_t i = 0; i < run.count; ++i) {
        const auto expected = fake::page_content(run.pfn + i);
        BOOST_TEST_REQUIRE(std::equal(expected.begin(), expected.end(), content.begin()));
        content = content.subspan(kPageBytes);
        ++pages;
      }
    }
  }
  BOOST_TEST(reader.end().whole);
  BOOST_TEST(pages == 14U * 255U);
}

BOOST_AUTO_TEST_CASE(stream_cut_at_any_section_boundary_gives_the_sections_before) {
  auto stream = small_stream();
  stream.end();
  const auto boundaries = stream.boundaries();
  for (std::size_t i = 0; i + 1 < boundaries.size(); ++i) {
    const Reading reading = read_all(std::span(stream.bytes()).first(boundaries[i]));
    BOOST_TEST(reading.kinds.size() == i);
    check_stop(reading, Code::kNotFound, boundaries[i], "no section");
  }
}

BOOST_AUTO_TEST_CASE(payload_cut_in_the_middle_is_no_section) {
  const auto stream = small_stream();
  const auto boundaries = stream.boundaries();
  const std::size_t last = boundaries[boundaries.size() - 2];
  const Reading reading = read_all(std::span(stream.bytes()).first(last + 2 * kBlockBytes));
  check_stop(reading, Code::kCorrupt, last, "payload CRC");
}

BOOST_AUTO_TEST_CASE(header_cut_in_the_middle_is_no_section) {
  const auto stream = small_stream();
  const std::size_t last = stream.boundaries()[4];
  const Reading reading = read_all(std::span(stream.bytes()).first(last + 40));
  check_stop(reading, Code::kCorrupt, last, "header CRC");
}

BOOST_AUTO_TEST_CASE(flipped_bit_in_payload_ends_the_stream_there) {
  auto bytes = small_stream().bytes();
  const std::size_t start = small_stream().boundaries()[3];
  bytes[start + kBlockBytes + 4097] ^= std::byte{0x10};
  check_stop(read_all(bytes), Code::kCorrupt, start, "payload CRC");
}

BOOST_AUTO_TEST_CASE(flipped_bit_in_header_ends_the_stream_there) {
  auto bytes = small_stream().bytes();
  const std::size_t start = small_stream().boundaries()[3];
  bytes[start + offsetof(SectionHeader, raw_bytes)] ^= std::byte{1};
  check_stop(read_all(bytes), Code::kCorrupt, start, "header CRC");
}

BOOST_AUTO_TEST_CASE(flipped_bit_in_run_table_ends_the_stream_there) {
  auto bytes = small_stream().bytes();
  const std::size_t start = small_stream().boundaries()[3];
  bytes[start + sizeof(SectionHeader)] ^= std::byte{1};
  check_stop(read_all(bytes), Code::kCorrupt, start, "header CRC");
}

BOOST_AUTO_TEST_CASE(run_outside_its_range_is_refused_though_its_crc_is_right) {
  auto bytes = small_stream().bytes();
  const std::size_t start = small_stream().boundaries()[3];
  const std::uint64_t pfn = 1000;
  std::memcpy(bytes.data() + start + sizeof(SectionHeader), &pfn, sizeof pfn);
  fake::reseal(bytes, start);
  check_stop(read_all(bytes), Code::kCorrupt, start, "page runs");
}

BOOST_AUTO_TEST_CASE(section_of_a_newer_version_is_called_that) {
  auto bytes = small_stream().bytes();
  const std::size_t start = small_stream().boundaries()[2];
  const std::uint32_t version = kStreamVersion + 1;
  std::memcpy(bytes.data() + start + offsetof(SectionHeader, version), &version, sizeof version);
  fake::reseal(bytes, start);
  check_stop(read_all(bytes), Code::kFutureVersion, start, "newer lastword");
}

BOOST_AUTO_TEST_CASE(sections_of_an_older_dump_behind_a_shorter_new_one_are_not_taken) {
  auto older = small_stream(kEarlierCrash);
  older.end();
  const auto newer = small_stream();
  Disk disk(older.bytes());
  const std::size_t cut = newer.boundaries()[3];  // where the older one has a section too
  disk.put(std::span(newer.bytes()).first(cut));
  const Reading reading = read_all(*disk.device);
  BOOST_TEST(reading.kinds.size() == 3U);
  check_stop(reading, Code::kNotFound, cut, "earlier dump");
}

BOOST_AUTO_TEST_CASE(section_out_of_sequence_is_not_taken) {
  const auto stream = small_stream();
  auto bytes = stream.bytes();
  const auto at = stream.boundaries();
  BOOST_TEST_REQUIRE(at[3] - at[2] == at[4] - at[3]);
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(at[3]),
            bytes.begin() + static_cast<std::ptrdiff_t>(at[4]),
            bytes.begin() + static_cast<std::ptrdiff_t>(at[2]));
  check_stop(read_all(bytes), Code::kNotFound, at[2], "earlier dump");
}

BOOST_AUTO_TEST_CASE(dump_of_another_crash_gives_nothing) {
  Disk disk(small_stream(kEarlierCrash).bytes());
  const Reading reading = read_all(*disk.device);
  BOOST_TEST(reading.kinds.empty());
  check_stop(reading, Code::kNotFound, 0, "earlier dump");
}

BOOST_AUTO_TEST_CASE(stream_must_begin_with_the_head) {
  StreamBuilder stream(kCrash);
  stream.dmesg("no head before me\n");
  check_stop(read_all(stream.bytes()), Code::kCorrupt, 0, "begin with an elf-head");
}

BOOST_AUTO_TEST_CASE(kinds_out_of_order_are_refused) {
  auto stream = small_stream();
  const std::size_t start = stream.bytes().size();
  stream.dmesg("too late\n");
  check_stop(read_all(stream.bytes()), Code::kCorrupt, start, "out of order");
}

BOOST_AUTO_TEST_CASE(section_longer_than_the_extent_is_refused) {
  const auto stream = small_stream();
  Disk disk(stream.bytes());
  const std::size_t last = stream.boundaries()[4];
  const Reading reading = read_all(*disk.device, kCrash, last + 2 * kBlockBytes);
  check_stop(reading, Code::kCorrupt, last, "beyond the dump's extent");
}

BOOST_AUTO_TEST_CASE(extent_that_ends_with_a_section_ends_the_stream) {
  const auto stream = small_stream();
  Disk disk(stream.bytes());
  const Reading reading = read_all(*disk.device, kCrash, stream.bytes().size());
  BOOST_TEST(reading.kinds.size() == 5U);
  check_stop(reading, Code::kNotFound, stream.bytes().size(), "extent ends");
}

BOOST_AUTO_TEST_CASE(end_section_that_counts_otherwise_does_not_make_it_whole) {
  auto stream = small_stream();
  EndPayload totals = stream.totals();
  ++totals.section_count;
  stream.end(totals);
  const Reading reading = read_all(stream.bytes());
  BOOST_TEST(!reading.end.whole);
  BOOST_TEST(name_of(reading.end.why.code) == name_of(Code::kCorrupt));
  BOOST_TEST(reading.kinds.size() == 5U);
}

BOOST_AUTO_TEST_CASE(unreadable_block_ends_the_stream_at_the_section_it_is_in) {
  const auto stream = small_stream();
  const auto boundaries = stream.boundaries();
  Disk disk(stream.bytes());
  const std::uint64_t spot = kExtentOffset + boundaries[3] + 2 * kBlockBytes;
  fake::SickSpot sick(disk.node.device(0), spot);
  const Reading reading = read_all(sick);
  BOOST_TEST(reading.kinds.size() == 3U);
  BOOST_TEST(reading.end.bytes == boundaries[3]);
  BOOST_TEST(name_of(reading.end.why.code) == name_of(Code::kIo));
  BOOST_TEST(reading.end.why.offset == spot);
}

BOOST_AUTO_TEST_CASE(reader_may_be_dropped_before_the_end) {
  StreamBuilder stream = small_stream();
  Disk disk(stream.bytes());
  StreamReader reader(*disk.device, kExtentOffset, kExtentBytes, kCrash);
  BOOST_TEST((reader.next() != nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
