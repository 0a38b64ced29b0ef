// Events are kept beside what goes on.
#include "agent/node/history_log.h"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "agent/node/history_file.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

struct Log {
  std::string kept;
  Status ends_with;
  std::vector<Event> told;
  VirtualExecutor executor;
  HistoryLog log{[this](std::string_view lines) {
                   if (ends_with) kept += lines;
                   return ends_with;
                 },
                 "agent", "boot", executor, [this](const Event& event) { told.push_back(event); }};

  void tell(const char* name) { log.sink()({.name = name, .disk = {}, .detail = {}}); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(history_log, Log)

BOOST_AUTO_TEST_CASE(what_matters_is_kept_with_its_times_and_all_is_told) {
  executor.sleep(milliseconds(250));
  log.sink()({.name = "partner-panicked",
              .disk = "/dev/sdb",
              .detail = "beta",
              .disk_uuid = "u",
              .ago = milliseconds(2300)});
  tell("watching");
  BOOST_TEST(told.size() == 2U);
  BOOST_TEST(kept ==
             "{\"event\":\"partner-panicked\",\"program\":\"agent\",\"unix_ms\":1700000000250,"
             "\"monotonic_ms\":250,\"boot_id\":\"boot\",\"disk\":\"/dev/sdb\",\"disk_uuid\":\"u\","
             "\"detail\":\"beta\",\"ago_ms\":2300}\n");
}

BOOST_AUTO_TEST_CASE(what_explains_an_incident_is_kept) {
  for (const char* name :
       {"partner-left", "service-held-back", "disk-left", "disk-unreadable", "changes-written",
        "changes-refused", "stale-cache", "state-impossible", "silence-not-acted-on",
        "takeover-held-back", "held-again", "reservations-lost", "both-wait", "state-lost",
        "panic-failed", "dump-recovered"}) {
    kept.clear();
    tell(name);
    BOOST_TEST(kept.find(name) != std::string::npos, name);
  }
}

BOOST_AUTO_TEST_CASE(full_file_system_is_told_once_and_fails_nothing) {
  ends_with = fail({.code = Code::kNoSpace, .operation = "write history", .disk = "/var"});
  for (int i = 0; i < 3; ++i) tell("started");
  BOOST_TEST_REQUIRE(told.size() == 4U);
  BOOST_TEST(told[1].name == "history-not-kept");
  ends_with = {};
  tell("started");
  ends_with = fail({.code = Code::kNoSpace, .operation = "write history", .disk = "/var"});
  tell("started");
  BOOST_TEST(told.back().name == "history-not-kept");
}

BOOST_AUTO_TEST_CASE(file_system_that_hangs_holds_up_nothing_and_what_waits_is_bounded) {
  std::atomic<bool> may_end = false;
  std::atomic<std::size_t> most = 0;
  std::atomic<unsigned> lost = 0;
  const HistoryLog hanging{[&](std::string_view lines) {
                             while (!may_end) std::this_thread::sleep_for(milliseconds(1));
                             most = std::max(most.load(), lines.size());
                             return Status();
                           },
                           "agent", "boot", real_executor(),
                           [&](const Event& event) {
                             if (event.name == "history-not-kept") ++lost;
                           }};
  const EventSink sink = hanging.sink();
  for (int i = 0; i < 2000; ++i) {
    sink({.name = "started", .disk = {}, .detail = std::string(kHistoryDetailBytes, 'x')});
  }
  hanging.wait(milliseconds(10));
  may_end = true;
  hanging.wait(kLongestTime);
  BOOST_TEST(most.load() <= kHistoryBytes / 4);
  // Once for each of the two appends: the first may begin when some are lost already.
  BOOST_TEST(lost.load() >= 1U);
  BOOST_TEST(lost.load() <= 2U);
}

// It must leave room for takeovers.
BOOST_AUTO_TEST_CASE(link_that_comes_and_goes_is_kept_once_an_hour) {
  const auto lines = [this] { return std::ranges::count(kept, '\n'); };
  const auto tell_link = [this](const char* name, const char* link) {
    log.sink()({.name = name, .disk = {}, .detail = link});
  };
  for (int i = 0; i < 100; ++i) {
    tell_link("link-quiet", "direct");
    tell_link("link-works", "direct");
    executor.sleep(milliseconds(10'000));
  }
  BOOST_TEST(told.size() == 200U);
  BOOST_TEST(lines() == 2);
  tell_link("link-quiet", "other");
  BOOST_TEST(lines() == 3);
  executor.sleep(milliseconds(3'600'000));
  tell_link("link-quiet", "direct");
  BOOST_TEST(lines() == 4);
  for (int i = 0; i < 3; ++i) tell("started");
  BOOST_TEST(lines() == 7);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
