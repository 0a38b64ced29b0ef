// Each script in node_scripts/ is a test of its own name. `LASTWORD_RENEW=1
// build/bin/node_plan_test` writes what the nodes do now into the scripts, to be read before it is
// believed.
#include "agent/protocol/node_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/agent/protocol/node_script.h"

namespace lastword::test {
namespace {

void check(const NodeScript& script) {
  const auto now = play(script);
  BOOST_TEST((now == script.lines),
             fmt::format("what the nodes do now:\n{}", fmt::join(now, "\n")));
}

std::vector<NodeScript> scripts_in(const std::filesystem::path& path) {
  std::ifstream in(path);
  auto scripts = read_scripts(std::string{std::istreambuf_iterator<char>(in), {}});
  if (std::getenv("LASTWORD_RENEW") == nullptr) return scripts;
  for (NodeScript& script : scripts) script.lines = play(script);
  std::ofstream(path, std::ios::trunc) << to_text(scripts);
  return scripts;
}

// Before main(), as Boost's own macros do.
const bool kRegistered = [] {
  auto& all = boost::unit_test::framework::master_test_suite();
  for (const auto& file : std::filesystem::directory_iterator(
           LASTWORD_SOURCE_DIR "/tests/agent/protocol/node_scripts")) {
    // Boost keeps no copy of a file's name.
    static std::deque<std::string> names;
    const std::string& name = names.emplace_back(file.path().string());
    auto* const suite = BOOST_TEST_SUITE(file.path().stem().string());
    for (const NodeScript& script : scripts_in(file.path())) {
      suite->add(
          boost::unit_test::make_test_case([script] { check(script); }, script.name, name, 1));
    }
    all.add(suite);
  }
  return true;
}();

}  // namespace
}  // namespace lastword::test
