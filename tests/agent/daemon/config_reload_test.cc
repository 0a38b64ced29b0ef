// What a changed configuration file means to an agent that runs.
#include "agent/daemon/config_reload.h"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

struct Reload {
  Reload() { write(good); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  [[nodiscard]] pb::ControlReply check() const { return check_reload(path, good); }

  TestFolder folder;
  std::string path = folder.file("lastword.toml");
  std::string good =
      "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\nnode = \"alpha\"\n"
      "[nodes.alpha]\nid = 1\n[nodes.beta]\nid = 2\n";
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(config_reload, Reload)

BOOST_AUTO_TEST_CASE(the_same_file_is_done) {
  const auto reply = check();
  BOOST_TEST(reply.done(), reply.reason());
}

BOOST_AUTO_TEST_CASE(another_good_file_asks_for_a_restart) {
  write(good + "[agent]\nrealtime = false\n");
  const auto reply = check();
  BOOST_TEST(!reply.done());
  BOOST_TEST(has(reply.reason(), "good"), reply.reason());
  BOOST_TEST(has(reply.remedy(), "restart lastword-agent"));
}

BOOST_AUTO_TEST_CASE(a_bad_file_is_told_with_its_line_and_the_old_one_stays) {
  write(good + "nonsense = 1\n");
  const auto reply = check();
  BOOST_TEST(!reply.done());
  BOOST_TEST(has(reply.reason(), path), reply.reason());
  BOOST_TEST(has(reply.reason(), "nonsense"));
  BOOST_TEST(has(reply.remedy(), "goes on with what it began with"));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_is_bad_too) {
  BOOST_TEST_REQUIRE(std::remove(path.c_str()) == 0);
  BOOST_TEST(!check().done());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
