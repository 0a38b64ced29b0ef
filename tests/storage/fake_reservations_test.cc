// The fake shelf's persistent reservations against SPC-4 (T10/1731-D) 5.13.
#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "storage/aligned_buffer.h"
#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"

namespace {

using namespace lastword;
using namespace lastword::fake;

constexpr ReservationKey kAlphaKey{0xa1};
constexpr ReservationKey kBetaKey{0xb1};
constexpr ReservationKey kGammaKey{0xc1};
constexpr PrType kOther = PrType::kWriteExclusive;

// Three initiators on one logical unit; nothing pending.
struct Nodes {
  explicit Nodes(ShelfOptions options = {}) : shelf(quiet(options)) {}
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
std::vector<Attention> drain(ScsiLun& lun) {
  std::vector<Attention> found;
  for (Status status = lun.test_unit_ready(); !status; status = lun.test_unit_ready()) {
    BOOST_TEST_REQUIRE(fails(status, Code::kUnitAttention));
    found.push_back({status.error().sense.asc, status.error().sense.ascq});
  }
  return found;
}
bool told(ScsiLun& lun, Attention attention) {
  return drain(lun) == std::vector<Attention>{attention};
}
bool told_nothing(ScsiLun& lun) {
  return drain(lun).empty();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(registration, Nodes)

BOOST_AUTO_TEST_CASE(belongs_to_one_nexus) {
  BOOST_TEST(ok(a->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(fails(b->reserve(kAlphaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
}

BOOST_AUTO_TEST_CASE(repeated_replaces_the_key_and_keeps_the_reservation) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->register_ignoring_existing({0xa2}, false)));
  BOOST_TEST(held_by({0xa2}, kOwnerType));
  BOOST_TEST((keys() == std::vector<ReservationKey>{{0xa2}, kBetaKey, kGammaKey}));
}

BOOST_AUTO_TEST_CASE(of_key_zero_unregisters_and_releases_and_tells_the_others) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->register_ignoring_existing({}, false)));
  BOOST_TEST(!shelf.reservation(0));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey, kGammaKey}));
  BOOST_TEST(told(*b, kReservationsReleased));
  BOOST_TEST(told_nothing(*a));
}

BOOST_AUTO_TEST_CASE(of_an_all_registrants_holder_can_go_while_another_stays) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, PrType::kWriteExclusiveAllRegistrants)));
  BOOST_TEST(ok(a->register_ignoring_existing({}, false)));
  BOOST_TEST(ok(b->register_ignoring_existing({}, false)));
  BOOST_TEST(shelf.reservation(0).has_value());
  BOOST_TEST(ok(c->register_ignoring_existing({}, false)));
  BOOST_TEST(!shelf.reservation(0));
}

BOOST_AUTO_TEST_CASE(counts_in_the_generation_and_reserve_and_release_do_not) {
  register_all();
  const std::uint32_t before = generation();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->release(kAlphaKey, kOwnerType)));
  BOOST_TEST(generation() == before);
  BOOST_TEST(ok(a->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(generation() == before + 1);
  BOOST_TEST(ok(a->preempt(kAlphaKey, kBetaKey, kOwnerType)));
  BOOST_TEST(generation() == before + 2);
  BOOST_TEST(fails(a->preempt(kAlphaKey, kBetaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(generation() == before + 2);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(reserving, Nodes)

BOOST_AUTO_TEST_CASE(needs_a_registration_with_that_key) {
  BOOST_TEST(fails(a->reserve(kAlphaKey, kOwnerType), Code::kConflict));
  register_all();
  BOOST_TEST(fails(a->reserve(kBetaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(!shelf.reservation(0));
}

BOOST_AUTO_TEST_CASE(conflicts_with_another_holder_and_with_another_type) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(fails(a->reserve(kAlphaKey, kOther), Code::kConflict));
  BOOST_TEST(fails(b->reserve(kBetaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
}

BOOST_AUTO_TEST_CASE(release_by_someone_else_changes_nothing) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(b->release(kBetaKey, kOwnerType)));
  BOOST_TEST(fails(b->release(kAlphaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
}

BOOST_AUTO_TEST_CASE(release_of_the_wrong_type_is_refused) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  const Status status = a->release(kAlphaKey, kOther);
  BOOST_TEST(fails(status, Code::kRefused));
  BOOST_TEST(status.error().sense.asc == 0x26);
  BOOST_TEST(status.error().sense.ascq == 0x04);
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
}

BOOST_AUTO_TEST_CASE(release_tells_the_registrants_of_a_registrants_type_only) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->release(kAlphaKey, kOwnerType)));
  BOOST_TEST(told(*b, kReservationsReleased));
  BOOST_TEST(told(*c, kReservationsReleased));
  BOOST_TEST(told_nothing(*a));
  BOOST_TEST(ok(a->reserve(kAlphaKey, PrType::kExclusiveAccess)));
  BOOST_TEST(ok(a->release(kAlphaKey, PrType::kExclusiveAccess)));
  BOOST_TEST(told_nothing(*b));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(access_rights)

struct Rights {
  PrType type;
  bool registrant_reads, registrant_writes, stranger_reads, stranger_writes;
};
std::ostream& operator<<(std::ostream& out, const Rights& rights) {
  return out << name_of(rights.type);
}
const std::vector<Rights> kTable{
    {PrType::kWriteExclusive, true, false, true, false},
    {PrType::kExclusiveAccess, false, false, false, false},
    {PrType::kWriteExclusiveRegistrantsOnly, true, true, true, false},
    {PrType::kExclusiveAccessRegistrantsOnly, true, true, false, false},
    {PrType::kWriteExclusiveAllRegistrants, true, true, true, false},
    {PrType::kExclusiveAccessAllRegistrants, true, true, false, false},
};

BOOST_DATA_TEST_CASE(follows_the_type, boost::unit_test::data::make(kTable), rights) {
  Nodes nodes;
  BOOST_TEST(ok(nodes.a->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(ok(nodes.b->register_ignoring_existing(kBetaKey, false)));
  BOOST_TEST(ok(nodes.a->reserve(kAlphaKey, rights.type)));
  AlignedBuffer buffer(kBlockBytes);
  const auto check = [&](const Nexus& nexus, bool reads, bool writes) {
    const auto device = nexus.device(0);
    const auto expect = [](const Status& status, bool allowed) {
      BOOST_TEST((allowed ? ok(status) : fails(status, Code::kConflict)));
    };
    expect(device->read(0, buffer.span()), reads);
    expect(device->write(0, buffer.span()), writes);
    expect(device->flush(), writes);
  };
  check(nodes.alpha, true, true);
  check(nodes.beta, rights.registrant_reads, rights.registrant_writes);
  check(nodes.gamma, rights.stranger_reads, rights.stranger_writes);
}

BOOST_AUTO_TEST_CASE(is_free_without_a_reservation) {
  Nodes nodes;
  nodes.register_all();
  AlignedBuffer buffer(kBlockBytes);
  BOOST_TEST(ok(nodes.gamma.device(0)->write(0, buffer.span())));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(preempting, Nodes)

BOOST_AUTO_TEST_CASE(the_holder_takes_the_reservation_and_removes_its_registration) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST(held_by(kBetaKey, kOwnerType));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey, kGammaKey}));
  BOOST_TEST(told(*a, kRegistrationsPreempted));
  BOOST_TEST(told_nothing(*b));
  BOOST_TEST(told_nothing(*c));
}

BOOST_AUTO_TEST_CASE(with_another_type_tells_who_stays_that_the_old_one_is_released) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(b->preempt(kBetaKey, kAlphaKey, kOther)));
  BOOST_TEST(held_by(kBetaKey, kOther));
  BOOST_TEST(told(*c, kReservationsReleased));
}

BOOST_AUTO_TEST_CASE(the_holder_hits_all_paths_that_share_its_key) {
  register_all();
  BOOST_TEST(ok(c->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey}));
}

BOOST_AUTO_TEST_CASE(a_registrant_leaves_the_reservation_where_it_is) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(b->preempt(kBetaKey, kGammaKey, kOwnerType)));
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
  BOOST_TEST(told(*c, kRegistrationsPreempted));
}

BOOST_AUTO_TEST_CASE(without_a_reservation_only_removes_registrations) {
  register_all();
  BOOST_TEST(ok(b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST(!shelf.reservation(0));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey, kGammaKey}));
}

BOOST_AUTO_TEST_CASE(an_unknown_key_conflicts) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(fails(b->preempt(kBetaKey, {0xdead}, kOwnerType), Code::kConflict));
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
}

BOOST_AUTO_TEST_CASE(needs_a_registration) {
  BOOST_TEST(ok(a->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(fails(b->preempt(kBetaKey, kAlphaKey, kOwnerType), Code::kConflict));
}

BOOST_AUTO_TEST_CASE(ones_own_key_deletes_ones_own_registration) {
  register_all();
  BOOST_TEST(ok(a->preempt(kAlphaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey, kGammaKey}));
}

BOOST_AUTO_TEST_CASE(ones_own_key_as_its_holder_keeps_both) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->preempt(kAlphaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST(held_by(kAlphaKey, kOwnerType));
  BOOST_TEST(keys().size() == 3);
}

BOOST_AUTO_TEST_CASE(key_zero_is_for_all_registrants_only) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(fails(b->preempt(kBetaKey, {}, kOwnerType), Code::kUnsupported));
  BOOST_TEST(ok(a->release(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(a->reserve(kAlphaKey, PrType::kWriteExclusiveAllRegistrants)));
  drain(*b);
  BOOST_TEST(held_by({}, PrType::kWriteExclusiveAllRegistrants));
  BOOST_TEST(ok(b->preempt(kBetaKey, {}, kOwnerType)));
  BOOST_TEST(held_by(kBetaKey, kOwnerType));
  BOOST_TEST((keys() == std::vector<ReservationKey>{kBetaKey}));
}

BOOST_AUTO_TEST_CASE(clear_removes_everything_and_tells_the_others) {
  register_all();
  BOOST_TEST(ok(a->reserve(kAlphaKey, kOwnerType)));
  BOOST_TEST(ok(shelf.clear(gamma, 0, kGammaKey)));
  BOOST_TEST(keys().empty());
  BOOST_TEST(!shelf.reservation(0));
  BOOST_TEST(told(*a, kReservationsPreempted));
  BOOST_TEST(told_nothing(*c));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(queued_write_of_a_victim)

// Alpha holds the disk and has a write under way; beta takes the disk with `take`.
template <class Take>
bool write_lands_after(const Take& take, ShelfOptions options = {}) {
  Nodes nodes(options);
  nodes.register_all();
  BOOST_TEST_REQUIRE(ok(nodes.a->reserve(kAlphaKey, kOwnerType)));
  AlignedBuffer buffer(kBlockBytes);
  std::ranges::fill(buffer.span(), std::byte{0x5a});
  BOOST_TEST_REQUIRE(ok(nodes.shelf.queue_write(nodes.alpha, 0, kBlockBytes, buffer.span())));
  take(nodes);
  BOOST_TEST(fails(nodes.alpha.device(0)->write(0, buffer.span()), Code::kConflict));
  (void)nodes.shelf.execute_queued(0);
  AlignedBuffer found(kBlockBytes);
  nodes.shelf.peek(0, kBlockBytes, found.span());
  return found.span()[0] == std::byte{0x5a};
}

BOOST_AUTO_TEST_CASE(lands_after_a_plain_preempt) {
  BOOST_TEST(write_lands_after(
      [](Nodes& nodes) { BOOST_TEST(ok(nodes.b->preempt(kBetaKey, kAlphaKey, kOwnerType))); }));
}

BOOST_AUTO_TEST_CASE(is_gone_after_preempt_and_abort) {
  BOOST_TEST(!write_lands_after([](Nodes& nodes) {
    BOOST_TEST(ok(nodes.b->preempt_and_abort(kBetaKey, kAlphaKey, kOwnerType)));
    BOOST_TEST(
        (drain(*nodes.a) == std::vector<Attention>{kRegistrationsPreempted, kCommandsCleared}));
  }));
}

BOOST_AUTO_TEST_CASE(is_gone_after_preempt_and_logical_unit_reset) {
  BOOST_TEST(!write_lands_after([](Nodes& nodes) {
    BOOST_TEST(ok(nodes.b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
    BOOST_TEST(ok(nodes.b->logical_unit_reset()));
    BOOST_TEST(told(*nodes.b, kDeviceReset));
    BOOST_TEST(nodes.held_by(kBetaKey, kOwnerType));
  }));
}

BOOST_AUTO_TEST_CASE(lands_where_the_target_aborts_for_a_holder_only) {
  const auto take_from_non_holder = [](Nodes& nodes) {
    BOOST_TEST(ok(nodes.a->release(kAlphaKey, kOwnerType)));
    drain(*nodes.b);
    BOOST_TEST(ok(nodes.b->preempt_and_abort(kBetaKey, kAlphaKey, kOwnerType)));
    BOOST_TEST(ok(nodes.b->reserve(kBetaKey, kOwnerType)));
  };
  BOOST_TEST(!write_lands_after(take_from_non_holder));
  BOOST_TEST(write_lands_after(take_from_non_holder, {.aborts_for_holder_only = true}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(unit_attention)

BOOST_AUTO_TEST_CASE(greets_a_new_nexus_once) {
  FakeShelf shelf({.luns = 2});
  const auto lun = shelf.connect("alpha").lun(1);
  BOOST_TEST(told(*lun, kPowerOn));
  BOOST_TEST(told_nothing(*shelf.connect("alpha").lun(1)));
  BOOST_TEST(told(*shelf.connect("alpha, second life").lun(1), kPowerOn));
}

BOOST_AUTO_TEST_CASE(comes_instead_of_the_command) {
  FakeShelf shelf;
  const auto lun = shelf.connect("alpha").lun(0);
  BOOST_TEST(fails(lun->register_ignoring_existing(kAlphaKey, false), Code::kUnitAttention));
  BOOST_TEST(shelf.registrations(0).keys.empty());
  BOOST_TEST(ok(lun->register_ignoring_existing(kAlphaKey, false)));
}

BOOST_AUTO_TEST_CASE(is_never_seen_by_block_io) {
  FakeShelf shelf;
  const Nexus alpha = shelf.connect("alpha");
  AlignedBuffer buffer(kBlockBytes);
  BOOST_TEST(ok(alpha.device(0)->read(0, buffer.span())));
  BOOST_TEST(told_nothing(*alpha.lun(0)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(power_loss)

BOOST_AUTO_TEST_CASE(forgets_registrations) {
  Nodes nodes;
  nodes.register_all();
  BOOST_TEST(ok(nodes.a->reserve(kAlphaKey, kOwnerType)));
  nodes.shelf.lose_power();
  BOOST_TEST(nodes.keys().empty());
  BOOST_TEST(!nodes.shelf.reservation(0));
  BOOST_TEST(told(*nodes.a, kPowerOn));
}

BOOST_AUTO_TEST_CASE(keeps_them_with_aptpl) {
  Nodes nodes({.aptpl_capable = true});
  BOOST_TEST(nodes.a->report_capabilities()->aptpl);
  BOOST_TEST(ok(nodes.a->register_ignoring_existing(kAlphaKey, true)));
  BOOST_TEST(ok(nodes.a->reserve(kAlphaKey, kOwnerType)));
  nodes.shelf.lose_power();
  BOOST_TEST(nodes.held_by(kAlphaKey, kOwnerType));
  BOOST_TEST(nodes.generation() == 0);
}

BOOST_AUTO_TEST_CASE(aptpl_is_refused_where_it_is_not_offered) {
  Nodes nodes;
  BOOST_TEST(!nodes.a->report_capabilities()->aptpl);
  BOOST_TEST(fails(nodes.a->register_ignoring_existing(kAlphaKey, true), Code::kUnsupported));
  BOOST_TEST(nodes.keys().empty());
}

BOOST_AUTO_TEST_SUITE_END()
