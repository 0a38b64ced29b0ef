#include "proto/crc32c.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>
#include <string_view>
#include <vector>

using namespace lastword;

namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(crc32c_vectors)

// RFC 3720 B.4, where the CRCs are printed byte by byte, least significant first.
BOOST_AUTO_TEST_CASE(of_rfc_3720_hold) {
  std::vector<std::byte> data(32, std::byte{0x00});
  BOOST_TEST(crc32c(data) == 0x8a9136aaU);
  std::ranges::fill(data, std::byte{0xff});
  BOOST_TEST(crc32c(data) == 0x62a8ab43U);
  for (unsigned i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i);
  BOOST_TEST(crc32c(data) == 0x46dd794eU);
  std::ranges::reverse(data);
  BOOST_TEST(crc32c(data) == 0x113fdb5cU);
}

BOOST_AUTO_TEST_CASE(of_rfc_3720_read_command_holds) {
  constexpr std::string_view kCommand(
      "\x01\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x14\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x14\x00\x00\x00\x18"
      "\x28\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00",
      48);
  BOOST_TEST(crc32c(std::as_bytes(std::span(kCommand))) == 0xd9963a56U);
}

BOOST_AUTO_TEST_CASE(of_check_value_and_nothing_hold) {
  constexpr std::string_view kDigits = "123456789";
  BOOST_TEST(crc32c(std::as_bytes(std::span(kDigits))) == 0xe3069283U);
  BOOST_TEST(crc32c_portable(std::as_bytes(std::span(kDigits))) == 0xe3069283U);
  BOOST_TEST(crc32c({}) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(crc32c_of_both_kinds)

// Every length up to beyond three stripes, at every alignment to a word.
BOOST_AUTO_TEST_CASE(equals_that_of_byte_by_byte_at_all_lengths_and_alignments) {
  constexpr std::size_t kMax = 3 * 1360 + 64;
  const auto bytes = random_bytes(kMax + 8);
  const std::span all(bytes);
  for (std::size_t at = 0; at < 8; ++at) {
    std::uint32_t expected = 0;
    bool equal = true;
    for (std::size_t size = 0; size <= kMax && equal; ++size) {
      const auto part = all.subspan(at, size);
      equal = crc32c(part) == expected && crc32c_portable(part) == expected &&
              (!has_crc32_instruction() || crc32c_by_instruction(part) == expected);
      if (!equal) BOOST_TEST_MESSAGE("alignment " << at << ", length " << size);
      if (size < kMax) expected = crc32c_portable(all.subspan(at + size, 1), expected);
    }
    BOOST_TEST(equal);
  }
}

BOOST_AUTO_TEST_CASE(equals_the_table_over_many_rounds) {
  const auto bytes = random_bytes((1 << 20) + 13);
  BOOST_TEST(crc32c(bytes) == crc32c_portable(bytes));
  BOOST_TEST(crc32c(bytes, 0x12345678) == crc32c_portable(bytes, 0x12345678));
  if (!has_crc32_instruction()) return;
  BOOST_TEST(crc32c_by_instruction(bytes, 7) == crc32c_portable(bytes, 7));
}

BOOST_AUTO_TEST_CASE(goes_on_from_the_crc_of_what_came_before) {
  const auto bytes = random_bytes(10000);
  const std::span all(bytes);
  for (const std::size_t cut : {0UL, 1UL, 7UL, 4096UL, 9999UL, 10000UL}) {
    BOOST_TEST(crc32c(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
  }
}

BOOST_AUTO_TEST_SUITE_END()
