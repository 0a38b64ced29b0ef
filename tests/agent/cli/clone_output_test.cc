// What `lastword clone list` shows.
#include "agent/cli/clone_output.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

pb::CloneListed& add(pb::CloneList& list, const std::string& path, const std::string& parent = {}) {
  pb::CloneListed& one = *list.add_volumes();
  one.set_path(path);
  one.set_parent(parent);
  return one;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_output)

BOOST_AUTO_TEST_CASE(clones_stand_below_what_they_were_made_of) {
  pb::CloneList list;
  add(list, "va/golden");
  add(list, "va/clone", "va/golden");
  const std::string text = list_text(list);
  BOOST_TEST(has(text, "\nva/golden "), text);
  BOOST_TEST(has(text, "\n  va/clone "), text);
  BOOST_TEST(!has(text, "(!)"), text);
}

BOOST_AUTO_TEST_CASE(volume_that_also_reads_outside_of_the_pool_is_marked) {
  pb::CloneList list;
  add(list, "va/alone");
  add(list, "va/thin").set_external_origin("va/golden");
  const std::string text = list_text(list);
  BOOST_TEST(has(text, "\nva/thin (!) "), text);
  BOOST_TEST(has(text, "\n(!) va/thin also reads va/golden, which is outside of the pool"), text);
  BOOST_TEST(!has(text, "va/alone (!)"), text);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
