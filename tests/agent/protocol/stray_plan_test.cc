// Properties of what `lastword start` takes and whose keys it removes, over surveys at random.
#include "agent/protocol/stray_plan.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <random>
#include <set>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 5;  // alpha's

// Surveys of some disks, each in any state that labels, keys and reservations can be in.
class Surveys {
 public:
  explicit Surveys(unsigned seed) : random_(seed) {}

  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }

  ReservationKey any_key() {
    switch (below(5)) {
      case 0:
        return key_of(kAlpha, kLife);
      case 1:
        return key_of(kAlpha, 1 + below(7));
      case 4:
        return {0xdeadbeef};
      default:
        return key_of(kBeta, 1 + below(3));
    }
  }
  DiskView any_disk(unsigned number) {
    constexpr std::array kRoles{pb::SERVICE, pb::SPARE, pb::DUMP, pb::MAILBOX};
    const pb::Role role = kRoles.at(below(4));
    DiskView disk = surveyed(number, role,
                             role == pb::MAILBOX ? std::uint8_t{0}
                             : one_in(3)         ? kBeta
                                                 : kAlpha);
    if (role != pb::MAILBOX) {
      disk.label->set_owner_node(below(3));
      disk.label->set_owner_generation(one_in(3) ? below(7) : kLife);
    }
    if (one_in(12)) disk.label->set_disk_uuid(uuid_of(0));
    if (one_in(15)) disk.label->set_cluster_uuid("11111111-1111-4111-8111-111111111111");
    for (unsigned i = below(4); i > 0; --i) disk.keys.push_back(any_key());
    if (one_in(2)) disk.keys.push_back(key_of(kAlpha, kLife));
    if (!disk.keys.empty() && !one_in(4)) {
      disk.reservation =
          Reservation{.holder = disk.keys[below(static_cast<unsigned>(disk.keys.size()))],
                      .type = one_in(10) ? PrType::kExclusiveAccess : kOwnerType};
    }
    disk.reservations_known = !one_in(10);
    if (!disk.reservations_known) disk.scsi_problem = Error{.code = Code::kTimeout};
    if (one_in(10)) disk.problem = Error{.code = Code::kIo};
    if (role == pb::MAILBOX && one_in(3)) {
      pb::MailboxSlot& slot = disk.mailbox[1];
      slot.set_node(kBeta);
      slot.set_generation(1);
      pb::TakeoverIntent& intent = *slot.mutable_intent();
      intent.set_phase(static_cast<IntentPhase>(below(4)));
      intent.set_victim_node(kAlpha);
      intent.set_victim_generation(below(9));
      intent.set_number(1 + below(4));
    }
    return disk;
  }
  Survey any() {
    Survey survey;
    for (unsigned i = 0; i < 4; ++i) survey.disks.push_back(any_disk(i));
    return survey;
  }

 private:
  std::minstd_rand random_;
};

NodeState state_of(const Survey& survey, Surveys& random) {
  NodeState state{.boot_generation = kLife, .key = key_of(kAlpha, kLife)};
  for (const DiskView& disk : survey.disks) {
    if (disk.label->role() != pb::MAILBOX) continue;
    state.mailbox_disks.push_back(disk.label->disk_uuid());
    if (!random.one_in(3)) state.mailbox_joined.push_back(disk.label->disk_uuid());
  }
  return state;
}

bool held_by_partner(const DiskView& disk, const Config& config) {
  return holder_node(disk, config) == kBeta;
}

constexpr unsigned kRuns = 20'000;

}  // namespace

BOOST_AUTO_TEST_SUITE(stray_plan)

BOOST_AUTO_TEST_CASE(start_takes_nothing_that_is_or_may_be_the_partners) {
  const Config config = cluster_config();
  unsigned taken = 0;
  for (unsigned seed = 0; seed < kRuns; ++seed) {
    Surveys random(seed);
    const Survey survey = random.any();
    const NodeState state = state_of(survey, random);
    const auto plan =
        plan_start(survey, config, random.one_in(2) ? std::optional(state) : std::nullopt, {});
    if (!plan || !plan->taken_over.empty()) continue;
    for (const std::size_t index : plan->own) {
      const DiskView& disk = survey.disks[index];
      BOOST_REQUIRE(in_cluster(disk, config));
      BOOST_REQUIRE(disk.label->role() != pb::MAILBOX);
      BOOST_REQUIRE(disk.label->home_node() == kAlpha);
      BOOST_REQUIRE(disk.label->owner_node() != kBeta);
      BOOST_REQUIRE(!held_by_partner(disk, config));
      BOOST_REQUIRE(!disk.problem);
      BOOST_REQUIRE(!disk.scsi_problem);
      BOOST_REQUIRE(!disk.reservation || holder_node(disk, config) == kAlpha);
      ++taken;
    }
    for (const std::size_t index : plan->mailbox) {
      const DiskView& disk = survey.disks[index];
      BOOST_REQUIRE(disk.label->role() == pb::MAILBOX);
      BOOST_REQUIRE_EQUAL(disks_with_uuid(survey, config, disk.label->disk_uuid()).size(), 1U);
    }
    // Each disk has one place at most.
    std::multiset<std::size_t> places(plan->own.begin(), plan->own.end());
    places.insert(plan->mailbox.begin(), plan->mailbox.end());
    for (const DiskRemark& refused : plan->refused) places.insert(refused.disk);
    for (const std::size_t place : places) BOOST_REQUIRE_EQUAL(places.count(place), 1U);
  }
  BOOST_TEST(taken > 100U);
}

BOOST_AUTO_TEST_CASE(partners_key_goes_only_from_a_disk_that_is_this_nodes_in_every_respect) {
  const Config config = cluster_config();
  unsigned removed = 0;
  unsigned withdrawn = 0;
  for (unsigned seed = 0; seed < kRuns; ++seed) {
    Surveys random(seed);
    const Survey now = random.any();
    Survey before = now;
    if (random.one_in(2)) before = random.any();
    const NodeState state = state_of(now, random);
    std::optional<pb::TakeoverIntent> own;
    if (random.one_in(2)) {
      own = next_intent(std::nullopt, static_cast<IntentPhase>(random.below(4)), kBeta, 2);
    }
    const StrayPlan plan = plan_strays(before, now, config, state, own);
    for (const StrayPlan::Removal& removal : plan.remove) {
      const DiskView& disk = now.disks[removal.disk];
      BOOST_REQUIRE(in_cluster(disk, config));
      BOOST_REQUIRE(disk.label->role() != pb::MAILBOX);
      BOOST_REQUIRE(disk.label->home_node() == kAlpha);
      BOOST_REQUIRE(disk.label->owner_node() == kAlpha);
      BOOST_REQUIRE(disk.label->owner_generation() == kLife);
      BOOST_REQUIRE(disk.reservations_known);
      BOOST_REQUIRE(disk.reservation && disk.reservation->holder == state.key);
      BOOST_REQUIRE(!tells_of_lost_vote(now, config, kLife));
      for (const ReservationKey key : removal.keys) {
        BOOST_REQUIRE(parse_key(key)->node == kBeta);
        BOOST_REQUIRE(is_registered(disk, key));
        BOOST_REQUIRE(is_registered(before.disks[removal.disk], key));
        ++removed;
      }
      for (const DiskView& other : now.disks) {
        if (in_cluster(other, config) && other.label->home_node() == kAlpha) {
          BOOST_REQUIRE(other.label->owner_node() != kBeta);
          BOOST_REQUIRE(!held_by_partner(other, config));
        }
      }
    }
    for (const std::size_t index : plan.withdraw) {
      const DiskView& disk = now.disks[index];
      BOOST_REQUIRE(disk.label->role() != pb::MAILBOX);
      BOOST_REQUIRE(disk.label->home_node() == kBeta);
      BOOST_REQUIRE(disk.label->owner_node() != kAlpha);
      BOOST_REQUIRE(holder_node(disk, config) != kAlpha);
      BOOST_REQUIRE(!own || own->phase() != pb::TakeoverIntent::TAKING);
      ++withdrawn;
    }
  }
  BOOST_TEST(removed > 100U);
  BOOST_TEST(withdrawn > 100U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
