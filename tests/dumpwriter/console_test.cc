#include "dumpwriter/console.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

std::string line_of(const DumpNews& news, std::size_t room = 1024) {
  std::string out(room, '\0');
  return std::string(format_event_line(out, "alpha", news));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_line)

BOOST_AUTO_TEST_CASE(has_the_members_that_apply) {
  BOOST_TEST(line_of({.event = "capture-started"}) ==
             "lastword-event {\"node\":\"alpha\",\"event\":\"capture-started\"}\n");
  BOOST_TEST(line_of({.event = "dump-aborted",
                      .disk_uuid = "u-u",
                      .disk_path = "/dev/sdc",
                      .reason = "LIMIT",
                      .detail = "too late"}) ==
             "lastword-event {\"node\":\"alpha\",\"event\":\"dump-aborted\",\"disk\":\"/dev/sdc\","
             "\"disk_uuid\":\"u-u\",\"reason\":\"LIMIT\",\"detail\":\"too late\"}\n");
}

BOOST_AUTO_TEST_CASE(escapes_what_json_needs) {
  BOOST_TEST(line_of({.event = "e", .detail = "a\"b\\c\nd\xff"}) ==
             "lastword-event {\"node\":\"alpha\",\"event\":\"e\","
             "\"detail\":\"a\\\"b\\\\c\\u000ad\\u00ff\"}\n");
}

BOOST_AUTO_TEST_CASE(stays_whole_when_the_detail_is_too_long) {
  for (std::size_t room = 512; room < 530; ++room) {
    for (const char* text : {"x", "\""}) {
      std::string detail;
      for (int i = 0; i < 1000; ++i) detail += text;
      const std::string line = line_of({.event = "e", .detail = detail}, room);
      BOOST_TEST(line.size() <= room);
      BOOST_TEST(line.ends_with("\"}\n"));
      // Not cut between a backslash and what it escapes.
      const std::size_t start = line.find("detail\":\"") + 9;
      BOOST_TEST((*text == 'x' || (line.size() - 3 - start) % 2 == 0));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
