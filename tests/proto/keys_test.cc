#include "proto/keys.h"

#include <boost/test/unit_test.hpp>

using namespace lastword;

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(have_tag_cluster_node_and_generation_in_this_order) {
  const KeyParts parts{.cluster = 0xa1b2, .node = 1, .boot_generation = 7};
  BOOST_TEST(make_key(parts).value == 0x4c57'a1b2'01'000007U);
  BOOST_TEST(to_string(make_key(parts)) == "0x4c57a1b201000007");
}

BOOST_AUTO_TEST_CASE(come_back_as_they_were_made_and_are_never_zero) {
  for (const std::uint32_t cluster : {0x0000U, 0x0001U, 0x8000U, 0xffffU}) {
    for (const std::uint32_t node : {1U, 2U, 128U, 255U}) {
      for (const std::uint32_t generation : {1U, 2U, 0xffffU, 0x10000U, kMaxBootGeneration}) {
        const KeyParts parts{.cluster = static_cast<std::uint16_t>(cluster),
                             .node = static_cast<std::uint8_t>(node),
                             .boot_generation = generation};
        const ReservationKey key = make_key(parts);
        BOOST_TEST(key.value != 0U);
        BOOST_TEST_REQUIRE(parse_key(key).has_value());
        BOOST_TEST((*parse_key(key) == parts));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(of_two_boots_and_of_two_nodes_differ) {
  const auto key = [](std::uint8_t node, std::uint32_t generation) {
    return make_key({.cluster = 1, .node = node, .boot_generation = generation});
  };
  BOOST_TEST((key(1, 7) != key(1, 8)));
  BOOST_TEST((key(1, 7) != key(2, 7)));
}

BOOST_AUTO_TEST_CASE(of_somebody_else_are_not_ours) {
  BOOST_TEST(!parse_key({0}));
  BOOST_TEST(!parse_key({1}));
  BOOST_TEST(!parse_key({0x4c58'a1b2'01'000007}));  // another tag
  BOOST_TEST(!parse_key({0x4c57'a1b2'00'000007}));  // no node
  BOOST_TEST(!parse_key({0x4c57'a1b2'01'000000}));  // no generation
}

BOOST_AUTO_TEST_CASE(of_a_cluster_depend_on_its_whole_uuid) {
  const auto bits = cluster_key_bits("00112233-4455-6677-8899-aabbccddeeff");
  BOOST_TEST(bits == cluster_key_bits("00112233-4455-6677-8899-aabbccddeeff"));
  BOOST_TEST(bits != cluster_key_bits("00112233-4455-6677-8899-aabbccddeefe"));
  BOOST_TEST(bits != cluster_key_bits("10112233-4455-6677-8899-aabbccddeeff"));
}

BOOST_AUTO_TEST_SUITE_END()
