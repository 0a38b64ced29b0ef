#include <boost/test/unit_test.hpp>

#include "agent/base/json.h"
#include "agent/records/inspect.pb.h"
#include "tests/support/test_folder.h"

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

BOOST_AUTO_TEST_CASE(numbers_of_64_bits_are_numbers_at_every_depth) {
  pb::InspectReport report;
  report.set_size_bytes(UINT64_MAX);
  report.set_description("\"12\": 7, {");
  report.add_partitions()->set_offset_bytes(1);
  report.add_partitions()->set_offset_bytes(2);
  report.mutable_partitions(1)->set_name("3");
  auto& slot = *report.add_records()->add_slots();
  slot.mutable_label()->set_written_unix_ms(-5);
  slot.mutable_label()->set_disk_uuid("6");
  const std::string text = to_json(report);
  for (const char* part :
       {"\"size_bytes\": 18446744073709551615,", "\"offset_bytes\": 1,", "\"offset_bytes\": 2,",
        "\"length_bytes\": 0,", "\"name\": \"3\"", "\"written_unix_ms\": -5",
        "\"disk_uuid\": \"6\"", "\"description\": \"\\\"12\\\": 7, {\""}) {
    BOOST_TEST((text.find(part) != std::string::npos), part << " in " << text);
  }
  BOOST_TEST(
      (to_json_line(report).find("\"size_bytes\":18446744073709551615,") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(numbers_of_64_bits_are_read_back) {
  const test::TestFolder folder;
  pb::InspectReport report;
  report.set_size_bytes(UINT64_MAX);
  report.add_records()->add_slots()->mutable_label()->set_written_unix_ms(INT64_MIN);
  BOOST_REQUIRE(save_json(folder.file("a.json"), report));
  pb::InspectReport loaded;
  BOOST_REQUIRE(load_json(folder.file("a.json"), loaded));
  BOOST_TEST(loaded.size_bytes() == UINT64_MAX);
  BOOST_TEST(loaded.records(0).slots(0).label().written_unix_ms() == INT64_MIN);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
