// What `check` says of the links.
#include "tests/agent/arm/check_ready.h"

namespace lastword::test {
namespace {

struct Links : Ready {
  Links() {
    config.links = {{.name = "direct", .address = "192.168.7.1", .peer = "192.168.7.2"}};
    facts.agent = AgentPaths{.uptime = milliseconds(3'600'000), .paths = {mailbox, link}};
  }
  PathReport& direct() { return facts.agent->paths[1]; }
  std::string problems() const { return problems_of(check_node(facts)); }
  bool tells(std::string_view what) const {
    const auto report = check_node(facts);
    // It costs neither dump nor takeover.
    BOOST_TEST(report.would_dump());
    BOOST_TEST(report.would_be_taken_over());
    return report.problems_size() == 1 && problems_of(report).find(what) != std::string::npos;
  }

  PathReport mailbox{.name = "uuid", .where = "/dev/sdd", .age = milliseconds(500), .heard = 100};
  PathReport link{.kind = PathReport::Kind::kLink,
                  .name = "direct",
                  .where = "192.168.7.1 to 192.168.7.2, port 7410",
                  .age = milliseconds(500),
                  .heard = 100};
  milliseconds long_ago = config.timing.peer_silence();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(check_links, Links)

BOOST_AUTO_TEST_CASE(link_that_works_is_not_mentioned) {
  BOOST_TEST(problems() == "");
  BOOST_TEST(check_node(facts).notes_size() == 0);
}

BOOST_AUTO_TEST_CASE(link_by_which_nothing_comes_is_told_where_the_partner_is_heard_otherwise) {
  direct().age = long_ago;
  BOOST_TEST(tells("nothing comes from beta"));
  direct().age.reset();
  BOOST_TEST(tells("nothing comes from beta"));
  // An agent that has just begun has not heard all yet.
  facts.agent->uptime = milliseconds(1000);
  BOOST_TEST(problems() == "");
  facts.agent->uptime = long_ago;
  facts.agent->paths[0].age = long_ago;
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(link_that_works_one_way_is_told) {
  direct().one_way = true;
  BOOST_TEST(tells("beta does not get what this node sends there"));
}

BOOST_AUTO_TEST_CASE(link_with_other_keys_is_told) {
  direct().age.reset();
  direct().dropped = {{.reason = "bad-authentication", .count = 7}};
  BOOST_TEST(tells("is not authenticated: 7 datagrams dropped"));
  BOOST_TEST(problems().find(config.key_file) != std::string::npos);
  // The partner's are believed: somebody else sends there.
  direct().age = milliseconds(500);
  BOOST_TEST(problems() == "");
  BOOST_TEST(check_node(facts).notes_size() == 1);
}

BOOST_AUTO_TEST_CASE(link_that_this_nodes_network_refuses_is_told) {
  direct().problem = "send: Network is unreachable";
  BOOST_TEST(tells("Network is unreachable"));
}

BOOST_AUTO_TEST_CASE(link_that_the_agent_does_not_use_is_told) {
  facts.agent->paths.pop_back();
  BOOST_TEST(tells("the agent does not use the link direct"));
}

BOOST_AUTO_TEST_CASE(links_of_an_agent_that_does_not_run_are_a_note) {
  facts.agent.reset();
  BOOST_TEST(problems() == "");
  BOOST_TEST(check_node(facts).notes_size() == 1);
  config.links.clear();
  BOOST_TEST(check_node(facts).notes_size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
