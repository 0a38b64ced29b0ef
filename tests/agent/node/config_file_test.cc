#include "agent/node/config_file.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/support/test_folder.h"

using namespace lastword;
using namespace std::chrono_literals;

namespace {

constexpr const char* kMinimal = R"(cluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4"
[nodes.alpha]
id = 1
[nodes.beta]
id = 2
)";

constexpr std::string_view kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr std::string_view kPlaceholder = "00000000-0000-0000-0000-000000000000";

Result<Config> parse(const std::string& more, std::string_view host_name = "alpha") {
  return parse_config(kMinimal + more, "test.toml", host_name);
}

// The whole line that the operator sees; empty when the text was accepted.
std::string complaint(const Result<Config>& result) {
  if (result) return {};
  BOOST_TEST((result.error().code == Code::kUsage));
  return describe(result.error());
}

bool says(const Result<Config>& result, std::string_view part) {
  const std::string line = complaint(result);
  BOOST_TEST_MESSAGE(line);
  return line.starts_with("test.toml: ") && line.find(part) != line.npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(configuration)

BOOST_AUTO_TEST_CASE(minimal_file_gives_the_defaults) {
  const auto config = parse("");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST(config->self.name == "alpha");
  BOOST_TEST(config->self.id == 1);
  BOOST_TEST(config->self.core_directory == "/var/crash/alpha");
  BOOST_TEST(config->partner.name == "beta");
  BOOST_TEST(config->partner.id == 2);
  BOOST_TEST((config->timing.settings.dump_limit == 60s));
  BOOST_TEST(!config->keep_latest);
  BOOST_TEST(config->after == pb::REBOOT);
}

BOOST_AUTO_TEST_CASE(every_key_is_read) {
  const auto config = parse(R"(core_directory = "/srv/beta"
[timing]
io_timeout = "500ms"
dump_limit = "40s"
grace = "8s"
client_timeout = "2min"
[dump]
keep = "latest"
after = "hold"
engine = "libaio"
exclude = "zero,free"
codec = "zstd:3"
core_format = "elf"
[capture]
modules = ["mpt3sas", "scsi_dh_alua"]
kernel = "/boot/small"
command_line = "nosmt"
processors = 2
[hooks]
service_taken = "/sbin/a"
timeout = "3min"
[paths]
state = "/run/lw"
dump_program = "/opt/lastword-dump"
)",
                            "beta");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST(config->self.name == "beta");
  BOOST_TEST(config->self.core_directory == "/srv/beta");
  BOOST_TEST((config->timing.settings.io_timeout == 500ms));
  BOOST_TEST((config->timing.settings.dump_limit == 40s));
  BOOST_TEST((config->timing.settings.grace == 8s));
  BOOST_TEST((config->timing.settings.client_timeout == 120s));
  BOOST_TEST(config->keep_latest);
  BOOST_TEST(config->after == pb::HOLD);
  BOOST_TEST(config->engine == pb::LIBAIO);
  BOOST_TEST(config->exclude == "zero,free");
  BOOST_TEST(config->codec == "zstd:3");
  BOOST_TEST(name_of(config->core_format) == "elf");
  BOOST_TEST(config->extra_modules == (std::vector<std::string>{"mpt3sas", "scsi_dh_alua"}),
             boost::test_tools::per_element());
  BOOST_TEST(config->capture_kernel == "/boot/small");
  BOOST_TEST(config->capture_command_line == "nosmt");
  BOOST_TEST(config->capture_processors == 2U);
  BOOST_TEST(config->hooks.service_taken == "/sbin/a");
  BOOST_TEST((config->hooks.timeout == 180s));
  BOOST_TEST(config->state_directory == "/run/lw");
  BOOST_TEST(config->dump_program == "/opt/lastword-dump");
}

BOOST_AUTO_TEST_CASE(example_file_needs_only_a_cluster_and_shows_the_defaults) {
  const std::string path = LASTWORD_SOURCE_DIR "/docs/lastword.toml.example";
  std::ifstream file(path);
  BOOST_REQUIRE(file);
  std::string text;
  std::string shown;  // with every "#key = value" line made real
  for (std::string line; std::getline(file, line);) {
    text += line + '\n';
    const bool is_key = line.starts_with('#') && !line.starts_with("# ");
    shown += (is_key ? line.substr(1) : line) + '\n';
  }
  const auto untouched = parse_config(text, path, "alpha");
  BOOST_TEST(complaint(untouched).find("placeholder") != std::string::npos);
  for (std::string* copy : {&text, &shown}) {
    const auto placeholder = copy->find(kPlaceholder);
    BOOST_REQUIRE(placeholder != std::string::npos);
    copy->replace(placeholder, kPlaceholder.size(), kCluster);
  }
  const auto plain = parse_config(text, path, "alpha");
  BOOST_REQUIRE_MESSAGE(plain, complaint(plain));
  const auto full = parse_config(shown, path, "some-host");
  BOOST_REQUIRE_MESSAGE(full, complaint(full));
  BOOST_TEST(full->self.core_directory == plain->self.core_directory);
  BOOST_TEST((full->timing.settings.io_timeout == plain->timing.settings.io_timeout));
  BOOST_TEST((full->timing.settings.dump_limit == plain->timing.settings.dump_limit));
  BOOST_TEST((full->timing.settings.grace == plain->timing.settings.grace));
  BOOST_TEST((full->timing.settings.client_timeout == plain->timing.settings.client_timeout));
  BOOST_TEST(full->keep_latest == plain->keep_latest);
  BOOST_TEST(full->after == plain->after);
  BOOST_TEST(full->engine == plain->engine);
  BOOST_TEST(full->exclude == plain->exclude);
  BOOST_TEST(full->codec == plain->codec);
  BOOST_TEST(name_of(full->core_format) == name_of(plain->core_format));
  BOOST_TEST(full->state_directory == plain->state_directory);
  BOOST_TEST(full->dump_program == plain->dump_program);
  BOOST_TEST((full->hooks.timeout == plain->hooks.timeout));
  BOOST_TEST(full->giveback.on == plain->giveback.on);
  BOOST_TEST((full->giveback.stable == plain->giveback.stable));
  BOOST_TEST(full->giveback.most == plain->giveback.most);
}

BOOST_AUTO_TEST_CASE(hooks_may_take_four_times_as_long_as_clients_wait_unless_the_file_says) {
  BOOST_TEST((parse("")->hooks.timeout == 360s));
  BOOST_TEST((parse("[timing]\nclient_timeout = \"70s\"\n")->hooks.timeout == 280s));
  BOOST_TEST((parse("[hooks]\ntimeout = \"1s\"\n")->hooks.timeout == 1s));
  BOOST_TEST(says(parse("[hooks]\ntimeout = \"999ms\"\n"),
                  "line 7:11: [hooks] timeout (999ms) must be from 1s to 24h"));
  BOOST_TEST(says(parse("[hooks]\ntimeout = \"1441min\"\n"), "[hooks] timeout"));
  BOOST_TEST(says(parse("[hooks]\ntimeout = 5\n"), "timeout must be a whole number"));
}

BOOST_AUTO_TEST_CASE(watchdog_that_would_reset_a_node_whose_agent_is_restarted_is_refused) {
  BOOST_TEST(parse("[watchdog]\ndevice = \"/dev/watchdog\"\n")->watchdog_device == "/dev/watchdog");
  const std::string quick = "[timing]\nio_timeout = \"500ms\"\nheartbeat = \"200ms\"\n";
  BOOST_TEST(says(parse(quick + "[watchdog]\ndevice = \"/dev/watchdog\"\n"),
                  "it would reset this node after 6 s, and a restart of the agent takes up to 7 s: "
                  "raise [timing] silence to 9200ms"));
  BOOST_TEST(
      parse(quick + "silence = \"9s200ms\"\n[watchdog]\ndevice = \"/dev/watchdog\"\n").has_value());
  BOOST_TEST(parse(quick + "[watchdog]\n").has_value());
  BOOST_TEST(says(parse("[watchdog]\ndevice = \"watchdog\"\n"), "must be an absolute path"));
}

BOOST_AUTO_TEST_CASE(nothing_is_given_back_by_itself_unless_the_file_says) {
  const auto plain = parse("[giveback]\n");
  BOOST_TEST(!plain->giveback.on);
  BOOST_TEST((plain->giveback.stable == 60s));
  BOOST_TEST(plain->giveback.most == 3U);
  const auto set = parse("[giveback]\nautomatic = true\nstable = \"5s\"\nmost = 1\n");
  BOOST_TEST(set->giveback.on);
  BOOST_TEST((set->giveback.stable == 5s));
  BOOST_TEST(set->giveback.most == 1U);
  BOOST_TEST(says(parse("[giveback]\nautomatic = \"yes\"\n"), "automatic takes true or false"));
  BOOST_TEST(says(parse("[giveback]\nmost = 0\n"), "most takes a number from 1 to 1000"));
  BOOST_TEST(says(parse("[giveback]\nstable = \"999ms\"\n"),
                  "line 7:10: [giveback] stable (999ms) must be from 1s to 24h"));
  BOOST_TEST(says(parse("[giveback]\nstable = 60\n"), "stable must be a whole number"));
  BOOST_TEST(says(parse("[giveback]\nautomatc = true\n"), "did you mean \"automatic\"?"));
}

BOOST_AUTO_TEST_CASE(agent_may_ask_for_real_time_unless_the_file_says) {
  BOOST_TEST(parse("")->realtime);
  BOOST_TEST(!parse("[agent]\nrealtime = false\n")->realtime);
  BOOST_TEST(says(parse("[agent]\nrealtime = \"no\"\n"), "realtime takes true or false"));
}

BOOST_AUTO_TEST_CASE(what_a_reboot_loses_is_kept_apart_from_what_it_must_not) {
  BOOST_TEST(says(parse("[paths]\nstate = \"/var/lib/lastword\"\n"), "different directories"));
}

BOOST_AUTO_TEST_CASE(unknown_key_is_refused_with_its_place) {
  BOOST_TEST(
      says(parse("[dump]\nkep = \"latest\"\n"),
           "line 7:1: unknown key \"kep\" in [dump]; did you mean \"keep\"? it takes keep, after, "
           "engine, exclude, codec, core_format"));
  BOOST_TEST(says(parse("core_dir = \"/x\"\n"), "line 6:1: unknown key \"core_dir\""));
  BOOST_TEST(says(parse("[dmup]\n"), "line 6:2: unknown key \"dmup\" in the file"));
}

BOOST_AUTO_TEST_CASE(service_is_whole_after_silence_unless_the_file_says_otherwise) {
  BOOST_TEST(!parse("")->incomplete_service);
  BOOST_TEST(parse("[takeover]\nincomplete_service = true\n")->incomplete_service);
  BOOST_TEST(says(parse("[takeover]\nincomplete_service = 1\n"), "incomplete_service"));
}

BOOST_AUTO_TEST_CASE(foreign_registrants_are_removed_unless_the_file_says_refuse) {
  BOOST_TEST((parse("")->foreign_registrants == ForeignRegistrants::kRemove));
  const auto remove = parse("[takeover]\nforeign_registrants = \"remove\"\n");
  BOOST_TEST((remove->foreign_registrants == ForeignRegistrants::kRemove));
  const auto refuse = parse("[takeover]\nforeign_registrants = \"refuse\"\n");
  BOOST_TEST((refuse->foreign_registrants == ForeignRegistrants::kRefuse));
  BOOST_TEST(says(parse("[takeover]\nforeign_registrants = \"keep\"\n"), "foreign_registrants"));
}

BOOST_AUTO_TEST_CASE(all_problems_are_told_at_once_in_the_order_of_the_file) {
  const auto reading = read_config(
      "clutser = 1\n[nodes.a]\nid = 0\n[nodes.b]\nid = \"2\"\n"
      "[timing]\ngrace = \"1x\"\ndump_limit = \"8s\"\n[dump]\nafter = \"never\"\n",
      "test.toml", "a");
  std::vector<std::string> places;
  for (const Error& problem : reading.problems) {
    const std::string line = describe(problem);
    const auto at = line.find("line ");
    places.push_back(at == line.npos ? "" : line.substr(at, line.find(':', at + 5) - at));
  }
  BOOST_TEST(
      places == (std::vector<std::string>{"line 1", "line 3", "line 5", "line 7", "line 10", ""}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_time_may_have_several_units) {
  const auto config = parse("[timing]\nclient_timeout = \"1h30m\"\n");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST((config->timing.settings.client_timeout == 90min));
}

BOOST_AUTO_TEST_CASE(syntax_error_is_refused_with_its_place) {
  BOOST_TEST(says(parse("[dump\n"), "line 6:"));
}

BOOST_AUTO_TEST_CASE(dump_limit_not_below_client_timeout_is_refused) {
  const auto config = parse("[timing]\ndump_limit = \"90s\"\n");
  BOOST_TEST(says(config, "line 6:1: [timing] dump_limit (1m30s) must be below client_timeout"));
}

BOOST_AUTO_TEST_CASE(times_need_a_unit) {
  for (const char* wrong : {"5", "\"5\"", "\"5 s\"", "\"-5s\"", "\"s\"", "\"5d\"",
                            "\"999999999999999999min\"", "\"9999999999999999999s\""}) {
    BOOST_TEST_CONTEXT(wrong) {
      const auto config = parse(std::string("[timing]\ngrace = ") + wrong + "\n");
      BOOST_TEST(says(config, "line 7:9: grace"));
      BOOST_TEST(says(config, "must be a whole number with its unit"));
      if (*wrong == '"') BOOST_TEST(says(config, std::string("grace = ") + wrong + " must be"));
    }
  }
}

BOOST_AUTO_TEST_CASE(times_out_of_their_bounds_are_refused) {
  BOOST_TEST(says(parse("[timing]\ngrace = \"1500min\"\n"), "[timing] grace (25h) must be"));
  BOOST_TEST(says(parse("[timing]\nio_timeout = \"1ms\"\n"), "[timing] io_timeout (1ms) must be"));
}

BOOST_AUTO_TEST_CASE(wrong_choice_names_the_right_ones) {
  BOOST_TEST(says(parse("[dump]\nkeep = \"all\"\n"),
                  "line 7:8: keep = \"all\": choose one of \"unsaved\", \"latest\""));
}

BOOST_AUTO_TEST_CASE(wrong_types_are_refused) {
  BOOST_TEST(says(parse("[hooks]\nservice_taken = 1\n"), "service_taken must be a string"));
  BOOST_TEST(says(parse("[hooks]\nservice_taken = \"stop\"\n"), "must be an absolute path"));
  BOOST_TEST(says(parse("[capture]\nmodules = \"sd_mod\"\n"), "modules must be a list"));
  BOOST_TEST(says(parse("[capture]\nmodules = [\"/lib/a.ko\"]\n"), "names as in modprobe"));
  BOOST_TEST(says(parse("[capture]\nmodules = [1]\n"), "names as in modprobe"));
  BOOST_TEST(says(parse("[capture]\nprocessors = 0\n"), "processors takes a number from 1 to 8"));
  BOOST_TEST(says(parse("[capture]\nprocessors = 9\n"), "processors takes a number from 1 to 8"));
  BOOST_TEST(says(parse("[capture]\nprocessors = \"2\"\n"), "processors takes a number"));
  BOOST_TEST(says(parse_config("timing = 5\n" + std::string(kMinimal), "test.toml", "alpha"),
                  "line 1:10: [timing] must be a table"));
}

BOOST_AUTO_TEST_CASE(nodes_must_be_two_with_different_ids) {
  BOOST_TEST(says(parse("[nodes.gamma]\nid = 3\n"), "exactly two nodes, here are 3"));
  const std::string cluster = "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\n";
  BOOST_TEST(says(parse_config(cluster, "test.toml", "a"), "exactly two nodes, here are 0"));
  const auto with_ids = [&](const char* a, const char* b) {
    return parse_config(cluster + "[nodes.a]\nid = " + a + "\n[nodes.b]\nid = " + b + "\n",
                        "test.toml", "a");
  };
  BOOST_TEST(says(with_ids("7", "7"), "a and b both have id 7"));
  BOOST_TEST(says(with_ids("0", "1"), "line 3:6: [nodes.a] needs id = N"));
  BOOST_TEST(says(with_ids("1", "256"), "line 5:6: [nodes.b] needs id = N"));
  BOOST_TEST(says(with_ids("1", "\"2\""), "line 5:6: [nodes.b] needs id = N"));
}

BOOST_AUTO_TEST_CASE(a_node_has_a_short_host_name) {
  const auto with_name = [&](const std::string& name) {
    return parse_config("cluster = \"" + std::string(kCluster) + "\"\n[nodes." + name +
                            "]\nid = 1\n[nodes.b]\nid = 2\n",
                        "test.toml", "b");
  };
  BOOST_TEST(complaint(with_name(std::string(64, 'x'))) == "");
  BOOST_TEST(says(with_name(std::string(65, 'x')), "1 to 64 letters, digits, - and _"));
  BOOST_TEST(says(with_name("\"beta.example.com\""), "a short host name is wanted"));
  BOOST_TEST(says(with_name("\"\""), "a short host name is wanted"));
  // TOML makes tables in tables of this.
  BOOST_TEST(says(with_name("beta.example.com"),
                  "[nodes.beta.example]: a dot in a table's name begins another table"));
}

BOOST_AUTO_TEST_CASE(cluster_must_be_a_uuid) {
  BOOST_TEST(says(parse_config("[nodes.a]\nid = 1\n[nodes.b]\nid = 2\n", "test.toml", "a"),
                  "cluster is missing"));
  BOOST_TEST(says(parse_config("cluster = \"mine\"\n", "test.toml", "a"),
                  "line 1:11: cluster = \"mine\" is not a UUID"));
}

BOOST_AUTO_TEST_CASE(placeholder_cluster_is_refused) {
  std::string text(kMinimal);
  text.replace(text.find(kCluster), kCluster.size(), kPlaceholder);
  BOOST_TEST(says(parse_config(text, "test.toml", "alpha"),
                  "line 1:11: cluster = \"00000000-0000-0000-0000-000000000000\" still is the "
                  "example's placeholder: put in a UUID of your own"));
}

BOOST_AUTO_TEST_CASE(upper_case_cluster_uuid_becomes_canonical) {
  std::string text(kMinimal);
  text.replace(text.find("6f1ed002"), 8, "6F1ED002");
  const auto config = parse_config(text, "test.toml", "alpha");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST(config->cluster_uuid == "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4");
}

BOOST_AUTO_TEST_CASE(own_node_is_the_host_name_with_or_without_domain) {
  const auto config = parse("", "beta.example.org");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST(config->self.name == "beta");
  BOOST_TEST(says(parse("", "gamma"),
                  "this host's name \"gamma\" is neither \"alpha\" nor "
                  "\"beta\": set node ="));
}

BOOST_AUTO_TEST_CASE(node_key_wins_over_the_host_name) {
  const auto config =
      parse_config("node = \"beta\"\n" + std::string(kMinimal), "test.toml", "alpha");
  BOOST_REQUIRE_MESSAGE(config, complaint(config));
  BOOST_TEST(config->self.name == "beta");
  BOOST_TEST(says(parse_config("node = \"x\"\n" + std::string(kMinimal), "test.toml", "alpha"),
                  "line 1:8: node = \"x\" is neither"));
}

BOOST_AUTO_TEST_CASE(missing_file_says_which_and_what_to_do) {
  const auto config = load_config("/nonexistent/lastword.toml");
  const std::string line = complaint(config);
  BOOST_TEST(line.starts_with("/nonexistent/lastword.toml: "));
  BOOST_TEST(line.find("No such file") != line.npos);
  BOOST_TEST(line.find("lastword.toml(5)") != line.npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_refused_without_waiting) {
  const test::TestFolder folder;
  const std::string fifo = folder.file("fifo");
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& path : {fifo, folder.file(""), std::string("/dev/zero")}) {
    BOOST_TEST(complaint(load_config(path)).find("not a regular file") != std::string::npos, path);
  }
}

BOOST_AUTO_TEST_SUITE_END()
