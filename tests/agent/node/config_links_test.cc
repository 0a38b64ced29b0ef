// [[link]] in the configuration file.
#include "agent/node/config_links.h"

#include <boost/test/unit_test.hpp>

#include "agent/node/config_file.h"

namespace lastword::test {
namespace {

constexpr const char* kNodes = R"(cluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4"
[nodes.alpha]
id = 1
[nodes.beta]
id = 2
)";

Result<Config> parse(const std::string& more, std::string_view host = "alpha") {
  return parse_config(kNodes + more, "test.toml", host);
}

std::string link(const std::string& address, const std::string& more = "",
                 const std::string& name = "direct") {
  return "[[link]]\nname = \"" + name + "\"\naddress = " + address + "\n" + more + "\n";
}

bool says(const std::string& text, std::string_view part) {
  const auto config = parse(text);
  const std::string line = config ? "accepted" : describe(config.error());
  BOOST_TEST_MESSAGE(line);
  return line.find(part) != std::string::npos;
}

const std::string kGood = R"({ alpha = "192.168.7.1", beta = "192.168.7.2" })";

}  // namespace

BOOST_AUTO_TEST_SUITE(config_links)

BOOST_AUTO_TEST_CASE(one_file_is_good_on_both_nodes) {
  const std::string text = link(kGood, "port = 7500");
  const auto alpha = parse(text);
  const auto beta = parse(text, "beta");
  BOOST_TEST_REQUIRE((alpha && beta && alpha->links.size() == 1 && beta->links.size() == 1));
  BOOST_TEST(alpha->links[0].name == "direct");
  BOOST_TEST(alpha->links[0].address == "192.168.7.1");
  BOOST_TEST(alpha->links[0].peer == "192.168.7.2");
  BOOST_TEST(beta->links[0].address == "192.168.7.2");
  BOOST_TEST(beta->links[0].peer == "192.168.7.1");
  BOOST_TEST(alpha->links[0].port == 7500);
}

BOOST_AUTO_TEST_CASE(defaults_are_no_link_and_port_7410) {
  BOOST_TEST(parse("")->links.empty());
  BOOST_TEST(parse(link(kGood))->links[0].port == 7410);
  BOOST_TEST(parse("")->key_file == "/etc/lastword/cluster.key");
  BOOST_TEST(parse("[paths]\nkey_file = \"/srv/key\"\n")->key_file == "/srv/key");
}

BOOST_AUTO_TEST_CASE(addresses_are_those_of_hosts_in_numbers) {
  for (const char* good : {R"({ alpha = "fd00::1", beta = "fd00::2" })",
                           R"({ alpha = "fe80::1%eth1", beta = "fe80::2%enp3s0" })"}) {
    BOOST_TEST(parse(link(good)).has_value(), good);
  }
  for (const char* bad :
       {"alpha-direct", "192.168.7", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1",
        "fe80::1", "fe80::1%", "fd00::1%eth0", "192.168.7.1%e"}) {
    const std::string address = std::string("{ alpha = \"") + bad + "\", beta = \"10.0.0.2\" }";
    BOOST_TEST(says(link(address), "line 8:"), bad);
    BOOST_TEST(says(link(address), "is no address of a host"), bad);
  }
  BOOST_TEST(says(link(R"({ alpha = "10.0.0.1", beta = "fd00::2" })"), "both of IPv6"));
  BOOST_TEST(says(link(R"({ alpha = "10.0.0.1", beta = "10.0.0.1" })"), "each needs its own"));
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_wrong_has_its_line_and_remedy) {
  BOOST_TEST(says("[link]\nname = \"a\"\n", "[[link]]"));
  BOOST_TEST(says("[[link]]\naddress = " + kGood + "\n", "needs name"));
  BOOST_TEST(says("[[link]]\nname = \"a\"\n", "address = { alpha = \"192.168.7.1\""));
  BOOST_TEST(says(link("\"10.0.0.1\""), "the address of each node"));
  BOOST_TEST(says(link(R"({ alpha = "10.0.0.1" })"), "the address of beta is missing"));
  BOOST_TEST(says(link(R"({ alpha = "10.0.0.1", beta = "10.0.0.2", gamma = "10.0.0.3" })"),
                  "unknown key \"gamma\""));
  BOOST_TEST(says(link(kGood, "", "a b"), "letters, digits"));
  BOOST_TEST(says(link(kGood, "port = 0"), "port takes a number"));
  BOOST_TEST(says(link(kGood, "port = 65536"), "port takes a number"));
  BOOST_TEST(says(link(kGood, "prot = 1"), "did you mean \"port\"?"));
}

BOOST_AUTO_TEST_CASE(links_differ_and_are_four_at_the_most) {
  BOOST_TEST(says(link(kGood) + link(kGood, "port = 7411"), "two links have the name"));
  BOOST_TEST(says(link(kGood) + link(kGood, "", "other"), "give it another port"));
  std::string text;
  for (std::size_t i = 0; i <= kMostLinks; ++i) {
    text += link(kGood, "port = " + std::to_string(7000 + i), "link" + std::to_string(i));
    BOOST_TEST(parse(text).has_value() == (i < kMostLinks));
  }
  BOOST_TEST(says(text, "4 are the most"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
