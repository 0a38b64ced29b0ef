// The fake shelf's persistent reservations against SPC-4 (T10/1731-D) 5.13.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "storage/block/aligned_buffer.h"
#include "tests/fake/three_nodes.h"

using namespace lastword;
using namespace lastword::fake;

BOOST_FIXTURE_TEST_SUITE(registration, ThreeNodes)

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

BOOST_FIXTURE_TEST_SUITE(reserving, ThreeNodes)

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
  ThreeNodes nodes;
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
  ThreeNodes nodes;
  nodes.register_all();
  AlignedBuffer buffer(kBlockBytes);
  BOOST_TEST(ok(nodes.gamma.device(0)->write(0, buffer.span())));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(preempting, ThreeNodes)

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
