// One disk that two nodes want, for tests of taking its reservation.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "agent/disks/held_disk.h"
#include "agent/disks/seize_run.h"
#include "storage/block/aligned_buffer.h"
#include "tests/fake/fake_shelf.h"

namespace lastword::test {

using namespace lastword::fake;

inline constexpr std::uint16_t kCluster = 0x1234;
inline constexpr std::uint8_t kAlpha = 1;
inline constexpr std::uint8_t kBeta = 2;

inline ReservationKey key(std::uint8_t node, std::uint32_t generation) {
  return make_key({.cluster = kCluster, .node = node, .boot_generation = generation});
}
inline SeizeGoal takeover_by_beta() {
  return {.own = key(kBeta, 4), .victim_node = kAlpha};
}

// A shelf of one disk that alpha owns, in its boot 7, as in normal service.
struct Owned {
  explicit Owned(const ShelfOptions& options = {}) : shelf(options) {
    BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7), .victim_node = {}}));
    shelf.clear_trace();
  }
  FakeShelf shelf;
  Nexus alpha = shelf.connect("alpha");
  Nexus beta = shelf.connect("beta");
};

inline bool holds(const FakeShelf& shelf, ReservationKey who) {
  const auto reservation = shelf.reservation(0);
  return reservation && reservation->holder == who && reservation->type == kOwnerType;
}

inline bool registered(const FakeShelf& shelf, ReservationKey who) {
  const auto keys = shelf.registrations(0).keys;
  return std::find(keys.begin(), keys.end(), who) != keys.end();
}

inline unsigned sent(const FakeShelf& shelf, Command command) {
  const auto trace = shelf.trace();
  return static_cast<unsigned>(std::count_if(
      trace.begin(), trace.end(), [command](const auto& t) { return t.command == command; }));
}

// No unit attention is left for it.
inline void settle(const Nexus& nexus) {
  BOOST_REQUIRE(wait_until_ready(*nexus.lun(0)));
}

inline Status write_block(const Nexus& nexus) {
  const AlignedBuffer buffer(kBlockBytes);
  return nexus.device(0)->write(0, buffer.span());
}

}  // namespace lastword::test
