// Three initiators and one logical unit, and what waits for them.
#pragma once

#include <boost/test/unit_test.hpp>
#include <memory>
#include <vector>

#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"

namespace lastword::fake {

inline constexpr ReservationKey kAlphaKey{0xa1};
inline constexpr ReservationKey kBetaKey{0xb1};
inline constexpr ReservationKey kGammaKey{0xc1};
inline constexpr PrType kOther = PrType::kWriteExclusive;

// Three initiators on one logical unit; nothing pending.
struct ThreeNodes {
  explicit ThreeNodes(ShelfOptions options = {}) : shelf(quiet(options)) {}
  static ShelfOptions quiet(ShelfOptions options) {
    options.power_on_attention = false;
    return options;
  }

  void register_all() {
    BOOST_TEST_REQUIRE(ok(a->register_ignoring_existing(kAlphaKey, false)));
    BOOST_TEST_REQUIRE(ok(b->register_ignoring_existing(kBetaKey, false)));
    BOOST_TEST_REQUIRE(ok(c->register_ignoring_existing(kGammaKey, false)));
  }
  [[nodiscard]] std::uint32_t generation() const { return shelf.registrations(0).generation; }
  [[nodiscard]] std::vector<ReservationKey> keys() const { return shelf.registrations(0).keys; }
  [[nodiscard]] bool held_by(ReservationKey key, PrType type) const {
    const auto held = shelf.reservation(0);
    return held && held->holder == key && held->type == type;
  }

  FakeShelf shelf;
  Nexus alpha = shelf.connect("alpha");
  Nexus beta = shelf.connect("beta");
  Nexus gamma = shelf.connect("gamma");
  std::unique_ptr<ScsiLun> a = alpha.lun(0), b = beta.lun(0), c = gamma.lun(0);
};

// All unit attentions that wait for this nexus, oldest first.
inline std::vector<Attention> drain(ScsiLun& lun) {
  std::vector<Attention> found;
  for (Status status = lun.test_unit_ready(); !status; status = lun.test_unit_ready()) {
    BOOST_TEST_REQUIRE(fails(status, Code::kUnitAttention));
    found.push_back({status.error().sense.asc, status.error().sense.ascq});
  }
  return found;
}
inline bool told(ScsiLun& lun, Attention attention) {
  return drain(lun) == std::vector<Attention>{attention};
}
inline bool told_nothing(ScsiLun& lun) {
  return drain(lun).empty();
}

}  // namespace lastword::fake
