#include "agent/node/state_files.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/agent/node/node_folders.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

const NodeState kState{.boot_generation = 7, .key = key_of(kAlpha, 7)};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(node_state, NodeFolders)

BOOST_AUTO_TEST_CASE(is_read_back_in_the_same_boot) {
  BOOST_REQUIRE(save_node_state(config, kState, "boot-1"));
  const auto loaded = load_node_state(config, "boot-1");
  BOOST_REQUIRE(loaded);
  BOOST_TEST(loaded->boot_generation == 7U);
  BOOST_TEST((loaded->key == kState.key));
}

BOOST_AUTO_TEST_CASE(of_another_boot_counts_as_absent) {
  BOOST_REQUIRE(save_node_state(config, kState, "boot-1"));
  const auto loaded = load_node_state(config, "boot-2");
  BOOST_REQUIRE(!loaded);
  BOOST_TEST((loaded.error().code == Code::kNotFound));
  BOOST_TEST(describe(loaded.error()).find("lastword start") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(votes_that_were_cast_are_read_back_until_the_life_ends) {
  NodeState state = kState;
  state.mailbox_disks = {uuid_of(1), uuid_of(2)};
  state.mailbox_joined = {uuid_of(2)};
  BOOST_REQUIRE(save_node_state(config, state, "boot-1"));
  BOOST_TEST((load_node_state(config, "boot-1")->mailbox_joined == state.mailbox_joined));
  state.stopped = true;
  BOOST_REQUIRE(save_node_state(config, state, "boot-1"));
  BOOST_TEST((load_node_state(config, "boot-1").error().code == Code::kNotFound));
  BOOST_TEST((load_last_life(config, "boot-1")->mailbox_joined == state.mailbox_joined));
  BOOST_REQUIRE(remove_node_state(config));
  BOOST_REQUIRE(remove_node_state(config));
  BOOST_TEST((load_node_state(config, "boot-1").error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(missing_file_is_absent) {
  BOOST_TEST((load_node_state(config, "boot-1").error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(damaged_file_is_an_error_and_not_absent) {
  BOOST_REQUIRE(save_node_state(config, kState, "boot-1"));
  std::ofstream(config.state_directory + "/node.json") << "{\"boot_id\": \"boot-1\", ";
  BOOST_TEST((load_node_state(config, "boot-1").error().code == Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(key_that_does_not_go_with_the_generation_is_an_error) {
  BOOST_REQUIRE(
      save_node_state(config, {.boot_generation = 8, .key = key_of(kAlpha, 7)}, "boot-1"));
  BOOST_TEST((load_node_state(config, "boot-1").error().code == Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(armed_state_is_read_back_and_removed) {
  pb::ArmedState armed;
  armed.mutable_plan()->set_nonce("n");
  armed.mutable_plan()->set_reservation_key(kState.key.value);
  BOOST_REQUIRE(save_armed_state(config, armed, "boot-1"));
  const auto loaded = load_armed_state(config, "boot-1");
  BOOST_REQUIRE(loaded);
  BOOST_TEST(loaded->plan().nonce() == "n");
  BOOST_TEST(loaded->plan().reservation_key() == kState.key.value);
  BOOST_TEST((load_armed_state(config, "boot-2").error().code == Code::kNotFound));
  BOOST_REQUIRE(remove_armed_state(config));
  BOOST_REQUIRE(remove_armed_state(config));
  BOOST_TEST((load_armed_state(config, "boot-1").error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(files_are_private) {
  BOOST_REQUIRE(save_node_state(config, kState, "boot-1"));
  constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;
  BOOST_TEST(((fs::status(config.state_directory).permissions() & kOthers) == fs::perms::none));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
