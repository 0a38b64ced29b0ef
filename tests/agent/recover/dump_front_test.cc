// The beginning of a dump: head and log at once, whatever follows.
#include "agent/recover/dump_front.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/recover/recover_fixture.h"

namespace lastword {
namespace {

class FrontFixture : public RecoverFixture {
 public:
  DumpFront read(std::span<const std::byte> stream, pb::Attribute attribute = pb::COMPLETED) {
    put_stream(stream);
    put_header(attribute, pb::REASON_NONE, stream.size());
    const auto dump = read_dump(source(), true);
    BOOST_TEST_REQUIRE(dump.has_value());
    shelf.clear_trace();
    return read_front(*device, *dump);
  }
  std::uint64_t stored_pages() {
    const auto dump = read_dump(source(), true);
    BOOST_TEST_REQUIRE(dump.has_value());
    return count_stored_pages(*device, *dump);
  }
};

BOOST_FIXTURE_TEST_SUITE(dump_front, FrontFixture)

BOOST_AUTO_TEST_CASE(log_and_head_are_read_and_nothing_behind_them) {
  auto stream = sample_stream();
  const DumpFront front = read(stream.end().bytes());
  BOOST_TEST(front.whole);
  BOOST_TEST(front.dmesg == kLog);
  BOOST_TEST(parse_core_head(front.head).has_value());
  const std::size_t pages = stream.boundaries()[5];  // 3 sections of head, 2 of log before it
  for (const auto& command : shelf.trace()) {
    BOOST_TEST(fake::name_of(command.command) == fake::name_of(fake::Command::kRead));
    BOOST_TEST(command.offset <= kExtentOffset + pages);
  }
}

BOOST_AUTO_TEST_CASE(damaged_pages_do_not_matter) {
  auto stream = sample_stream();
  std::vector<std::byte> bytes = stream.end().bytes();
  bytes[stream.boundaries()[5] + kBlockBytes] ^= std::byte{1};
  BOOST_TEST(read(bytes).whole);
}

BOOST_AUTO_TEST_CASE(log_that_is_still_being_written_is_had_as_far_as_it_goes) {
  const auto stream = sample_stream();
  const DumpFront front =
      read(std::span(stream.bytes()).first(stream.boundaries()[4]), pb::IN_PROGRESS);
  BOOST_TEST(!front.whole);
  BOOST_TEST(front.dmesg == kLog.substr(0, 16));
  BOOST_TEST(name_of(front.end.code) == name_of(Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(damaged_part_of_the_log_is_left_out_and_named) {
  auto stream = sample_stream();
  std::vector<std::byte> bytes = stream.end().bytes();
  bytes[stream.boundaries()[4] + kBlockBytes] ^= std::byte{1};
  const DumpFront front = read(bytes);
  BOOST_TEST(!front.whole);
  BOOST_TEST(front.dmesg == kLog.substr(0, 16));
  BOOST_TEST(name_of(front.end.code) == name_of(Code::kCorrupt));
  BOOST_TEST(front.end.offset == kExtentOffset + stream.boundaries()[4]);
}

BOOST_AUTO_TEST_CASE(log_in_another_codec_is_decoded) {
  fake::StreamBuilder stream(kCrash);
  stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, "registers")));
  // One LZ4 block (lz4_Block_format.md): a literal, repeated 14 times, then 5 literals.
  constexpr std::string_view kPacked(
      "\x1a"
      "a\1\0\x50hello",
      10);
  stream.section(SectionKind::kDmesg, std::as_bytes(std::span(kPacked)), [](SectionHeader& header) {
    header.codec = static_cast<std::uint16_t>(Codec::kLz4);
    header.raw_bytes = 20;
  });
  const DumpFront front = read(stream.end().bytes());
  BOOST_TEST(front.dmesg == "aaaaaaaaaaaaaaahello", describe(front.end));
}

BOOST_AUTO_TEST_CASE(dump_without_a_log_or_without_anything) {
  fake::StreamBuilder stream(kCrash);
  stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, "registers")));
  stream.pages(1, 64, stored_runs(1, 64));
  DumpFront front = read(stream.bytes());
  BOOST_TEST(front.whole);
  BOOST_TEST(front.dmesg.empty());
  BOOST_TEST(!front.head.empty());

  front = read(std::vector<std::byte>(kBlockBytes));
  BOOST_TEST(!front.whole);
}

BOOST_AUTO_TEST_CASE(stored_pages_are_counted_without_damaged_sections) {
  auto stream = sample_stream();
  const std::uint64_t all = stream.totals().stored_pages;
  (void)read(stream.end().bytes());
  shelf.clear_trace();
  BOOST_TEST(stored_pages() == all);
  for (const auto& command : shelf.trace()) BOOST_TEST(command.length == kBlockBytes);

  std::vector<std::byte> bytes = stream.bytes();
  bytes[stream.boundaries()[6] + 5] ^= std::byte{1};
  (void)read(bytes);
  std::uint64_t lost = 0;
  for (const PageRun& run : stored_runs(1, 64)) lost += run.count;
  BOOST_TEST(stored_pages() == all - lost);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
