// What the fake shelf does to a victim's commands, what it tells whom, and what power leaves of it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "storage/block/aligned_buffer.h"
#include "tests/fake/three_nodes.h"

using namespace lastword;
using namespace lastword::fake;

BOOST_AUTO_TEST_SUITE(queued_write_of_a_victim)

// Alpha holds the disk and has a write under way; beta takes the disk with `take`.
template <class Take>
bool write_lands_after(const Take& take, ShelfOptions options = {}) {
  ThreeNodes nodes(options);
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
  BOOST_TEST(write_lands_after([](ThreeNodes& nodes) {
    BOOST_TEST(ok(nodes.b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
  }));
}

BOOST_AUTO_TEST_CASE(is_gone_after_preempt_and_abort) {
  BOOST_TEST(!write_lands_after([](ThreeNodes& nodes) {
    BOOST_TEST(ok(nodes.b->preempt_and_abort(kBetaKey, kAlphaKey, kOwnerType)));
    BOOST_TEST(
        (drain(*nodes.a) == std::vector<Attention>{kRegistrationsPreempted, kCommandsCleared}));
  }));
}

BOOST_AUTO_TEST_CASE(is_gone_after_preempt_and_logical_unit_reset) {
  BOOST_TEST(!write_lands_after([](ThreeNodes& nodes) {
    BOOST_TEST(ok(nodes.b->preempt(kBetaKey, kAlphaKey, kOwnerType)));
    BOOST_TEST(ok(nodes.b->logical_unit_reset()));
    BOOST_TEST(told(*nodes.b, kDeviceReset));
    BOOST_TEST(nodes.held_by(kBetaKey, kOwnerType));
  }));
}

BOOST_AUTO_TEST_CASE(lands_where_the_target_aborts_for_a_holder_only) {
  const auto take_from_non_holder = [](ThreeNodes& nodes) {
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
  ThreeNodes nodes;
  nodes.register_all();
  BOOST_TEST(ok(nodes.a->reserve(kAlphaKey, kOwnerType)));
  nodes.shelf.lose_power();
  BOOST_TEST(nodes.keys().empty());
  BOOST_TEST(!nodes.shelf.reservation(0));
  BOOST_TEST(told(*nodes.a, kPowerOn));
}

BOOST_AUTO_TEST_CASE(keeps_them_with_aptpl) {
  ThreeNodes nodes({.aptpl_capable = true});
  BOOST_TEST(nodes.a->report_capabilities()->aptpl);
  BOOST_TEST(ok(nodes.a->register_ignoring_existing(kAlphaKey, true)));
  BOOST_TEST(ok(nodes.a->reserve(kAlphaKey, kOwnerType)));
  nodes.shelf.lose_power();
  BOOST_TEST(nodes.held_by(kAlphaKey, kOwnerType));
  BOOST_TEST(nodes.generation() == 0);
}

BOOST_AUTO_TEST_CASE(aptpl_is_refused_where_it_is_not_offered) {
  ThreeNodes nodes;
  BOOST_TEST(!nodes.a->report_capabilities()->aptpl);
  BOOST_TEST(fails(nodes.a->register_ignoring_existing(kAlphaKey, true), Code::kUnsupported));
  BOOST_TEST(nodes.keys().empty());
}

BOOST_AUTO_TEST_SUITE_END()
