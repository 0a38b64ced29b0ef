#include "proto/record_names.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {

BOOST_AUTO_TEST_SUITE(record_names)

// A value that the schema gains needs its name in record_names.cc.
BOOST_AUTO_TEST_CASE(coredump_values_are_called_as_in_the_schema) {
  for (int value = pb::Attribute_MIN; value <= pb::Attribute_MAX; ++value) {
    const auto attribute = static_cast<pb::Attribute>(value);
    BOOST_TEST(name_of(attribute) == pb::Attribute_Name(attribute));
  }
  for (int value = pb::Reason_MIN; value <= pb::Reason_MAX; ++value) {
    const auto reason = static_cast<pb::Reason>(value);
    BOOST_TEST(name_of(reason) == pb::Reason_Name(reason));
  }
}

BOOST_AUTO_TEST_CASE(numbers_without_a_name_are_said_to_be_unknown) {
  for (const int value : {-1, 99, 0x7fffffff}) {
    BOOST_TEST(name_of(static_cast<pb::Role>(value)) == "unknown");
    BOOST_TEST(name_of(static_cast<pb::Attribute>(value)) == "an unknown attribute");
    BOOST_TEST(name_of(static_cast<pb::Reason>(value)) == "an unknown reason");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
