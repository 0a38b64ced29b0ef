// `lastword disable`, `enable` and `no-takeover`, and what they mean for `takeover` and `status`,
// on a machine without a disk of the cluster.
#include "proto/error.h"
#include "tests/agent/cli/programs.h"

namespace lastword::test {
namespace {

struct Forbidding {
  Forbidding() {
    std::ofstream(path) << "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\nnode = \"alpha\"\n"
                        << "[nodes.alpha]\nid = 1\n[nodes.beta]\nid = 2\n[paths]\nstate = \""
                        << folder.file("run") << "\"\npersistent = \"" << folder.file("lib")
                        << "\"\n";
  }
  [[nodiscard]] std::string line(const std::string& arguments) const {
    return LASTWORD_PROGRAM " --config " + path + " " + arguments;
  }
  [[nodiscard]] Outcome lastword(const std::string& arguments) const {
    return run(line(arguments) + " < /dev/null");
  }
  // At a terminal, where a person types that.
  [[nodiscard]] Outcome typed(const std::string& arguments, const std::string& answer) const {
    return run("(sleep 1; echo " + answer + ") | script --quiet --return --command '" +
               line(arguments) + "' /dev/null");
  }
  [[nodiscard]] std::string kept() const { return content_of(folder.file("lib/switches-1")); }

  TestFolder folder;
  std::string path = folder.file("lastword.toml");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(switch_command, Forbidding)

BOOST_AUTO_TEST_CASE(order_is_kept_and_it_is_told_that_the_partner_does_not_learn_of_it) {
  const Outcome disable = lastword("disable --for 2h");
  BOOST_TEST(disable.status == kExitNo);
  BOOST_TEST(contains(disable.output, "alpha: neither node takes over by itself until 20"));
  BOOST_TEST(contains(disable.errors, "beta does not learn of it"));
  BOOST_TEST(contains(kept(), "until_unix_ms"));
  const Outcome no_takeover = lastword("no-takeover");
  BOOST_TEST(
      contains(no_takeover.output,
               "beta does not take over from alpha by itself; `lastword no-takeover --off`"));
  BOOST_TEST(contains(kept(), "no_takeover"));
  BOOST_TEST(
      contains(lastword("no-takeover --off").output, "beta takes over from alpha by itself"));
  BOOST_TEST(contains(lastword("enable").output, "both nodes take over by themselves again"));
  BOOST_TEST(contains(kept(), "\"number\": 4"));
  BOOST_TEST(!contains(kept(), "true"));
}

BOOST_AUTO_TEST_CASE(time_that_makes_no_sense_is_refused) {
  for (const char* arguments : {"disable --for 0s", "disable --for soon",
                                "no-takeover --for 5s --off", "enable --for 5s"}) {
    BOOST_TEST(lastword(arguments).status == kExitUsage, arguments);
  }
  BOOST_TEST(kept() == "");
}

// That nothing is in service here comes after the question.
BOOST_AUTO_TEST_CASE(takeover_asks_for_the_partners_name_where_it_is_forbidden) {
  const std::string not_started = "`lastword start`";
  BOOST_TEST(contains(lastword("takeover").errors, not_started));
  BOOST_TEST(lastword("disable").status == kExitNo);
  const Outcome refused = lastword("takeover");
  BOOST_TEST(refused.status == kExitRefused);
  BOOST_TEST(
      contains(refused.errors, "takeover is switched off here (DISABLE): `lastword enable`"));
  BOOST_TEST(contains(refused.errors, "--yes takes over from beta all the same"));
  BOOST_TEST(contains(lastword("takeover --yes").errors, not_started));
  const Outcome wrong = typed("takeover", "alpha");
  BOOST_TEST(wrong.status == kExitRefused);
  BOOST_TEST(contains(wrong.output, "Type beta to go on"));
  BOOST_TEST(contains(typed("takeover", "beta").output, not_started));
  BOOST_TEST(lastword("enable").status == kExitNo);
  BOOST_TEST(contains(lastword("takeover").errors, not_started));
}

BOOST_AUTO_TEST_CASE(status_shows_what_is_forbidden_in_every_state_of_the_node) {
  BOOST_TEST(lastword("no-takeover").status == kExitNo);
  const Outcome text = lastword("status");
  BOOST_TEST(text.status == kExitNo);
  BOOST_TEST(contains(text.output, "alpha (id 1, no life known): STOPPED not-started."));
  BOOST_TEST(contains(text.output, "`lastword no-takeover` on alpha"));
  BOOST_TEST(contains(text.output, "NO: this node is not in service -> `lastword start`"));
  BOOST_TEST(contains(text.output, "There are no mailbox disks."));
  const Outcome json = lastword("status --json");
  BOOST_TEST(contains(json.output, "\"phase\": \"not-started\""));
  BOOST_TEST(contains(json.output, "\"attention\": true"));
}

BOOST_AUTO_TEST_CASE(status_that_watches_ends_in_order) {
  const Outcome watched =
      run("timeout --preserve-status --signal=INT 10 " + line("status --watch --json"));
  BOOST_TEST(contains(watched.output, "\"phase\":\"not-started\""));
  BOOST_TEST(watched.status == kExitOk);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
