#include "proto/uuid.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;

BOOST_AUTO_TEST_SUITE(uuid)

BOOST_AUTO_TEST_CASE(text_comes_back_as_it_was) {
  constexpr std::string_view kText = "00112233-4455-6677-8899-aabbccddeeff";
  const auto uuid = parse_uuid(kText);
  BOOST_TEST_REQUIRE(uuid.has_value());
  BOOST_TEST((*uuid)[0] == 0x00);
  BOOST_TEST((*uuid)[15] == 0xff);
  BOOST_TEST(to_string(*uuid) == kText);
}

BOOST_AUTO_TEST_CASE(text_of_another_shape_is_refused) {
  for (const std::string_view text :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233445566778899aabbccddeeff", "0011223344-55-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeefg", "{0112233-4455-6677-8899-aabbccddeef}",
        "00112233-4455-6677-8899_aabbccddeeff"}) {
    BOOST_TEST(!parse_uuid(text), text);
  }
}

BOOST_AUTO_TEST_CASE(upper_case_becomes_canonical) {
  const auto uuid = parse_uuid("00112233-4455-6677-8899-AABBCCDDEEFF");
  BOOST_TEST_REQUIRE(uuid.has_value());
  BOOST_TEST(to_string(*uuid) == "00112233-4455-6677-8899-aabbccddeeff");
  const auto cluster = canonical_cluster_uuid("ABCDEF00-0000-4000-8000-00000000000A");
  BOOST_TEST_REQUIRE(ok(cluster));
  BOOST_TEST(*cluster == "abcdef00-0000-4000-8000-00000000000a");
}

BOOST_AUTO_TEST_CASE(nothing_behind_the_text_is_read) {
  constexpr std::string_view kLonger = "00112233-4455-6677-8899-aabbccddeeff00";
  BOOST_TEST(parse_uuid(kLonger.substr(0, 36)).has_value());
  BOOST_TEST(!parse_uuid(kLonger.substr(0, 35)).has_value());
}

BOOST_AUTO_TEST_CASE(nil_uuid_names_no_cluster) {
  BOOST_TEST(ok(canonical_cluster_uuid("00000000-0000-4000-8000-000000000000")));
  for (const std::string_view text : {"00000000-0000-0000-0000-000000000000", "cluster", ""}) {
    BOOST_TEST(fails(canonical_cluster_uuid(text), Code::kUsage), text);
  }
}

BOOST_AUTO_TEST_CASE(random_ones_are_of_version_4_and_differ) {
  const UuidBytes first = random_uuid();
  BOOST_TEST((first != random_uuid()));
  const std::string text = to_string(first);
  BOOST_TEST(text[14] == '4');
  BOOST_TEST(std::string_view("89ab").find(text[19]) != std::string_view::npos);
  BOOST_TEST((parse_uuid(text) == first));
}

BOOST_AUTO_TEST_SUITE_END()
