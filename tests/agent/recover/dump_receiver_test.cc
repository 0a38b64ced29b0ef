// What a reader makes of a stream's pages: each page frame once, under the right name, and nothing
// from a section that contradicts itself or an earlier one.
#include "agent/recover/dump_receiver.h"

#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/fake/fake_shelf.h"
#include "tests/fake/stream_builder.h"

namespace lastword {
namespace {

using fake::StreamBuilder;

constexpr UuidBytes kCrash{1, 2, 3};
constexpr std::uint64_t kExtentBytes = 8 << 20;
// Page frames 0 .. 64 and 256 .. 512.
constexpr std::array kMemory{fake::Segment{.vaddr = 0, .paddr = 0, .bytes = 0x40000},
                             fake::Segment{.vaddr = 0, .paddr = 0x100000, .bytes = 0x100000}};
constexpr std::uint64_t kMemoryPages = 64 + 256;

PageRun run(RunKind what, std::uint64_t pfn, std::uint32_t count,
            PageClass page_class = PageClass::kKernel) {
  return {.pfn = pfn,
          .count = count,
          .what = static_cast<std::uint16_t>(what),
          .page_class = static_cast<std::uint16_t>(page_class)};
}

class RecordingWriter final : public CoreWriter {
 public:
  Status begin(const CoreHead&, const CoreLayout&) override { return {}; }
  Status write_pages(std::uint64_t pfn, std::span<const std::byte> content) override {
    for (; !content.empty(); content = content.subspan(kPageBytes), ++pfn) {
      const auto expected = fake::page_content(pfn);
      BOOST_TEST(std::equal(expected.begin(), expected.end(), content.begin()), "page " << pfn);
      put(pfn, 1, "stored");
    }
    return {};
  }
  Status write_zero_pages(std::uint64_t pfn, std::uint64_t count) override {
    put(pfn, count, "zero");
    return {};
  }
  Status exclude_pages(std::uint64_t pfn, std::uint64_t count, PageClass page_class) override {
    put(pfn, count, "excluded " + std::string(name_of(page_class)));
    return {};
  }
  Status finish(std::string_view) override { return {}; }
  std::uint64_t file_bytes() const override { return 0; }

  std::string at(std::uint64_t pfn) const {
    const auto page = pages.find(pfn);
    return page == pages.end() ? "" : page->second;
  }
  std::map<std::uint64_t, std::string> pages;

 private:
  void put(std::uint64_t pfn, std::uint64_t count, const std::string& what) {
    BOOST_TEST_REQUIRE(count <= kMemoryPages);
    for (std::uint64_t i = 0; i < count; ++i) {
      BOOST_TEST(pages.emplace(pfn + i, what).second, "page " << pfn + i << " twice");
    }
  }
};

struct Reception {
  StreamBuilder stream{kCrash};
  RecordingWriter writer;
  DumpReceiver receiver{&writer};

  Reception() { stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, "registers"))); }

  Status receive() { return receive(stream.bytes()); }
  Status receive(std::span<const std::byte> bytes) {
    fake::FakeShelf shelf({.lun_bytes = kExtentBytes});
    fake::Nexus node = shelf.connect("beta");
    std::vector<std::byte> blocks(bytes.begin(), bytes.end());
    blocks.resize(round_up_to_block(blocks.size()));
    shelf.poke(0, 0, blocks);
    const auto device = node.device(0);
    StreamReader reader(*device, 0, kExtentBytes, kCrash);
    return receiver.receive(reader, {});
  }
};

PageCounts counts(std::initializer_list<std::pair<PageClass, std::uint64_t>> list) {
  PageCounts result{};
  for (const auto& [page_class, count] : list) result[static_cast<std::size_t>(page_class)] = count;
  return result;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dump_receiver, Reception)

BOOST_AUTO_TEST_CASE(every_kind_of_run_reaches_the_writer_and_its_count) {
  stream.runs(PagePass::kKernel,
              std::array{run(RunKind::kStored, 1, 3), run(RunKind::kZero, 4, 10),
                         run(RunKind::kExcluded, 20, 5, PageClass::kFree),
                         run(RunKind::kUnreadable, 30, 2), run(RunKind::kStored, 40, 1)});
  stream.runs(PagePass::kUser, std::array{run(RunKind::kStored, 14, 6, PageClass::kHugetlb),
                                          run(RunKind::kZero, 256, 100)});
  stream.end();
  BOOST_TEST_REQUIRE(receive().has_value());
  BOOST_TEST(receiver.end().whole);
  BOOST_TEST(writer.at(2) == "stored");
  BOOST_TEST(writer.at(13) == "zero");
  BOOST_TEST(writer.at(16) == "stored");
  BOOST_TEST(writer.at(24) == "excluded free");
  BOOST_TEST(writer.at(30) == "");
  BOOST_TEST(writer.at(40) == "stored");
  BOOST_TEST(writer.at(355) == "zero");
  BOOST_TEST(
      (receiver.stored_pages() == counts({{PageClass::kKernel, 4}, {PageClass::kHugetlb, 6}})));
  BOOST_TEST((receiver.excluded_pages() == counts({{PageClass::kFree, 5}})));
  BOOST_TEST(receiver.zero_pages() == 110U);
  BOOST_TEST((receiver.last_pass() == PagePass::kUser));
  const std::vector<PfnRange> missing{{0, 1}, {25, 40}, {41, 64}, {356, 512}};
  BOOST_TEST((receiver.missing() == missing));
}

BOOST_AUTO_TEST_CASE(compressed_sections_give_their_pages) {
  stream.runs(PagePass::kKernel, std::array{run(RunKind::kStored, 0, 64)}, Codec::kLz4);
  stream.runs(PagePass::kKernel, std::array{run(RunKind::kStored, 256, 200)}, Codec::kZstd);
  BOOST_TEST_REQUIRE(stream.bytes().size() < 200 * kPageBytes);
  BOOST_TEST_REQUIRE(receive().has_value());
  BOOST_TEST(writer.pages.size() == 264U);
}

BOOST_AUTO_TEST_CASE(payload_that_does_not_decode_is_damage_whatever_its_checksum_says) {
  for (const Codec codec : {Codec::kLz4, Codec::kZstd}) {
    for (const std::uint64_t raw_pages : {63U, 65U, 64U}) {
      Reception other;
      other.stream.runs(PagePass::kKernel, std::array{run(RunKind::kStored, 0, 64)}, codec);
      auto bytes = other.stream.bytes();
      const std::size_t start = other.stream.boundaries()[1];
      SectionHeader header;
      std::memcpy(&header, bytes.data() + start, sizeof header);
      PageRun one = run(RunKind::kStored, 0, static_cast<std::uint32_t>(raw_pages));
      std::memcpy(bytes.data() + start + sizeof header, &one, sizeof one);
      header.raw_bytes = raw_pages * kPageBytes;
      header.end_pfn = raw_pages;
      if (raw_pages == 64) header.codec = header.codec == 1 ? 2 : 1;  // the other codec's
      std::memcpy(bytes.data() + start, &header, sizeof header);
      fake::reseal(bytes, start);
      BOOST_TEST_REQUIRE(other.receive(bytes).has_value());
      BOOST_TEST(!other.receiver.end().whole);
      BOOST_TEST(name_of(other.receiver.end().why.code) == name_of(Code::kCorrupt));
      BOOST_TEST(other.receiver.end().bytes == start);
      BOOST_TEST(other.writer.pages.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(page_frame_told_of_twice_ends_the_dump_before_that_section) {
  stream.runs(PagePass::kKernel, std::array{run(RunKind::kStored, 10, 4)});
  const std::uint64_t good = stream.bytes().size();
  stream.runs(PagePass::kUser, std::array{run(RunKind::kStored, 2, 1), run(RunKind::kZero, 13, 1)});
  stream.end();
  BOOST_TEST_REQUIRE(receive().has_value());
  BOOST_TEST(!receiver.end().whole);
  BOOST_TEST(receiver.end().bytes == good);
  BOOST_TEST(writer.pages.size() == 4U);
  BOOST_TEST((receiver.missing().front() == PfnRange{0, 10}));
}

BOOST_AUTO_TEST_CASE(runs_outside_memory_are_cut_off_and_stored_ones_counted) {
  stream.runs(PagePass::kKernel,
              std::array{run(RunKind::kStored, 60, 10), run(RunKind::kZero, 100, 200),
                         run(RunKind::kExcluded, 500, 0xffffffff, PageClass::kCache),
                         run(RunKind::kZero, std::uint64_t{1} << 40, 0xffffffff)});
  BOOST_TEST_REQUIRE(receive().has_value());
  BOOST_TEST(receiver.stray_pages() == 6U);
  BOOST_TEST(writer.pages.size() == 4U + (300 - 256) + 12);
  BOOST_TEST(receiver.zero_pages() == 44U);
  BOOST_TEST((receiver.excluded_pages() == counts({{PageClass::kCache, 12}})));
}

BOOST_AUTO_TEST_CASE(stream_of_an_older_version_is_refused_with_what_to_do) {
  auto bytes = stream.bytes();
  const std::uint32_t version = 1;
  std::memcpy(bytes.data() + offsetof(SectionHeader, version), &version, sizeof version);
  fake::reseal(bytes, 0);
  const Status status = receive(bytes);
  BOOST_TEST_REQUIRE(!status.has_value());
  BOOST_TEST(name_of(status.error().code) == name_of(Code::kUnsupported));
  BOOST_TEST((status.error().detail.view().find("older lastword") != std::string_view::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
