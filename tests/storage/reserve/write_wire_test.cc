#include "storage/reserve/write_wire.h"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace lastword {
namespace {

std::vector<unsigned> bytes_of(const WriteCdb& cdb) {
  return {cdb.bytes().begin(), cdb.bytes().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(write_wire)

// SBC-3 5.32, table 78.
BOOST_AUTO_TEST_CASE(ten_bytes_where_the_address_fits) {
  const std::vector<unsigned> wanted{0x2a, 0, 0x01, 0x02, 0x03, 0x04, 0, 0x05, 0x06, 0};
  BOOST_TEST(bytes_of(write_cdb(0x01020304, 0x0506)) == wanted, boost::test_tools::per_element());
}

// SBC-3 5.34, table 80.
BOOST_AUTO_TEST_CASE(sixteen_bytes_where_it_does_not) {
  const std::vector<unsigned> wanted{0x8a, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0};
  BOOST_TEST(bytes_of(write_cdb(0x100000002, 8)) == wanted, boost::test_tools::per_element());
  BOOST_TEST(write_cdb(0, 0x10000).length == 16U);
}

// SBC-3 5.21, table 57.
BOOST_AUTO_TEST_CASE(flush_names_its_blocks_or_the_whole_medium) {
  const auto bytes = [](std::uint64_t lba, std::uint32_t blocks) {
    const auto cdb = synchronize_cache_cdb(lba, blocks);
    return std::vector<unsigned>(cdb.begin(), cdb.end());
  };
  const std::vector<unsigned> some{0x35, 0, 0x01, 0x02, 0x03, 0x04, 0, 0, 8, 0};
  const std::vector<unsigned> all{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  BOOST_TEST(bytes(0x01020304, 8) == some, boost::test_tools::per_element());
  BOOST_TEST(bytes(0x100000000, 8) == all, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
