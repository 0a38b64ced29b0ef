#include <boost/test/unit_test.hpp>

#include "agent/base/json.h"
#include "agent/records/inspect.pb.h"

namespace lastword {

BOOST_AUTO_TEST_SUITE(inspect_json)

BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf8_do_not_cost_the_report) {
  pb::InspectReport report;
  report.set_disk("/tmp/\xff.img");
  report.add_problems("\xfe");
  report.add_partitions()->set_name("a\xff");
  report.mutable_stream()->set_end("b\xff");
  const std::string text = to_json(report);
  for (const char* part : {"/tmp/?.img", "[\n  \"?\"\n ]", "\"a?\"", "\"b?\""}) {
    BOOST_TEST((text.find(part) != std::string::npos), part << " in " << text);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
