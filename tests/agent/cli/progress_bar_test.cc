#include "agent/cli/progress_bar.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "storage/block/file_descriptor.h"
#include "storage/block/standard_files.h"

namespace lastword {
namespace {

using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(progress)

BOOST_AUTO_TEST_CASE(shows_percent_rate_and_time_left) {
  BOOST_TEST(progress_line("recovering", 250'000'000, 1'000'000'000, milliseconds(2500)) ==
             "recovering  25 %  100 MB/s  ETA 8 s");
}

BOOST_AUTO_TEST_CASE(promises_nothing_before_the_first_byte) {
  BOOST_TEST(progress_line("recovering", 0, 1'000'000, milliseconds(0)) ==
             "recovering   0 %  0 MB/s");
}

BOOST_AUTO_TEST_CASE(more_than_expected_is_still_all_of_it) {
  BOOST_TEST(progress_line("recovering", 3'000'000, 2'000'000, milliseconds(1000)) ==
             "recovering 100 %  3 MB/s");
}

BOOST_AUTO_TEST_CASE(unknown_total_shows_what_was_done) {
  BOOST_TEST(progress_line("verifying", 5'000'000, 0, milliseconds(1000)) ==
             "verifying  5 MB  5 MB/s");
}

BOOST_AUTO_TEST_CASE(only_a_terminal_that_knows_escape_sequences_is_drawn_on) {
  const FileDescriptor master(::posix_openpt(O_RDWR | O_NOCTTY));
  BOOST_REQUIRE(::grantpt(master.get()) == 0);
  BOOST_REQUIRE(::unlockpt(master.get()) == 0);
  const FileDescriptor terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
  BOOST_REQUIRE(terminal.get() >= 0);
  const FileDescriptor file(::open("/dev/null", O_RDWR));
  const auto with_term = [&](const char* term, int fd) {
    ::setenv("TERM", term, 1);
    return can_redraw(fd);
  };
  BOOST_TEST(with_term("xterm", terminal.get()));
  BOOST_TEST(!with_term("dumb", terminal.get()));
  BOOST_TEST(!with_term("", terminal.get()));
  BOOST_TEST(!with_term("xterm", file.get()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
