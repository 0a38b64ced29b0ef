// What a datagram of the links looks like, and which ones are dropped.
#include "agent/protocol/datagram.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/support/check_seal.h"

namespace lastword::test {
namespace {

using Text = std::vector<std::byte>;

constexpr UuidBytes kCluster{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr LinkEnds kAlpha{.cluster = kCluster, .self = 1, .partner = 2};
constexpr LinkEnds kBeta{.cluster = kCluster, .self = 2, .partner = 1};

Datagram message() {
  Datagram datagram{.echo = {.generation = 9, .sequence = 70'000'000'000}, .slot = {}};
  datagram.slot.set_node(1);
  datagram.slot.set_generation(7);
  datagram.slot.set_sequence(1234);
  datagram.slot.set_machine("0a1b2c3d-0000-4000-8000-000000000001");
  return datagram;
}

Text sent(const Datagram& datagram = message(), const LinkEnds& ends = kAlpha) {
  const auto made = make_datagram(ends, datagram, check_seal());
  BOOST_TEST_REQUIRE(made.has_value());
  return *made;
}

// With this byte, and authenticated by whoever knows the key.
Text with(std::size_t place, unsigned char value) {
  Text text = sent();
  text.at(place) = std::byte{value};
  text.resize(text.size() - sizeof(Mac));
  const Mac mac = check_seal().make(text);
  text.insert(text.end(), mac.begin(), mac.end());
  return text;
}

std::string fault_of(const Text& text, const LinkEnds& ends = kBeta, std::uint32_t key = 1) {
  const auto opened = open_datagram(ends, text, check_seal(key));
  return opened ? "none" : std::string(name_of(opened.error()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(datagram)

BOOST_AUTO_TEST_CASE(partner_reads_what_was_sent) {
  const auto opened = open_datagram(kBeta, sent(), check_seal());
  BOOST_TEST_REQUIRE(opened.has_value());
  BOOST_TEST(opened->echo.generation == 9U);
  BOOST_TEST(opened->echo.sequence == 70'000'000'000U);
  BOOST_TEST(opened->slot.SerializeAsString() == message().slot.SerializeAsString());
}

BOOST_AUTO_TEST_CASE(head_is_as_the_header_file_says) {
  const Text text = sent();
  const std::string slot = message().slot.SerializeAsString();
  BOOST_TEST(text.size() == kDatagramHeadBytes + slot.size() + sizeof(Mac));
  BOOST_TEST((std::memcmp(text.data(), "LWDG\1\0", 6) == 0));
  BOOST_TEST(std::to_integer<std::size_t>(text[6]) == slot.size());
  BOOST_TEST((std::memcmp(text.data() + 8, kCluster.data(), kCluster.size()) == 0));
  BOOST_TEST((text[24] == std::byte{1}));
  BOOST_TEST((text[28] == std::byte{9}));
  BOOST_TEST((std::memcmp(text.data() + kDatagramHeadBytes, slot.data(), slot.size()) == 0));
}

BOOST_AUTO_TEST_CASE(every_bit_is_authenticated) {
  const Text good = sent();
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Text text = good;
    text[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << (bit % 8))};
    BOOST_TEST(fault_of(text) != "none", "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(every_other_length_is_dropped) {
  const Text good = sent();
  for (std::size_t length = 0; length < good.size(); ++length) {
    const Text cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    const std::string fault = fault_of(cut);
    BOOST_TEST(fault ==
               (length < kDatagramHeadBytes + sizeof(Mac) ? "too-short" : "bad-authentication"));
  }
  BOOST_TEST(fault_of(Text(kMostDatagramBytes + 1)) == "too-long");
  BOOST_TEST(fault_of(Text(kMostDatagramBytes)) == "foreign");
}

BOOST_AUTO_TEST_CASE(what_is_not_for_this_node_is_dropped) {
  BOOST_TEST(fault_of(with(0, 'X')) == "foreign");
  BOOST_TEST(fault_of(with(4, 2)) == "other-version");
  BOOST_TEST(fault_of(with(8, 99)) == "other-cluster");
  BOOST_TEST(fault_of(sent(), kAlpha) == "own-node");
  BOOST_TEST(fault_of(sent(), {.cluster = kCluster, .self = 2, .partner = 3}) == "other-node");
}

BOOST_AUTO_TEST_CASE(other_key_is_bad_authentication) {
  BOOST_TEST(fault_of(sent(), kBeta, 77) == "bad-authentication");
}

BOOST_AUTO_TEST_CASE(authenticated_nonsense_is_malformed) {
  BOOST_TEST(fault_of(with(6, 1)) == "malformed");      // another length of the slot
  BOOST_TEST(fault_of(with(25, 1)) == "malformed");     // not zero
  BOOST_TEST(fault_of(with(40, 0xff)) == "malformed");  // no message
  Datagram other = message();
  other.slot.set_node(2);
  BOOST_TEST(fault_of(sent(other)) == "malformed");
  Datagram lifeless = message();
  lifeless.slot.set_generation(0);
  BOOST_TEST(fault_of(sent(lifeless)) == "malformed");
}

BOOST_AUTO_TEST_CASE(longer_than_every_network_takes_is_not_sent) {
  Datagram most = message();
  const std::size_t now = sent(most).size();
  most.slot.set_machine(most.slot.machine() + std::string(kMostDatagramBytes - now - 1, 'x'));
  BOOST_TEST(sent(most).size() <= kMostDatagramBytes);
  most.slot.set_machine(most.slot.machine() + "xx");
  BOOST_TEST((make_datagram(kAlpha, most, check_seal()).error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(largest_slot_of_an_agent_fits) {
  Datagram full = message();
  pb::MailboxSlot& slot = full.slot;
  const std::uint64_t most = UINT64_MAX;
  slot.set_sequence(most);
  slot.set_mailbox_set(most);
  slot.set_sees(most);
  slot.set_sees_partner(most);
  slot.set_echo_generation(UINT32_MAX);
  slot.set_echo_sequence(most);
  slot.set_phase(pb::PHASE_HANDED_OVER);
  slot.mutable_request()->set_id(slot.machine());
  slot.mutable_request()->set_left_ms(UINT32_MAX);
  slot.mutable_intent()->set_number(most);
  slot.mutable_intent()->set_written_unix_ms(-1);
  slot.mutable_switches()->set_number(most);
  BOOST_TEST(sent(full).size() < 400U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
