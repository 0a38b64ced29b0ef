#include "agent/arm/candidate_plan.h"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kGeneration = 7;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kRaw = 1000 * kMiB;
constexpr std::uint64_t kInUse = 300 * kMiB;

struct Selection {
  Selection() {
    policy.config = &config;
    policy.key = key_of(kAlpha, kGeneration);
    policy.memory = {.raw_bytes = kRaw, .in_use_bytes = kInUse, .reserved_bytes = 128 * kMiB};
  }

  DiskView& add(pb::Role role, std::uint64_t data_bytes) {
    const auto number = static_cast<unsigned>(survey.disks.size());
    survey.disks.push_back(in_service(number, role, kGeneration));
    survey.disks.back().label->set_data_length_bytes(data_bytes);
    return survey.disks.back();
  }
  std::vector<Choice> select() {
    examined.resize(survey.disks.size());
    return select_candidates(survey, examined, policy);
  }
  std::vector<std::size_t> places() {
    std::vector<std::size_t> disks;
    for (const Choice& choice : select()) {
      if (choice.place != 0) disks.push_back(choice.disk);
    }
    return disks;
  }

  Config config = cluster_config();
  SelectionPolicy policy;
  Survey survey;
  std::vector<Examination> examined;
};

using Disks = std::vector<std::size_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(selection, Selection)

BOOST_AUTO_TEST_CASE(clone_of_a_disk_that_this_node_holds_is_left_alone_in_either_order) {
  for (const bool clone_first : {true, false}) {
    survey.disks.clear();
    DiskView held = add(pb::SPARE, 2 * kRaw);
    DiskView clone = held;
    clone.info.path = "/dev/sdz";
    clone.keys.clear();
    clone.reservation.reset();
    survey.disks = clone_first ? std::vector{clone, held} : std::vector{held, clone};
    const std::size_t right = clone_first ? 1 : 0;
    BOOST_TEST((places() == Disks{right}));
    const Choice rejected = select().back();
    BOOST_TEST(rejected.disk == 1 - right);
    BOOST_TEST(
        (rejected.reason.find("a clone or a snapshot of " + held.info.path) != std::string::npos),
        rejected.reason);
  }
}

BOOST_AUTO_TEST_CASE(of_two_copies_that_nobody_holds_neither_is_chosen_and_both_are_named) {
  add(pb::SPARE, 2 * kRaw);
  add(pb::DUMP, 2 * kRaw);
  for (DiskView& disk : survey.disks) {
    disk.label->set_disk_uuid("disk-uuid");
    disk.reservation.reset();
  }
  BOOST_TEST(places().empty());
  for (const Choice& choice : select()) {
    const std::string& other = survey.disks[1 - choice.disk].info.path;
    BOOST_TEST((choice.reason.find("the same label as " + other) != std::string::npos),
               choice.reason);
    BOOST_TEST((choice.reason.find("take the clone or snapshot away") != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(every_rejection_has_its_reason) {
  struct Case {
    const char* name;
    std::function<void(Selection&, DiskView&, Examination&)> change;
    const char* reason;
  };
  const Case cases[] = {
      {"not labelled", [](auto&, auto& disk, auto&) { disk.label.reset(); }, "not labelled"},
      {"unreadable",
       [](auto&, auto& disk, auto&) {
         disk.label.reset();
         disk.problem = Error{.code = Code::kIo, .operation = "read"};
       },
       "cannot be read: read: I/O error"},
      {"header unreadable",
       [](auto&, auto& disk, auto&) { disk.problem = Error{.code = Code::kCorrupt}; },
       "cannot be read"},
      {"other cluster",
       [](auto&, auto& disk, auto&) {
         disk.label->set_cluster_uuid("11111111-1111-4111-8111-111111111111");
       },
       "labelled for another cluster, 11111111"},
      {"service", [](auto&, auto& disk, auto&) { disk.label->set_role(pb::SERVICE); },
       "a service disk"},
      {"mailbox", [](auto&, auto& disk, auto&) { disk.label->set_role(pb::MAILBOX); },
       "a mailbox disk"},
      {"partner's", [](auto&, auto& disk, auto&) { disk.label->set_home_node(kBeta); },
       "belongs to beta"},
      {"unowned", [](auto&, auto& disk, auto&) { disk.label->set_owner_node(0); },
       "not in service"},
      {"taken over", [](auto&, auto& disk, auto&) { disk.label->set_owner_node(kBeta); },
       "beta has taken it over"},
      {"not started", [](auto& all, auto&, auto&) { all.policy.key.reset(); },
       "run `lastword start`"},
      {"no reservation", [](auto&, auto& disk, auto&) { disk.reservation.reset(); },
       "nobody holds its reservation"},
      {"reservation unknown",
       [](auto&, auto& disk, auto&) { disk.scsi_problem = Error{.code = Code::kTimeout}; },
       "its reservation cannot be read"},
      {"partner holds it",
       [](auto&, auto& disk, auto&) { disk.reservation->holder = key_of(kBeta, 9); },
       "reserved by beta (life 9"},
      {"an earlier boot holds it",
       [](auto&, auto& disk, auto&) { disk.reservation->holder = key_of(kAlpha, 6); },
       "reserved by alpha (life 6"},
      {"a stranger holds it",
       [](auto&, auto& disk, auto&) { disk.reservation->holder = {0xdeadbeef}; },
       "key 0x00000000deadbeef, which is none of this cluster"},
      {"wrong type",
       [](auto&, auto& disk, auto&) { disk.reservation->type = PrType::kExclusiveAccess; },
       "reserved as"},
      {"complete dump",
       [](auto&, auto& disk, auto&) {
         disk.header.set_attribute(pb::COMPLETED);
         disk.header.set_node(kAlpha);
         disk.header.set_boot_generation(6);
       },
       "holds a dump of alpha (life 6, complete) that is not saved"},
      {"aborted dump", [](auto&, auto& disk, auto&) { disk.header.set_attribute(pb::ABORTED); },
       "that is not saved; run `lastword recover`"},
      {"dump in progress",
       [](auto& all, auto& disk, auto&) {
         all.config.keep_latest = true;
         disk.header.set_attribute(pb::IN_PROGRESS);
       },
       "is in progress on it"},
      {"too small", [](auto&, auto& disk, auto&) { disk.label->set_data_length_bytes(kMiB); },
       "has no room"},
      {"not ready", [](auto&, auto&, auto& found) { found.not_ready = Error{.code = Code::kIo}; },
       "is not ready"},
      {"not probed",
       [](auto&, auto&, auto& found) { found.probe_failed = Error{.code = Code::kIo}; },
       "cannot be searched for a file system"},
      {"file system", [](auto&, auto&, auto& found) { found.signature = "ext4 file system"; },
       "its data region holds ext4 file system"},
      {"left out", [](auto&, auto&, auto& found) { found.excluded = "is sick"; }, "is sick"},
  };
  for (const Case& one : cases) {
    Selection fresh;
    DiskView& disk = fresh.add(pb::SPARE, 2 * kRaw);
    fresh.examined.resize(1);
    one.change(fresh, disk, fresh.examined[0]);
    const auto choices = fresh.select();
    BOOST_TEST_CONTEXT(one.name << ": " << choices.at(0).reason) {
      BOOST_TEST(choices.at(0).place == 0U);
      BOOST_TEST(choices.at(0).reason.find(one.reason) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(rejected_by_survey_is_not_examined) {
  DiskView& disk = add(pb::SPARE, 2 * kRaw);
  BOOST_TEST(!reject_by_survey(disk, policy));
  disk.reservation.reset();
  BOOST_TEST(reject_by_survey(disk, policy).has_value());
}

BOOST_AUTO_TEST_CASE(armed_and_saved_disks_are_candidates) {
  add(pb::SPARE, 2 * kRaw).header.set_attribute(pb::ARMED);
  add(pb::SPARE, 2 * kRaw).header.set_attribute(pb::SAVED);
  BOOST_TEST(places().size() == 2U);
}

BOOST_AUTO_TEST_CASE(keep_latest_lets_an_unsaved_dump_go) {
  add(pb::SPARE, 2 * kRaw).header.set_attribute(pb::COMPLETED);
  BOOST_TEST(places().empty());
  config.keep_latest = true;
  BOOST_TEST(places().size() == 1U);
}

BOOST_AUTO_TEST_CASE(keep_latest_gives_no_dump_up_while_another_disk_is_free) {
  config.keep_latest = true;
  for (const pb::Attribute unsaved : {pb::COMPLETED, pb::ABORTED}) {
    for (const pb::Attribute free : {pb::INACTIVE, pb::SAVED, pb::ARMED}) {
      survey.disks.clear();
      add(pb::DUMP, 1100 * kMiB).header.set_attribute(unsaved);
      add(pb::SPARE, 5000 * kMiB).header.set_attribute(free);
      BOOST_TEST((places() == Disks{1}));
      // A free one that is too small, too.
      survey.disks[1].label->set_data_length_bytes(200 * kMiB);
      BOOST_TEST((places() == Disks{1}));
      const Choice rejected = select().back();
      BOOST_TEST(rejected.disk == 0U);
      BOOST_TEST((rejected.reason.find("that is not saved, and another disk can hold the next") !=
                  std::string::npos),
                 rejected.reason);
    }
  }
}

BOOST_AUTO_TEST_CASE(keep_latest_gives_one_dump_up_at_most_and_says_so) {
  config.keep_latest = true;
  for (int i = 0; i < 3; ++i) add(pb::SPARE, 2 * kRaw).header.set_attribute(pb::COMPLETED);
  const auto choices = select();
  BOOST_TEST_REQUIRE(choices.size() == 3U);
  BOOST_TEST(choices[0].place == 1U);
  BOOST_TEST(
      (choices[0].reason.find("that is not saved: arming gives that up") != std::string::npos),
      choices[0].reason);
  BOOST_TEST(choices[1].place == 0U);
  BOOST_TEST(choices[2].place == 0U);
  const std::string note = note_given_up(survey, {0}, config);
  BOOST_TEST((note.find(survey.disks[0].info.path + " holds a dump of") == 0), note);
  survey.disks[0].header.set_attribute(pb::SAVED);
  BOOST_TEST(note_given_up(survey, {0}, config).empty());
}

BOOST_AUTO_TEST_CASE(keep_latest_gives_the_oldest_dump_up_among_disks_that_fit_as_well) {
  config.keep_latest = true;
  for (const std::uint32_t life : {6, 4, 5}) {
    pb::CoredumpHeader& header = add(pb::SPARE, (2000 - life * 100) * kMiB).header;
    header.set_attribute(pb::ABORTED);
    header.set_boot_generation(life);
  }
  BOOST_TEST((places() == Disks{1}));
  survey.disks[1].label->set_data_length_bytes(500 * kMiB);
  BOOST_TEST((places() == Disks{2}));
}

BOOST_AUTO_TEST_CASE(fit_comes_before_role) {
  add(pb::DUMP, 200 * kMiB);    // partial
  add(pb::SPARE, 500 * kMiB);   // estimate
  add(pb::SPARE, 1500 * kMiB);  // raw
  BOOST_TEST((places() == Disks{2, 1, 0}));
  const auto choices = select();
  BOOST_TEST((choices[0].fit == Fit::kRaw));
  BOOST_TEST((choices[1].fit == Fit::kEstimate));
  BOOST_TEST((choices[2].fit == Fit::kPartial));
}

BOOST_AUTO_TEST_CASE(dump_comes_before_spare) {
  add(pb::SPARE, 1100 * kMiB);
  add(pb::DUMP, 5000 * kMiB).label->set_formerly_formatted(true);
  BOOST_TEST((places() == Disks{1, 0}));
}

BOOST_AUTO_TEST_CASE(clean_comes_before_formerly_formatted) {
  add(pb::SPARE, 1100 * kMiB).label->set_formerly_formatted(true);
  add(pb::SPARE, 5000 * kMiB);
  BOOST_TEST((places() == Disks{1, 0}));
}

BOOST_AUTO_TEST_CASE(least_excess_comes_first) {
  add(pb::SPARE, 5000 * kMiB);
  add(pb::SPARE, 1100 * kMiB);
  add(pb::SPARE, 2000 * kMiB);
  BOOST_TEST((places() == Disks{1, 2, 0}));
}

BOOST_AUTO_TEST_CASE(of_disks_too_small_the_largest_comes_first) {
  add(pb::SPARE, 50 * kMiB);
  add(pb::SPARE, 250 * kMiB);
  BOOST_TEST((places() == Disks{1, 0}));
}

BOOST_AUTO_TEST_CASE(equal_disks_are_ordered_by_uuid) {
  add(pb::SPARE, 2000 * kMiB).label->set_disk_uuid("ffffffff-0000-4000-8000-000000000000");
  add(pb::SPARE, 2000 * kMiB).label->set_disk_uuid("00000000-0000-4000-8000-000000000000");
  BOOST_TEST((places() == Disks{1, 0}));
}

BOOST_AUTO_TEST_CASE(second_path_to_a_disk_is_no_second_candidate) {
  add(pb::SPARE, 2000 * kMiB).label->set_disk_uuid(uuid_of(9));
  add(pb::SPARE, 2000 * kMiB).label->set_disk_uuid(uuid_of(9));
  BOOST_TEST((places() == Disks{0}));
  BOOST_TEST(select().back().reason.find("another path to the disk at /dev/sda") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(fits_raw_counts_the_streams_overhead) {
  const std::uint64_t needed = stream_bytes_for(kRaw);
  BOOST_TEST(needed == kRaw + 1000 * kBlockBytes + kStreamHeadBytes);
  BOOST_TEST((fit_of(needed, policy.memory) == Fit::kRaw));
  BOOST_TEST((fit_of(needed - 1, policy.memory) == Fit::kEstimate));
  BOOST_TEST((fit_of(stream_bytes_for(kInUse) - 1, policy.memory) == Fit::kPartial));
}

BOOST_AUTO_TEST_CASE(report_has_a_row_for_every_disk) {
  add(pb::SPARE, 2000 * kMiB);
  add(pb::SERVICE, 2000 * kMiB);
  const auto report = report_candidates(survey, select(), policy);
  BOOST_REQUIRE(report.disks_size() == 2);
  BOOST_TEST(report.disks(0).place() == 1U);
  BOOST_TEST(report.disks(0).fit() == "raw");
  BOOST_TEST(report.disks(1).place() == 0U);
  BOOST_TEST(report.disks(1).role() == "service");
  BOOST_TEST(report.disks(1).fit().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
