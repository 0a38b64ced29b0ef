#include "agent/recover/file_checksum.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include "proto/crc32c.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

std::vector<std::byte> bytes_of(std::size_t count, unsigned seed) {
  std::vector<std::byte> bytes(count);
  for (std::byte& one : bytes)
    one = static_cast<std::byte>((seed = seed * 1103515245 + 12345) >> 16);
  return bytes;
}

// Parts of a file, as a core's are written: in no order, with holes.
struct Part {
  std::uint64_t offset;
  std::size_t bytes;
};
const std::vector<Part> kParts{{1 << 20, 70'000}, {0, 4096}, {5000, 1}, {8192, 8192}, {300'000, 0}};

}  // namespace

BOOST_AUTO_TEST_SUITE(file_checksum)

BOOST_AUTO_TEST_CASE(parts_in_any_order_have_the_checksum_of_the_whole_file) {
  constexpr std::size_t kSize = (1 << 20) + 100'000;
  std::vector<std::byte> whole(kSize);
  for (const bool backwards : {false, true}) {
    std::vector<Part> parts = kParts;
    if (backwards) std::ranges::reverse(parts);
    PartsChecksum checksum;
    for (const Part& part : parts) {
      const auto data = bytes_of(part.bytes, static_cast<unsigned>(part.offset) + 1);
      std::ranges::copy(data, whole.begin() + static_cast<std::ptrdiff_t>(part.offset));
      checksum.add(part.offset, data);
    }
    checksum.extend_to(kSize);
    checksum.extend_to(17);  // it is longer already
    BOOST_TEST(checksum.value() == crc32c(whole));
  }
  BOOST_TEST(PartsChecksum().value() == crc32c({}));
}

BOOST_AUTO_TEST_CASE(file_that_was_written_has_the_checksum_of_its_parts) {
  const TestFolder folder;
  const std::string path = folder.file("core");
  const auto file = real_file_system().create(path);
  BOOST_TEST_REQUIRE(file.has_value());
  ChecksummedFile core(**file);
  BOOST_TEST_REQUIRE(core.set_size(3 << 20).has_value());  // ends in a hole
  for (const Part& part : kParts) {
    BOOST_TEST_REQUIRE(core.write(part.offset, bytes_of(part.bytes, 7)).has_value());
  }
  BOOST_TEST_REQUIRE(core.sync().has_value());
  BOOST_TEST(checksum_of_file(path).value() == core.crc32c());
  std::filesystem::resize_file(path, (3 << 20) - 1);
  BOOST_TEST(checksum_of_file(path).value() != core.crc32c());
}

BOOST_AUTO_TEST_CASE(file_that_is_not_there_has_none) {
  const auto none = checksum_of_file("/nonexistent/core");
  BOOST_TEST_REQUIRE(!none.has_value());
  BOOST_TEST(name_of(none.error().code) == name_of(Code::kIo));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
