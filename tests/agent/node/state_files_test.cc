#include "agent/node/state_files.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/agent/disks/shelf_nodes.h"
#include "tests/support/test_directory.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

struct State {
  State() {
    config = cluster_config();
    config.state_directory = test_directory() + "/node_state";
    config.persistent_directory = test_directory() + "/node_persistent";
    remove();
  }
  ~State() { remove(); }
  void remove() const {
    fs::remove_all(config.state_directory);
    fs::remove_all(config.persistent_directory);
  }
  Config config;
};

const NodeState kState{.boot_generation = 7, .key = key_of(kAlpha, 7)};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(node_state, State)

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

BOOST_AUTO_TEST_CASE(last_generation_outlives_the_state_of_a_boot) {
  BOOST_TEST(load_last_generation(config).value() == 0U);
  BOOST_REQUIRE(keep_last_generation(config, 7));
  BOOST_REQUIRE(keep_last_generation(config, 8));
  fs::remove_all(config.state_directory);
  BOOST_TEST(load_last_generation(config).value() == 8U);
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

BOOST_AUTO_TEST_CASE(mailbox_file_with_anything_else_is_an_error) {
  BOOST_REQUIRE(keep_known_mailboxes(config, {}));
  std::ofstream(config.persistent_directory + "/mailbox-disks") << "not a uuid\n";
  const auto known = load_known_mailboxes(config);
  BOOST_REQUIRE(!known);
  BOOST_TEST((known.error().code == Code::kCorrupt));
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

BOOST_AUTO_TEST_CASE(one_command_at_a_time_has_the_lock) {
  auto first = lock_state(config);
  BOOST_REQUIRE(first);
  const auto second = lock_state(config);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kRefused));
  first->reset();
  BOOST_TEST(lock_state(config).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
