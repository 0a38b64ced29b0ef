// Which disks the dump writer takes for its plan's candidates. The machine's disks are those of a
// fake shelf: what lists and opens them is defined here, so that the linker takes none of it from
// storage/reserve. The search runs on threads and real time; no test depends on who is quicker.
#include "dumpwriter/disk_search.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <set>

#include "proto/disk.pb.h"
#include "proto/timing.h"
#include "storage/block/record_io.h"
#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"

namespace lastword {
namespace {

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr ReservationKey kKey{0x4c57000001000007};
constexpr ReservationKey kOtherKey{0x4c57000002000004};
const std::string kUuid = "00000000-0000-4000-8000-00000000000";

// /dev/sda is logical unit 0, and so on. Disk i appears at look `appears[i]` (from 1).
struct Machine {
  fake::FakeShelf shelf{{.luns = 6, .power_on_attention = false}};
  fake::Nexus node = shelf.connect("node");
  fake::Nexus other = shelf.connect("other");
  std::vector<unsigned> appears;
  unsigned looks = 0;
  std::mutex mutex;
  std::vector<std::string> opened_for_writing;
};
std::shared_ptr<Machine> machine;  // also of threads that are left behind

unsigned lun_of(const std::string& path) {
  return static_cast<unsigned>(path.back() - 'a');
}

}  // namespace

Result<std::vector<DiskInfo>> list_scsi_disks(const SystemRoots&,
                                              const std::set<std::string>& known) {
  std::vector<DiskInfo> disks;
  ++machine->looks;
  for (unsigned i = 0; i < machine->appears.size(); ++i) {
    const std::string path = std::string("/dev/sd") + static_cast<char>('a' + i);
    if (machine->appears[i] > machine->looks || known.contains(path)) continue;
    disks.push_back({.path = path, .description = "", .size_bytes = 64 << 20});
  }
  return disks;
}

Result<OpenDisk> open_disk(const std::string& path, Access access, std::chrono::milliseconds) {
  if (access == Access::kReadWrite) {
    const std::lock_guard lock(machine->mutex);
    machine->opened_for_writing.push_back(path);
  }
  return OpenDisk{.info = {.path = path, .description = "", .size_bytes = 64 << 20},
                  .device = machine->node.device(lun_of(path)),
                  .lun = machine->node.lun(lun_of(path)),
                  .fd = -1};
}

namespace {

struct Search {
  Search() {
    machine = std::make_shared<Machine>();
    plan.set_io_timeout_ms(2000);
    plan.set_grace_ms(5000);
    plan.set_reservation_key(kKey.value);
  }
  void want(unsigned number) {
    pb::Candidate& candidate = *plan.add_candidates();
    candidate.set_disk_uuid(kUuid + std::to_string(number));
    candidate.set_metadata_offset_bytes(kMetadata);
  }
  void put(unsigned lun, unsigned number, unsigned appears, const fake::Nexus* holder,
           ReservationKey key) {
    pb::Label label;
    label.set_disk_uuid(kUuid + std::to_string(number));
    const auto device = machine->node.device(lun);
    BOOST_TEST_REQUIRE(fake::ok(RecordIo(*device, kMetadata).put(RecordPlace::kLabel, label)));
    if (machine->appears.size() <= lun) machine->appears.resize(lun + 1, ~0U);
    machine->appears[lun] = appears;
    if (holder == nullptr) return;
    const auto disk = holder->lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(disk->register_ignoring_existing(key, false)));
    BOOST_TEST_REQUIRE(fake::ok(disk->reserve(key, kOwnerType)));
  }
  void held(unsigned lun, unsigned number, unsigned appears = 1) {
    put(lun, number, appears, &machine->node, kKey);
  }
  void copy(unsigned lun, unsigned number, unsigned appears = 1) {
    put(lun, number, appears, nullptr, {});
  }
  std::vector<std::string> find() {
    std::vector<std::string> paths;
    for (const auto& disk : find_candidates(plan)) {
      paths.push_back(disk ? disk->info.path : std::string(name_of(disk.error().code)));
    }
    return paths;
  }

  pb::Plan plan;
};

using Paths = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_search, Search)

BOOST_AUTO_TEST_CASE(candidates_come_in_the_order_of_the_plan_whatever_their_names) {
  want(1);
  want(2);
  held(0, 2);
  held(1, 1);
  copy(2, 3);
  BOOST_TEST(find() == (Paths{"/dev/sdb", "/dev/sda"}), boost::test_tools::per_element());
  // Nothing but a candidate is opened for writing.
  BOOST_TEST(std::ranges::count(machine->opened_for_writing, "/dev/sdc") == 0);
}

BOOST_AUTO_TEST_CASE(of_two_disks_with_one_uuid_the_held_one_wins_in_either_order) {
  want(1);
  for (const bool copy_first : {true, false}) {
    const auto plan_before = plan;
    machine = std::make_shared<Machine>();
    copy(copy_first ? 0 : 1, 1, copy_first ? 1 : 2);
    held(copy_first ? 1 : 0, 1, copy_first ? 2 : 1);
    // The copy alone does not end the search, and what it found is not put in the place of the
    // right one. A second candidate that never comes keeps it at work for both.
    want(2);
    const Paths found = find();
    BOOST_TEST(found[0] == (copy_first ? "/dev/sdb" : "/dev/sda"));
    BOOST_TEST(found[1] == name_of(Code::kNotFound));
    plan = plan_before;
  }
}

BOOST_AUTO_TEST_CASE(copy_that_came_first_does_not_end_the_search) {
  want(1);
  copy(0, 1, 1);
  held(1, 1, 6);
  // Something new at each look, so that the search does not settle before.
  for (unsigned lun = 2; lun < 6; ++lun) copy(lun, 9, lun);
  BOOST_TEST(find() == Paths{"/dev/sdb"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(copy_that_came_long_before_does_not_settle_the_search) {
  want(1);
  copy(0, 1, 1);
  held(1, 1, 60);  // 20 ms from look to look, at least: behind the settling time
  plan.set_grace_ms(60'000);
  BOOST_TEST(find() == Paths{"/dev/sdb"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(copy_alone_is_given_at_the_end_of_the_grace_time) {
  want(1);
  copy(0, 1);
  plan.set_io_timeout_ms(100);
  plan.set_grace_ms(3000);
  BOOST_TEST(find() == Paths{"/dev/sda"}, boost::test_tools::per_element());
}

// It may be the only one.
BOOST_AUTO_TEST_CASE(disk_that_never_says_who_holds_it_is_given_in_the_end) {
  want(1);
  held(0, 1, 1);
  machine->shelf.inject(
      0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReadReservation});
  plan.set_io_timeout_ms(100);
  plan.set_grace_ms(3000);
  BOOST_TEST(find() == Paths{"/dev/sda"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(disk_that_does_not_say_at_once_who_holds_it_is_asked_again) {
  want(1);
  copy(0, 1, 1);
  held(1, 1, 2);
  machine->shelf.inject(
      1, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReadReservation, .times = 2});
  plan.set_grace_ms(20'000);
  BOOST_TEST(find() == Paths{"/dev/sdb"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(disk_that_another_key_holds_is_no_better_than_a_copy) {
  want(1);
  put(0, 1, 1, &machine->other, kOtherKey);
  held(1, 1, 2);
  BOOST_TEST(find() == Paths{"/dev/sdb"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(disk_that_never_comes_costs_the_settling_time_and_not_the_grace_time) {
  want(1);
  want(2);
  held(0, 1);
  plan.set_grace_ms(20'000);
  BOOST_TEST(find() == (Paths{"/dev/sda", std::string(name_of(Code::kNotFound))}),
             boost::test_tools::per_element());
  // Of 1000 that fit into the grace time; a slow machine has fewer.
  BOOST_TEST(machine->looks < 300U);
}

BOOST_AUTO_TEST_CASE(without_any_candidate_the_search_ends_with_the_grace_time) {
  want(1);
  copy(0, 2);
  plan.set_io_timeout_ms(100);
  plan.set_grace_ms(200);
  BOOST_TEST(find() == Paths{std::string(name_of(Code::kNotFound))},
             boost::test_tools::per_element());
  BOOST_TEST(machine->opened_for_writing.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
