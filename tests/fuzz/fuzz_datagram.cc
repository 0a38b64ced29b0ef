// Datagrams of the links, from whoever can reach the port; authenticated ones too, since a partner
// may run another version, or be out of its mind.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <optional>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/peer_watch.h"
#include "tests/fuzz/memory_files.h"
#include "tests/support/check_seal.h"

namespace lastword::fuzz {
namespace {

constexpr LinkEnds kSender{.cluster = {1, 2, 3}, .self = 1, .partner = 2};
constexpr LinkEnds kReceiver{.cluster = {1, 2, 3}, .self = 2, .partner = 1};

Input seed(std::uint64_t sequence, pb::Presence presence) {
  Datagram datagram{.echo = {.generation = 4, .sequence = 11}, .slot = {}};
  datagram.slot.set_node(1);
  datagram.slot.set_generation(7);
  datagram.slot.set_sequence(sequence);
  datagram.slot.set_presence(presence);
  datagram.slot.set_machine("0a1b2c3d-0000-4000-8000-000000000001");
  *datagram.slot.mutable_settings() = shared_settings({});
  const auto made = make_datagram(kSender, datagram, test::check_seal());
  FUZZ_REQUIRE(made.has_value());
  Input input(1 + made->size());
  input.front() = std::byte{1};
  std::ranges::copy(*made, input.begin() + 1);
  return input;
}

// Puts the authentication right, so that what is behind it is reached.
void reseal(Input& text) {
  if (text.size() < sizeof(Mac)) return;
  const Bytes body = Bytes(text).first(text.size() - sizeof(Mac));
  const Mac mac = test::check_seal().make(body);
  std::ranges::copy(mac, text.end() - static_cast<std::ptrdiff_t>(mac.size()));
}

}  // namespace

std::vector<Input> seeds() {
  google::protobuf::SetLogHandler(nullptr);
  return {seed(100, pb::WATCHING), seed(101, pb::AWAY), seed(102, pb::GONE)};
}

void run(std::span<const std::byte> input) {
  const bool seal = (take<std::uint8_t>(input) & 1U) != 0;
  Input text(input.begin(), input.end());
  if (seal) reseal(text);
  const auto opened = open_datagram(kReceiver, text, test::check_seal());
  if (!opened) {
    FUZZ_REQUIRE(name_of(opened.error()) != "?");
    return;
  }
  FUZZ_REQUIRE(text.size() <= kMostDatagramBytes);
  FUZZ_REQUIRE(opened->slot.node() == kReceiver.partner);
  PeerWatch watch({}, kReceiver.partner, std::nullopt, Instant{0});
  watch.speak_as(4, 10);
  watch.set_paths(1);
  const auto first = watch.hear("link", *opened, Instant{1});
  FUZZ_REQUIRE(first != PeerWatch::Hearing::kKnown);
  FUZZ_REQUIRE((watch.hear("link", *opened, Instant{2}) == PeerWatch::Hearing::kOld));
  FUZZ_REQUIRE((watch.standing(Instant{3}) != Standing::kSilent));
  FUZZ_REQUIRE(watch.silence() <= kLongestTime);
}

}  // namespace lastword::fuzz
