// Links on a wire that a test holds: what is sent, received, told and reported.
#include "agent/daemon/links.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <deque>

#include "agent/protocol/mailbox.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/support/check_seal.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 4;
constexpr std::uint32_t kLife = 7;

// One end's socket.
struct Wire {
  std::vector<std::vector<std::byte>> sent;
  std::deque<std::vector<std::byte>> arrived;
  int send_error = 0;
  int receive_error = 0;  // once
  int open_error = 0;
  unsigned opened = 0;
};

class WirePort final : public LinkPort {
 public:
  explicit WirePort(Wire& wire) : wire_(wire) {}
  Status send(Bytes datagram) override {
    if (wire_.send_error != 0) return broken("send", wire_.send_error);
    wire_.sent.emplace_back(datagram.begin(), datagram.end());
    return {};
  }
  Result<std::optional<std::vector<std::byte>>> receive() override {
    if (const int error = std::exchange(wire_.receive_error, 0); error != 0) {
      return broken("receive", error);
    }
    if (wire_.arrived.empty()) return std::optional<std::vector<std::byte>>();
    auto first = std::move(wire_.arrived.front());
    wire_.arrived.pop_front();
    return first;
  }
  static tl::unexpected<Error> broken(const char* operation, int error) {
    return fail({.code = Code::kIo, .sys_errno = error, .operation = operation, .disk = "direct"});
  }

 private:
  Wire& wire_;
};

class Pair {
 public:
  Pair() {
    peer.set_paths(1);
    peer.speak_as(kOwn, 0);
  }
  [[nodiscard]] static Config two_links() {
    Config config = cluster_config();
    std::swap(config.self, config.partner);
    config.links = {{.name = "direct", .address = "10.0.0.2", .peer = "10.0.0.1"},
                    {.name = "office", .address = "10.1.0.2", .peer = "10.1.0.1"}};
    return config;
  }
  [[nodiscard]] static pb::MailboxSlot slot(std::uint8_t node, std::uint32_t life,
                                            std::uint64_t number) {
    pb::MailboxSlot said;
    said.set_node(node);
    said.set_generation(life);
    said.set_sequence(number);
    said.set_presence(pb::WATCHING);
    return said;
  }
  void come(unsigned link, std::uint64_t number, std::uint64_t echo, std::uint32_t key = 1) {
    const LinkEnds alpha{
        .cluster = *parse_uuid(config.cluster_uuid), .self = kAlpha, .partner = kBeta};
    const Datagram datagram{.echo = {.generation = kOwn, .sequence = echo},
                            .slot = slot(kAlpha, kLife, number)};
    wires[link].arrived.push_back(*make_datagram(alpha, datagram, check_seal(key)));
  }
  void beat() {
    now += milliseconds(1000);
    links.receive(peer, now);
    links.tell(peer.standing(now) == Standing::kHeard, now);
    links.send(slot(kBeta, kOwn, ++sequence), peer);
  }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::count(events, name, &Event::name));
  }
  [[nodiscard]] std::string last_detail(const std::string& name) const {
    std::string detail;
    for (const Event& event : events) {
      if (event.name == name) detail = event.detail;
    }
    return detail;
  }
  [[nodiscard]] std::uint64_t dropped(const std::string& reason) const {
    const auto report = links.reports(peer, now).front();
    const auto found = std::ranges::find(report.dropped, reason, &PathReport::Dropped::reason);
    return found == report.dropped.end() ? 0 : found->count;
  }

  Config config = two_links();
  std::array<Wire, 2> wires;
  std::vector<Event> events;
  Instant now{1000};
  std::uint64_t sequence = 100;
  PeerWatch peer{config.timing, kAlpha, std::nullopt, now};
  Links links{config, check_seal(),
              [this](const LinkConfig& link) -> Result<std::unique_ptr<LinkPort>> {
                Wire& wire = wires[link.name == "direct" ? 0 : 1];
                ++wire.opened;
                if (wire.open_error != 0) return WirePort::broken("bind", wire.open_error);
                return std::make_unique<WirePort>(wire);
              },
              [this](const Event& event) { events.push_back(event); }, now};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(links_of_a_node, Pair)

BOOST_AUTO_TEST_CASE(each_heartbeat_goes_by_each_link_and_names_what_came_by_it) {
  beat();
  come(0, 500, 101);
  beat();
  BOOST_TEST(wires[0].sent.size() == 2U);
  BOOST_TEST(wires[1].sent.size() == 2U);
  const LinkEnds alpha{
      .cluster = *parse_uuid(config.cluster_uuid), .self = kAlpha, .partner = kBeta};
  const auto direct = open_datagram(alpha, wires[0].sent.back(), check_seal());
  const auto office = open_datagram(alpha, wires[1].sent.back(), check_seal());
  BOOST_TEST_REQUIRE((direct && office));
  BOOST_TEST((direct->echo == HeartbeatId{.generation = kLife, .sequence = 500}));
  BOOST_TEST((office->echo == HeartbeatId{}));
  BOOST_TEST(direct->slot.sequence() == sequence);
  BOOST_TEST((peer.standing(now) == Standing::kHeard));
}

BOOST_AUTO_TEST_CASE(other_key_is_told_once_and_counted) {
  beat();
  for (std::uint64_t i = 0; i < 5; ++i) {
    come(0, 500 + i, 101, 99);
    beat();
  }
  BOOST_TEST((peer.standing(now) == Standing::kUnseen));
  BOOST_TEST(count("link-drops") == 1U);
  BOOST_TEST(last_detail("link-drops").find(config.key_file) != std::string::npos);
  BOOST_TEST(dropped("bad-authentication") == 5U);
}

BOOST_AUTO_TEST_CASE(replays_are_counted_and_not_told) {
  beat();
  for (int i = 0; i < 3; ++i) come(0, 500, 101);
  beat();
  BOOST_TEST(dropped("replayed") == 2U);
  BOOST_TEST(count("link-drops") == 0U);
  BOOST_TEST(links.reports(peer, now)[0].heard == 1U);
}

BOOST_AUTO_TEST_CASE(what_shows_no_answer_is_counted_and_not_believed) {
  beat();
  come(0, 500, 0);
  beat();
  BOOST_TEST(dropped("unproven") == 1U);
  BOOST_TEST((peer.standing(now) == Standing::kUnseen));
}

BOOST_AUTO_TEST_CASE(link_that_cannot_be_opened_is_told_once_and_tried_again) {
  wires[0].open_error = EADDRNOTAVAIL;
  for (int i = 0; i < 4; ++i) beat();
  BOOST_TEST(wires[0].opened == 4U);
  BOOST_TEST(wires[1].sent.size() == 4U);
  BOOST_TEST(count("link-failed") == 1U);
  BOOST_TEST(!links.reports(peer, now)[0].problem.empty());
  wires[0].open_error = 0;
  for (int i = 0; i < 3; ++i) {
    beat();
    come(0, 500 + static_cast<std::uint64_t>(i), sequence);
  }
  beat();
  BOOST_TEST(wires[0].opened == 5U);
  BOOST_TEST(count("link-works") == 1U);
  BOOST_TEST(links.reports(peer, now)[0].problem.empty());
}

BOOST_AUTO_TEST_CASE(refused_heartbeats_are_one_failure) {
  for (int i = 0; i < 6; ++i) {
    wires[0].receive_error = ECONNREFUSED;
    beat();
    links.receive(peer, now);  // ticks between two heartbeats
    links.tell(peer.standing(now) == Standing::kHeard, now);
  }
  BOOST_TEST(count("link-failed") == 1U);
  wires[1].send_error = ENETUNREACH;
  beat();
  beat();
  BOOST_TEST(count("link-failed") == 2U);
}

BOOST_AUTO_TEST_CASE(link_that_fails_does_not_count_as_read) {
  beat();
  beat();
  const Instant before = peer.link("direct")->asked;
  BOOST_TEST((before == now));
  now += milliseconds(1000);
  wires[0].receive_error = ENETDOWN;
  links.receive(peer, now);
  BOOST_TEST((peer.link("direct")->asked == before));
  BOOST_TEST((peer.link("office")->asked == now));
}

BOOST_AUTO_TEST_CASE(flood_takes_a_bounded_time_and_the_link_does_not_count_as_read) {
  beat();
  const Instant before = peer.link("direct") ? peer.link("direct")->asked : Instant{};
  for (int i = 0; i < 1000; ++i) wires[0].arrived.push_back(std::vector<std::byte>(3));
  beat();
  BOOST_TEST(wires[0].arrived.size() > 900U);
  const auto* direct = peer.link("direct");
  BOOST_TEST((direct == nullptr || direct->asked == before));
  BOOST_TEST((peer.link("office")->asked == now));
}

BOOST_AUTO_TEST_CASE(one_way_link_is_told_on_the_side_that_is_not_heard) {
  beat();
  for (std::uint64_t i = 0; i < 30; ++i) {
    come(0, 500 + i, 101);
    beat();
  }
  BOOST_TEST(count("link-one-way") == 1U);
  BOOST_TEST(links.reports(peer, now)[0].one_way);
  BOOST_TEST(!links.reports(peer, now)[1].one_way);
}

BOOST_AUTO_TEST_CASE(quiet_link_is_told_where_the_partner_is_heard_otherwise) {
  beat();
  for (std::uint64_t i = 0; i < 30; ++i) {
    come(0, 500 + i, sequence);
    beat();
  }
  BOOST_TEST(count("link-quiet") == 1U);
  BOOST_TEST(last_detail("link-quiet").starts_with("office"));
  events.clear();
  for (int i = 0; i < 60; ++i) beat();
  BOOST_TEST(count("link-quiet") == 0U);
}

BOOST_AUTO_TEST_CASE(report_names_link_age_and_count) {
  beat();
  come(0, 500, 101);
  beat();
  now += milliseconds(700);
  const auto reports = links.reports(peer, now);
  BOOST_TEST_REQUIRE(reports.size() == 2U);
  BOOST_TEST(reports[0].name == "direct");
  BOOST_TEST(reports[0].where == "10.0.0.2 to 10.0.0.1, port 7410");
  BOOST_TEST((reports[0].age == milliseconds(700)));
  BOOST_TEST(!reports[1].age.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(udp_link)

// Sockets of the loopback: a datagram is there when send() has returned.
BOOST_AUTO_TEST_CASE(datagram_goes_from_one_end_to_the_other_and_nothing_blocks) {
  for (std::uint16_t port = 47410; port < 47414; ++port) {
    const auto one =
        open_udp_link({.name = "a", .address = "127.0.7.1", .peer = "127.0.7.2", .port = port});
    const auto other =
        open_udp_link({.name = "a", .address = "127.0.7.2", .peer = "127.0.7.1", .port = port});
    if (!one || !other) continue;  // the port is somebody's
    const std::vector<std::byte> text(kMostDatagramBytes, std::byte{7});
    BOOST_TEST_REQUIRE((*one)->send(text).has_value());
    const auto got = (*other)->receive();
    BOOST_TEST_REQUIRE((got && *got));
    BOOST_TEST((**got == text));
    const auto nothing = (*other)->receive();
    BOOST_TEST((nothing && !*nothing));
    const std::vector<std::byte> longer(kMostDatagramBytes + 200, std::byte{7});
    BOOST_TEST_REQUIRE((*one)->send(longer).has_value());
    const auto cut = (*other)->receive();
    BOOST_TEST_REQUIRE((cut && *cut));
    BOOST_TEST((*cut)->size() > kMostDatagramBytes);
    return;
  }
  BOOST_TEST_MESSAGE("all ports were taken");
}

BOOST_AUTO_TEST_CASE(address_of_another_host_is_an_error) {
  const auto opened = open_udp_link({.name = "a", .address = "192.0.2.1", .peer = "192.0.2.2"});
  BOOST_TEST_REQUIRE(!opened.has_value());
  BOOST_TEST(opened.error().sys_errno == EADDRNOTAVAIL);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
