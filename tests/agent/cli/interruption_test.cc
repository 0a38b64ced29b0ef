#include "agent/cli/interruption.h"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

struct End {
  int status;        // of waitpid()
  std::string said;  // on standard error
};

End end_of(const std::function<void()>& work) {
  const TestFolder folder;
  const std::string path = folder.file("said");
  const pid_t child = ::fork();
  if (child == 0) {
    // Where the test runs under nohup, or in the background, they are ignored.
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) (void)std::signal(number, SIG_DFL);
    if (std::freopen(path.c_str(), "w", stderr) == nullptr) ::_exit(1);
    work();
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  std::ifstream file(path);
  return {status, std::string(std::istreambuf_iterator<char>(file), {})};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(interruption)

BOOST_AUTO_TEST_CASE(signal_ends_the_program_as_ever_and_is_told) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const End end = end_of([number] {
      const Interruption telling("interrupted: nothing was written");
      ::kill(::getpid(), number);
    });
    BOOST_TEST(WIFSIGNALED(end.status));
    BOOST_TEST(WTERMSIG(end.status) == number);
    BOOST_TEST(end.said == "lastword: interrupted: nothing was written\n");
  }
}

BOOST_AUTO_TEST_CASE(what_is_left_changes_as_work_goes_on) {
  for (const bool later : {false, true}) {
    const End end = end_of([later] {
      Interruption telling("nothing was published");
      if (later) telling.tell("published");
      ::kill(::getpid(), SIGINT);
    });
    BOOST_TEST(WIFSIGNALED(end.status));
    BOOST_TEST(end.said == (later ? "lastword: published\n" : "lastword: nothing was published\n"));
  }
}

BOOST_AUTO_TEST_CASE(work_that_is_over_is_not_told_of) {
  const End end = end_of([] {
    { const Interruption telling("interrupted"); }
    ::kill(::getpid(), SIGINT);
  });
  BOOST_TEST(WIFSIGNALED(end.status));
  BOOST_TEST(end.said.empty());
}

BOOST_AUTO_TEST_CASE(signal_that_was_ignored_stays_so) {
  const End end = end_of([] {
    (void)std::signal(SIGINT, SIG_IGN);
    const Interruption telling("interrupted");
    ::kill(::getpid(), SIGINT);
  });
  BOOST_TEST(WIFEXITED(end.status));
  BOOST_TEST(end.said.empty());
}

BOOST_AUTO_TEST_CASE(long_message_is_cut_at_its_end) {
  const End end = end_of([] {
    const Interruption telling(std::string(5000, 'x'));
    ::kill(::getpid(), SIGINT);
  });
  BOOST_TEST(end.said.size() == 1024U);
  BOOST_TEST(end.said.back() == '\n');
}

BOOST_AUTO_TEST_CASE(first_signal_asks_for_an_end_and_the_next_one_ends) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const End end = end_of([number] {
      const StopRequest stop;
      if (StopRequest::wanted()) ::_exit(1);
      ::kill(::getpid(), number);
      if (!StopRequest::wanted()) ::_exit(2);
      ::kill(::getpid(), number);
    });
    if (number == SIGHUP) {  // of one terminal there may be two
      BOOST_TEST(end.status == 0);
      continue;
    }
    BOOST_TEST(WIFSIGNALED(end.status));
    BOOST_TEST(WTERMSIG(end.status) == number);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
