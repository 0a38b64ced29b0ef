#include "agent/node/persistent_files.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "agent/node/intent_file.h"
#include "tests/agent/node/node_folders.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(persistent_files, NodeFolders)

BOOST_AUTO_TEST_CASE(last_generation_outlives_the_state_of_a_boot) {
  BOOST_TEST(load_last_generation(config).value() == 0U);
  BOOST_REQUIRE(keep_last_generation(config, 7));
  BOOST_REQUIRE(keep_last_generation(config, 8));
  fs::remove_all(config.state_directory);
  BOOST_TEST(load_last_generation(config).value() == 8U);
}

BOOST_AUTO_TEST_CASE(note_that_says_so_already_is_not_written) {
  const auto keep_all = [&](std::uint32_t generation, const std::string& what) {
    return std::array{keep_last_generation(config, generation),
                      keep_known_mailboxes(config, {what}),
                      keep_life_in_boot(config, {.boot_id = what})};
  };
  for (const Status& kept : keep_all(7, "one")) BOOST_TEST(kept.has_value());
  // As on a file system that is full.
  for (const char* file : {"generation-1", "mailbox-disks", "in-service-1"}) {
    fs::create_directory(config.persistent_directory + "/" + file + ".new");
  }
  for (const Status& kept : keep_all(7, "one")) BOOST_TEST(kept.has_value());
  for (const Status& kept : keep_all(8, "two")) BOOST_TEST(!kept.has_value());
}

BOOST_AUTO_TEST_CASE(last_generation_that_is_no_number_is_an_error_and_not_none) {
  BOOST_REQUIRE(keep_last_generation(config, 7));
  for (const char* text : {"", "7", "x\n", "-1\n", "7 \n", "99999999999\n", "16777216\n"}) {
    std::ofstream(config.persistent_directory + "/generation-1") << text;
    const auto loaded = load_last_generation(config);
    BOOST_TEST(!loaded, text);
    if (!loaded) BOOST_TEST((loaded.error().code == Code::kCorrupt));
  }
}

BOOST_AUTO_TEST_CASE(mailbox_disks_are_known_over_reboots) {
  BOOST_TEST(load_known_mailboxes(config)->empty());
  const std::vector<std::string> uuids{"11111111-2222-4333-8444-555555555555",
                                       "21111111-2222-4333-8444-555555555555"};
  BOOST_REQUIRE(keep_known_mailboxes(config, uuids));
  fs::remove_all(config.state_directory);
  BOOST_TEST(*load_known_mailboxes(config) == uuids, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(upper_case_in_the_mailbox_file_is_the_same_disk) {
  BOOST_REQUIRE(keep_known_mailboxes(config, {"ABCDEF11-2222-4333-8444-555555555555"}));
  BOOST_TEST(*load_known_mailboxes(config) ==
                 (std::vector<std::string>{"abcdef11-2222-4333-8444-555555555555"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(mailbox_file_with_anything_else_is_an_error) {
  BOOST_REQUIRE(keep_known_mailboxes(config, {}));
  std::ofstream(config.persistent_directory + "/mailbox-disks") << "not a uuid\n";
  const auto known = load_known_mailboxes(config);
  BOOST_REQUIRE(!known);
  BOOST_TEST((known.error().code == Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(intent_is_read_back) {
  BOOST_TEST((load_intent(config).error().code == Code::kNotFound));
  pb::TakeoverIntent intent;
  intent.set_phase(pb::TakeoverIntent::TAKING);
  intent.set_victim_generation(7);
  BOOST_REQUIRE(save_intent(config, intent));
  const auto loaded = load_intent(config);
  BOOST_REQUIRE(loaded);
  BOOST_TEST(loaded->victim_generation() == 7U);
}

BOOST_AUTO_TEST_CASE(intent_that_is_damaged_is_an_error_that_says_what_to_do) {
  BOOST_REQUIRE(save_intent(config, {}));
  std::ofstream(config.persistent_directory + "/intent-1") << "{\"phase\": ";
  const auto loaded = load_intent(config);
  BOOST_REQUIRE(!loaded);
  BOOST_TEST((loaded.error().code == Code::kCorrupt));
  BOOST_TEST(describe(loaded.error()).find("takeover --dry-run") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
