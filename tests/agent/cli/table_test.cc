#include "agent/cli/table.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(table)

using lastword::Table;

BOOST_AUTO_TEST_CASE(columns_are_as_wide_as_what_is_in_them) {
  Table table({{"DISK"}, {"DATA", true}, {"REASON"}});
  table.add({"/dev/sda", "8.0 GiB", "service disk"});
  table.add({"/dev/disk/by-id/scsi-1", "64.0 GiB", ""});
  BOOST_TEST(table.text() ==
             "DISK                       DATA REASON\n"
             "/dev/sda                8.0 GiB service disk\n"
             "/dev/disk/by-id/scsi-1 64.0 GiB \n");
}

BOOST_AUTO_TEST_CASE(a_long_cell_is_neither_cut_nor_wrapped) {
  const std::string reason(400, 'x');
  Table table({{"DISK"}, {"REASON"}});
  table.add({"/dev/sda", reason});
  BOOST_TEST(table.text() == "DISK     REASON\n/dev/sda " + reason + "\n");
}

BOOST_AUTO_TEST_CASE(what_would_move_the_cursor_is_escaped) {
  Table table({{"DISK"}});
  table.add({"\x1b[2J\nNO"});
  BOOST_TEST(table.text() == "DISK\n\\x1b[2J\\x0aNO\n");
}

BOOST_AUTO_TEST_SUITE_END()
