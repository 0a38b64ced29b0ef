// The device of a thin volume past the page cache; a file stands for it.
#include "agent/transfer/thin_file.h"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/agent/transfer/file_discards.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

constexpr std::size_t kMib = 1 << 20;

std::vector<std::byte> pattern(std::size_t bytes) {
  std::vector<std::byte> result(bytes);
  for (std::size_t i = 0; i < bytes; ++i) result[i] = static_cast<std::byte>(i * 7 + i / 256 + 1);
  return result;
}

struct Fixture {
  test::TestFolder folder;
  const std::string path = folder.file("volume");

  Fixture() { std::ofstream(path, std::ios::binary) << std::string(4 * kMib, 'x'); }
  ThinFile open(ThinFile::For use = ThinFile::For::kWriting) {
    auto file = ThinFile::open(path, use);
    BOOST_REQUIRE(fake::ok(file));
    return std::move(*file);
  }
  static std::vector<std::byte> read(const ThinFile& file, std::uint64_t offset,
                                     std::size_t bytes) {
    std::vector<std::byte> result(bytes);
    BOOST_TEST(fake::ok(file.read(offset, result)));
    return result;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_file, Fixture)

BOOST_AUTO_TEST_CASE(what_is_longer_than_the_buffer_goes_whole) {
  const auto content = pattern(2 * kMib + 4096);
  ThinFile file = open();
  BOOST_TEST(fake::ok(file.write(512, content)));
  BOOST_TEST(fake::ok(file.sync()));
  BOOST_TEST((read(file, 512, content.size()) == content));
  BOOST_TEST((read(file, 0, 512) == std::vector<std::byte>(512, std::byte{'x'})));
  BOOST_TEST(
      (read(file, 512 + content.size(), 512) == std::vector<std::byte>(512, std::byte{'x'})));
}

BOOST_AUTO_TEST_CASE(last_block_is_filled_with_zeros) {
  const auto content = pattern(kMib + 700);
  ThinFile file = open();
  BOOST_TEST(fake::ok(file.write(0, content)));
  BOOST_TEST((read(file, 0, content.size()) == content));
  auto block = read(file, kMib + 512, 1024);
  BOOST_TEST((std::vector<std::byte>(block.begin(), block.begin() + 188) ==
              std::vector<std::byte>(content.end() - 188, content.end())));
  BOOST_TEST((std::vector<std::byte>(block.begin() + 188, block.begin() + 512) ==
              std::vector<std::byte>(324)));
  BOOST_TEST((block[512] == std::byte{'x'}));
}

BOOST_AUTO_TEST_CASE(nothing_is_read_behind_the_end) {
  const ThinFile file = open();
  std::vector<std::byte> buffer(4096);
  BOOST_TEST(fake::fails(file.read(4 * kMib, buffer), Code::kIo));
  std::vector<std::byte> across(8192);
  const Status status = file.read(4 * kMib - 4096, across);
  BOOST_TEST_REQUIRE(fake::fails(status, Code::kIo));
  BOOST_TEST(status.error().offset == 4 * kMib);
}

BOOST_AUTO_TEST_CASE(errors_name_the_volume) {
  BOOST_TEST(fake::fails(ThinFile::open(folder.file("none"), ThinFile::For::kReading), Code::kIo));
  ThinFile file = open(ThinFile::For::kReading);
  const Status status = file.write(0, pattern(512));
  BOOST_TEST_REQUIRE(fake::fails(status, Code::kIo));
  BOOST_TEST(describe(status.error()).find(path) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(written_is_not_durable_before_it_is_synced) {
  ThinFile file = open();
  BOOST_TEST(file.synced());
  BOOST_TEST(fake::ok(file.write(0, pattern(512))));
  BOOST_TEST(!file.synced());
  BOOST_TEST(fake::ok(file.sync()));
  BOOST_TEST(file.synced());
}

BOOST_AUTO_TEST_CASE(what_is_discarded_reads_as_zeros) {
  ThinFile file = open();
  BOOST_TEST(fake::ok(file.discard(kMib, 2 * kMib + 65536)));
  BOOST_TEST(!file.synced());
  BOOST_TEST((read(file, kMib, 2 * kMib + 65536) == std::vector<std::byte>(2 * kMib + 65536)));
  BOOST_TEST((read(file, kMib - 512, 512)[0] == std::byte{'x'}));
  BOOST_TEST((read(file, 3 * kMib + 65536, 512)[0] == std::byte{'x'}));
}

BOOST_AUTO_TEST_CASE(device_that_only_says_that_it_discards_is_told) {
  ThinFile file = open();
  BOOST_TEST(fake::ok(file.discard(0, kMib)));
  fake::discards_are_ignored = true;
  const Status status = file.discard(0, 3 * kMib);
  fake::discards_are_ignored = false;
  BOOST_TEST_REQUIRE(fake::fails(status, Code::kUnsupported));
  BOOST_TEST(status.error().offset == kMib);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
