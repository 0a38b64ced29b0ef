// The events that a node keeps: the file.
#include "agent/node/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/agent/node/node_folders.h"

namespace lastword::test {
namespace {

struct Kept : NodeFolders {
  [[nodiscard]] static std::string line(const std::string& event, const std::string& detail = {}) {
    pb::HistoryLine line;
    line.set_event(event);
    line.set_detail(detail);
    return history_line(std::move(line));
  }
  [[nodiscard]] std::vector<std::string> events() const {
    const auto history = load_history(config);
    BOOST_TEST_REQUIRE(history.has_value());
    std::vector<std::string> events;
    for (const pb::HistoryLine& line : history->lines) events.push_back(line.event());
    return events;
  }
  [[nodiscard]] std::string path() const { return config.persistent_directory + "/history-1"; }
};

using Events = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(history_file, Kept)

BOOST_AUTO_TEST_CASE(no_file_is_an_empty_history) {
  BOOST_TEST(events().empty());
}

BOOST_AUTO_TEST_CASE(lines_are_read_back_in_their_order) {
  BOOST_TEST_REQUIRE(append_history(config, line("a") + line("b", "say \"it\"\n")).has_value());
  BOOST_TEST_REQUIRE(append_history(config, line("c")).has_value());
  BOOST_TEST(events() == (Events{"a", "b", "c"}), boost::test_tools::per_element());
  BOOST_TEST(load_history(config)->lines[1].detail() == "say \"it\"\n");
}

BOOST_AUTO_TEST_CASE(torn_last_line_is_skipped_and_costs_no_other) {
  BOOST_TEST_REQUIRE(append_history(config, line("a")).has_value());
  std::ofstream(path(), std::ios::app) << line("torn").substr(0, 12);
  BOOST_TEST(load_history(config)->skipped == 1U);
  BOOST_TEST_REQUIRE(append_history(config, line("b")).has_value());
  BOOST_TEST(events() == (Events{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(load_history(config)->skipped == 1U);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_ours_are_skipped) {
  BOOST_TEST_REQUIRE(append_history(config, line("a")).has_value());
  std::ofstream(path(), std::ios::app) << "[]\n\n{\"event\":7}\n{\"evil\":1}\n{}\n\xff\n";
  BOOST_TEST_REQUIRE(append_history(config, line("b")).has_value());
  BOOST_TEST(events() == (Events{"a", "b"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(file_is_bounded_and_keeps_the_newest_lines) {
  constexpr std::size_t kMost = 4096;
  for (int i = 0; i < 500; ++i) {
    BOOST_TEST_REQUIRE(append_history(config, line(std::to_string(i)), kMost).has_value());
    BOOST_TEST_REQUIRE(std::filesystem::file_size(path()) <= kMost);
  }
  const Events kept = events();
  BOOST_TEST(kept.size() > 50U);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    BOOST_TEST_REQUIRE(kept[i] == std::to_string(500 - kept.size() + i));
  }
  BOOST_TEST(load_history(config)->skipped == 0U);
}

BOOST_AUTO_TEST_CASE(long_detail_is_cut) {
  BOOST_TEST(line("a", std::string(1U << 20U, 'x')).size() < 2 * kHistoryDetailBytes);
}

BOOST_AUTO_TEST_CASE(programs_that_append_at_once_lose_no_line) {
  constexpr int kEach = 200;
  std::vector<std::thread> programs;
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back([this] {
      for (int n = 0; n < kEach; ++n) (void)append_history(config, line("e", "detail"), 64'000);
    });
  }
  for (std::thread& program : programs) program.join();
  const auto history = load_history(config);
  BOOST_TEST(history->skipped == 0U);
  BOOST_TEST(history->lines.size() == 4U * kEach);
}

// What is at the path may be anybody's.
BOOST_AUTO_TEST_CASE(device_or_link_in_its_place_is_refused) {
  std::filesystem::create_directories(config.persistent_directory);
  std::filesystem::create_symlink("/dev/null", path());
  BOOST_TEST(!append_history(config, line("a")));
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  BOOST_TEST(!append_history(config, line("a")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
