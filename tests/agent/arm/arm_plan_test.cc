#include "agent/arm/arm_plan.h"

#include <boost/test/unit_test.hpp>

#include "proto/candidate_check.h"
#include "proto/coredump.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kGeneration = 7;
constexpr unsigned kLuns = 4;

struct Killed {};

// alpha with its spares in service, and the running kernel with what is loaded into it.
struct ArmedNode {
  ArmedNode() {
    for (unsigned lun = 0; lun < kLuns; ++lun) {
      plant(shelf, lun, make_label(lun, pb::SPARE));
      BOOST_REQUIRE(take_own_disk(NodeDisk(nexus, lun).own(), identity(kAlpha, kGeneration)));
    }
  }

  static pb::Plan plan(const std::string& nonce, const std::vector<std::size_t>& disks) {
    pb::Plan plan;
    plan.set_cluster_uuid(kCluster);
    plan.set_node(kAlpha);
    plan.set_boot_generation(kGeneration);
    plan.set_reservation_key(key_of(kAlpha, kGeneration).value);
    plan.set_nonce(nonce);
    plan.set_dump_limit_ms(60000);
    for (std::size_t rank = 1; rank <= disks.size(); ++rank) {
      pb::Candidate& candidate = *plan.add_candidates();
      candidate.set_disk_uuid(uuid_of(static_cast<unsigned>(disks[rank - 1])));
      candidate.set_rank(static_cast<std::uint32_t>(rank));
      candidate.set_metadata_offset_bytes(kMetadataOffset);
      candidate.set_data_offset_bytes(kDataOffset);
      candidate.set_data_length_bytes(32 << 20);
    }
    return plan;
  }

  std::vector<std::size_t> armed() {
    std::vector<std::size_t> disks;
    for (unsigned lun = 0; lun < kLuns; ++lun) {
      if (header_on(shelf, lun).attribute() == pb::ARMED) disks.push_back(lun);
    }
    return disks;
  }

  // Throws Killed before the command, or the loading, that `kill_at` counts down to.
  ArmOutcome arm(const std::string& nonce, const std::vector<std::size_t>& disks,
                 unsigned kill_at = ~0U) {
    unsigned left = kill_at;
    const auto tick = [&left] {
      if (left-- == 0) throw Killed();
    };
    const pb::Plan fresh = plan(nonce, disks);
    const auto steps = arm_steps(fresh, disks, armed());
    shelf.set_hook([&](const fake::CommandTrace&) { tick(); });
    struct RemoveHook {
      fake::FakeShelf& shelf;
      ~RemoveHook() { shelf.set_hook({}); }
    } remove_hook{shelf};
    return run_arm_steps(
        steps, fresh,
        {.change_header = [&](std::size_t disk, const HeaderChange& change) -> Status {
           const auto changed = change_header(NodeDisk(nexus, static_cast<unsigned>(disk)).own(),
                                              key_of(kAlpha, kGeneration), change);
           if (!changed) return fail(changed.error());
           return {};
         },
         .load = [&]() -> Status {
           tick();
           loaded = fresh;
           tick();
           return {};
         }});
  }

  // A crash now: does the dump writer accept every disk of the plan that is loaded?
  void check_loaded_plan() {
    if (!loaded) return;
    for (const pb::Candidate& candidate : loaded->candidates()) {
      const auto lun = static_cast<unsigned>(candidate.disk_uuid().back() - '0');
      const Status accepted = check_candidate(*loaded, candidate, label_on(shelf, lun),
                                              header_on(shelf, lun), shelf.reservation(lun));
      BOOST_CHECK_MESSAGE(accepted, (accepted ? "" : describe(accepted.error())));
    }
  }

  fake::FakeShelf shelf{{.luns = kLuns}};
  fake::Nexus nexus = shelf.connect("alpha");
  std::optional<pb::Plan> loaded;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(arm)

BOOST_AUTO_TEST_CASE(arms_by_rank_and_leaves_one_nonce) {
  ArmedNode node;
  const ArmOutcome outcome = node.arm("n1", {2, 0});
  BOOST_TEST(outcome.loaded);
  BOOST_TEST(outcome.leftovers.empty());
  node.check_loaded_plan();
  const auto header = header_on(node.shelf, 2);
  BOOST_TEST(header.attribute() == pb::ARMED);
  BOOST_TEST(header.rank() == 1U);
  BOOST_TEST(header.plan_nonces_size() == 1);
  BOOST_TEST(header.extent_length_bytes() == 32U << 20);
  BOOST_TEST(header_on(node.shelf, 0).rank() == 2U);
  BOOST_TEST(header_on(node.shelf, 1).attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(killed_at_any_command_leaves_the_old_or_the_new_plan_valid) {
  bool completed = false;
  unsigned kill_at = 0;
  for (; !completed; ++kill_at) {
    ArmedNode node;
    BOOST_REQUIRE(node.arm("old", {0, 1, 2}).loaded);
    // One disk stays with another rank, one keeps its rank, one leaves, one joins.
    try {
      completed = node.arm("new", {2, 1, 3}, kill_at).loaded;
    } catch (const Killed&) {
    }
    BOOST_TEST_CONTEXT("killed before command " << kill_at) {
      BOOST_REQUIRE(node.loaded);
      node.check_loaded_plan();
      // The next run clears up, whatever it chooses.
      BOOST_REQUIRE(node.arm("newest", {3, 0}).loaded);
      node.check_loaded_plan();
      for (unsigned lun = 0; lun < kLuns; ++lun) {
        const bool in_plan = lun == 0 || lun == 3;
        BOOST_TEST(header_on(node.shelf, lun).attribute() == (in_plan ? pb::ARMED : pb::INACTIVE));
        BOOST_TEST(header_on(node.shelf, lun).plan_nonces_size() == (in_plan ? 1 : 0));
      }
    }
  }
  BOOST_TEST(kill_at > 30U);  // it was killed in many places, not none
}

BOOST_AUTO_TEST_CASE(torn_header_write_leaves_the_old_plan_valid) {
  for (unsigned skip = 0; skip < 3; ++skip) {
    ArmedNode node;
    BOOST_REQUIRE(node.arm("old", {0, 1, 2}).loaded);
    for (unsigned lun = 0; lun < 3; ++lun) {
      if (lun != skip) continue;
      node.shelf.inject(lun, {.kind = fake::FaultKind::kTornBlock,
                              .only = fake::Command::kWrite,
                              .times = 1,
                              .argument = 3});
    }
    const ArmOutcome outcome = node.arm("new", {2, 1, 0});
    BOOST_TEST(!outcome.loaded);
    BOOST_REQUIRE(outcome.failed_disk);
    BOOST_TEST(*outcome.failed_disk == skip);
    node.check_loaded_plan();
  }
}

BOOST_AUTO_TEST_CASE(interrupted_too_often_says_disarm) {
  pb::CoredumpHeader header;
  for (int i = 0; i < kMaxPlanNonces; ++i) {
    const auto armed =
        armed_header(header, ArmedNode::plan("n" + std::to_string(i), {0}), pb::Candidate());
    BOOST_REQUIRE(armed);
    header = *armed;
  }
  const auto refused = armed_header(header, ArmedNode::plan("one-more", {0}), pb::Candidate());
  BOOST_REQUIRE(!refused);
  BOOST_TEST(static_cast<int>(refused.error().code) == static_cast<int>(Code::kRefused));
  BOOST_TEST(describe(refused.error()).find("lastword disarm") != std::string::npos);
  BOOST_TEST(retired_header(header, kAlpha).attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(nonces_of_an_earlier_boot_are_dropped) {
  pb::CoredumpHeader header;
  header.set_attribute(pb::ARMED);
  header.set_node(kAlpha);
  header.set_boot_generation(kGeneration - 1);
  header.add_plan_nonces("stale");
  const auto armed = armed_header(header, ArmedNode::plan("fresh", {0}), pb::Candidate());
  BOOST_REQUIRE(armed);
  BOOST_REQUIRE(armed->plan_nonces_size() == 1);
  BOOST_TEST(armed->plan_nonces(0) == "fresh");
}

BOOST_AUTO_TEST_CASE(unsaved_dump_is_refused_unless_the_latest_is_kept) {
  pb::Plan plan = ArmedNode::plan("n", {0});
  for (const pb::Attribute attribute : {pb::COMPLETED, pb::ABORTED}) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    plan.set_keep_latest(false);
    BOOST_TEST(!armed_header(header, plan, pb::Candidate()));
    plan.set_keep_latest(true);
    BOOST_TEST(armed_header(header, plan, pb::Candidate()).has_value());
  }
  pb::CoredumpHeader in_progress;
  in_progress.set_attribute(pb::IN_PROGRESS);
  BOOST_TEST(!armed_header(in_progress, plan, pb::Candidate()));
}

BOOST_AUTO_TEST_CASE(fenced_node_writes_no_header) {
  ArmedNode node;
  const fake::Nexus beta = node.shelf.connect("beta");
  const auto lun = beta.lun(1);
  while (!lun->test_unit_ready()) {
  }
  BOOST_REQUIRE(lun->register_ignoring_existing(key_of(kBeta, 3), false));
  BOOST_REQUIRE(lun->preempt_and_abort(key_of(kBeta, 3), key_of(kAlpha, kGeneration), kOwnerType));
  node.shelf.clear_trace();
  const ArmOutcome outcome = node.arm("n", {1});
  BOOST_REQUIRE(outcome.error);
  BOOST_TEST(static_cast<int>(outcome.error->code) == static_cast<int>(Code::kFenced));
  for (const auto& trace : node.shelf.trace()) {
    BOOST_TEST((trace.command != fake::Command::kWrite));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
