#include "proto/nearest_word.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

using lastword::nearest_word;

namespace {

constexpr std::array<std::string_view, 6> kCommands{"label",   "inspect", "start",
                                                    "recover", "arm",     "disarm"};

}  // namespace

BOOST_AUTO_TEST_SUITE(nearest)

BOOST_AUTO_TEST_CASE(a_slip_of_the_fingers_is_understood) {
  BOOST_TEST(nearest_word("inpsect", kCommands) == "inspect");
  BOOST_TEST(nearest_word("recovr", kCommands) == "recover");
  BOOST_TEST(nearest_word("lable", kCommands) == "label");
  BOOST_TEST(nearest_word("strat", kCommands) == "start");
  BOOST_TEST(nearest_word("amr", kCommands) == "arm");
}

BOOST_AUTO_TEST_CASE(a_beginning_is_completed) {
  BOOST_TEST(nearest_word("insp", kCommands) == "inspect");
  BOOST_TEST(nearest_word("dis", kCommands) == "disarm");
}

BOOST_AUTO_TEST_CASE(nothing_near_is_nothing) {
  BOOST_TEST(nearest_word("takeover", kCommands).empty());
  BOOST_TEST(nearest_word("", kCommands).empty());
  BOOST_TEST(nearest_word("x", kCommands).empty());
  BOOST_TEST(nearest_word(std::string(1000, 'a'), kCommands).empty());
  constexpr std::array<std::string_view, 2> kAlike{"--home", "--home-id"};
  BOOST_TEST(nearest_word("--ho", kAlike).empty());
}

BOOST_AUTO_TEST_SUITE_END()
