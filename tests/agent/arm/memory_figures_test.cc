#include "agent/arm/memory_figures.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

constexpr char kIomem[] =
    "00000000-00000fff : Reserved\n"
    "00001000-0009fbff : System RAM\n"
    "00100000-3ffdffff : System RAM\n"
    "  16000000-16e025c7 : Kernel code\n"
    "  2a000000-31ffffff : Crash kernel\n"
    "fd000000-fdffffff : 0000:00:02.0\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_figures)

BOOST_AUTO_TEST_CASE(capture_kernels_reserve_is_not_dumped) {
  const auto figures =
      parse_memory_figures(kIomem, "MemTotal: 800000 kB\nMemFree:        600000 kB\n");
  BOOST_REQUIRE(figures);
  const std::uint64_t ram = 0x9ec00 + 0x3fee0000;
  BOOST_TEST(figures->reserved_bytes == 0x8000000U);
  BOOST_TEST(figures->raw_bytes == ram - 0x8000000);
  BOOST_TEST(figures->in_use_bytes == ram - 0x8000000 - (600000ULL << 10));
}

BOOST_AUTO_TEST_CASE(memory_map_without_addresses_is_refused) {
  const auto figures = parse_memory_figures(
      "00000000-00000000 : System RAM\n  00000000-00000000 : Crash kernel\n", "MemFree: 1 kB\n");
  BOOST_REQUIRE(!figures);
  BOOST_TEST((figures.error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(meminfo_without_free_memory_is_an_error) {
  BOOST_TEST(!parse_memory_figures(kIomem, "MemTotal: 5 kB\n"));
}

BOOST_AUTO_TEST_CASE(more_free_memory_than_there_is_leaves_nothing_in_use) {
  BOOST_TEST(parse_memory_figures(kIomem, "MemFree: 99999999999 kB\n")->in_use_bytes == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
