// Every reason for which the header of a clone stream's section is not believed.
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "proto/clone_stream.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

constexpr std::array<std::uint8_t, 16> kId{1, 2, 3};
constexpr std::array<std::uint8_t, 16> kOtherId{9};

SectionHeader content() {
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(CloneSection::kContent);
  header.sequence = 5;
  header.crash_id = kId;
  header.run_count = 2;
  header.raw_bytes = header.stored_bytes = 2 + kBlockBytes;
  return header;
}

Result<SectionHeader> parse(const SectionHeader& header,
                            const StreamFormat& format = kCloneFormat) {
  alignas(8) std::array<std::byte, kBlockBytes> block{};
  std::memcpy(block.data(), &header, sizeof header);
  seal_section(block, format);
  return parse_clone_section(block, 5, kId);
}

void refused(void (*spoil)(SectionHeader&)) {
  SectionHeader header = content();
  spoil(header);
  BOOST_TEST(fake::fails(parse(header), Code::kCorrupt));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_section)

BOOST_AUTO_TEST_CASE(good_section) {
  BOOST_TEST(fake::ok(parse(content())));
}

BOOST_AUTO_TEST_CASE(dump_is_no_clone_and_a_clone_no_dump) {
  BOOST_TEST(fake::fails(parse(content(), kDumpFormat), Code::kCorrupt));
  alignas(8) std::array<std::byte, kBlockBytes> block{};
  const SectionHeader header = content();
  std::memcpy(block.data(), &header, sizeof header);
  seal_section(block, kCloneFormat);
  BOOST_TEST(fake::fails(parse_section(block, 5, kId), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(other_versions) {
  const auto of = [](std::uint32_t version) {
    return StreamFormat{kCloneFormat.magic, version, {}};
  };
  BOOST_TEST(fake::fails(parse(content(), of(4)), Code::kFutureVersion));
  BOOST_TEST(fake::fails(parse(content(), of(2)), Code::kUnsupported));
}

BOOST_AUTO_TEST_CASE(misplaced) {
  refused([](SectionHeader& header) { header.sequence = 4; });
  refused([](SectionHeader& header) { header.crash_id = kOtherId; });
  refused([](SectionHeader& header) {
    header.kind = static_cast<std::uint16_t>(CloneSection::kHead);
    header.run_count = 0;
  });
}

BOOST_AUTO_TEST_CASE(kinds_of_dumps_and_unknown_ones) {
  for (const std::uint16_t kind : std::array<std::uint16_t, 7>{0, 1, 3, 4, 15, 19, 0xffff}) {
    SectionHeader header = content();
    header.kind = kind;
    BOOST_TEST(fake::fails(parse(header), Code::kCorrupt));
  }
}

BOOST_AUTO_TEST_CASE(lengths) {
  refused([](SectionHeader& header) { header.raw_bytes = header.stored_bytes = 0; });
  refused(
      [](SectionHeader& header) { header.raw_bytes = header.stored_bytes = kMaxContentBytes + 1; });
  refused([](SectionHeader& header) { header.raw_bytes = header.stored_bytes = ~0ULL; });
  refused([](SectionHeader& header) { header.stored_bytes = header.raw_bytes - 1; });
  refused([](SectionHeader& header) { header.codec = 1; });  // lz4 that saved nothing
  refused([](SectionHeader& header) { header.codec = 3; });
}

BOOST_AUTO_TEST_CASE(runs) {
  refused([](SectionHeader& header) { header.run_count = 0; });
  refused([](SectionHeader& header) { header.run_count = kBlockBytes + 3; });
  refused([](SectionHeader& header) {
    header.raw_bytes = header.stored_bytes = kMaxContentBytes;
    header.run_count = kMaxContentRuns + 1;
  });
  refused([](SectionHeader& header) { header.run_count = 0xffffffff; });
  refused(
      [](SectionHeader& header) { header.kind = static_cast<std::uint16_t>(CloneSection::kEnd); });
}

BOOST_AUTO_TEST_CASE(fields_of_a_dump) {
  refused([](SectionHeader& header) { header.pass = 1; });
  refused([](SectionHeader& header) { header.first_pfn = 1; });
  refused([](SectionHeader& header) { header.end_pfn = 1; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
