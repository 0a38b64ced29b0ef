// Looks at disks of the fake shelf, on a virtual clock.
#include "agent/disks/survey.h"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <functional>
#include <utility>

#include "agent/disks/header_watch.h"
#include "agent/disks/held_disk.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

// beta looks at a disk that alpha holds.
struct Looks {
  Looks() {
    plant(shelf, 0, make_label(0, pb::SERVICE));
    const auto lun = alpha.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key_of(kAlpha, 7), false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->reserve(key_of(kAlpha, 7), kOwnerType)));
  }
  DiskView look() {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    BOOST_TEST_REQUIRE(look->survey.disks.size() == 1U);
    return look->survey.disks.front();
  }

  void hang() {
    shelf.inject(
        0, {.kind = fake::FaultKind::kTimeout, .only = fake::Command::kRead, .initiator = "beta"});
  }
  void hang_for_twenty_minutes() {
    hang();
    while (executor.now() < std::chrono::minutes(20)) {
      BOOST_TEST_REQUIRE(look().problem.has_value());
      executor.sleep(milliseconds(5000));
    }
  }

  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 1, .aptpl_capable = true, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, 1};
  Surveyor surveyor{config, view, executor};
};

// The disk changes hands after its holder was read, and before its records are.
class ChangesHands final : public FakeNodeShelf {
 public:
  ChangesHands(fake::Nexus nexus, std::function<void()> change)
      : FakeNodeShelf(std::move(nexus), 1), change_(std::move(change)) {}
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    std::exchange(change_, [] {})();
    return FakeNodeShelf::read(requests, timeout);
  }

 private:
  std::function<void()> change_;
};

// Blocks of the only disk cannot be read, nor what is read together with them.
class BadSpots final : public FakeNodeShelf {
 public:
  BadSpots(fake::Nexus nexus, VirtualExecutor& executor)
      : FakeNodeShelf(std::move(nexus), 1), executor_(executor) {}
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    timeouts.push_back(timeout);
    executor_.sleep(takes);
    Status status = FakeNodeShelf::read(requests, timeout);
    for (ReadRequest& request : requests) {
      for (const std::uint64_t spot : spots) {
        if (spot < request.offset || spot >= request.offset + request.buffer.size()) continue;
        request.status = fail({.code = Code::kIo, .sys_errno = ENODATA, .operation = "read"});
      }
    }
    return status;
  }

  std::vector<std::uint64_t> spots;
  milliseconds takes{0};
  std::vector<milliseconds> timeouts;  // of each batch

 private:
  VirtualExecutor& executor_;
};

std::uint64_t place_of(RecordPlace place, unsigned slot) {
  return kMetadataOffset + slot_offset(place, slot);
}

struct SpottedLooks : Looks {
  SpottedLooks() {
    plant(shelf, 0, make_label(0, pb::SERVICE));
    put(pb::ARMED);
    put(pb::ARMED);
  }
  void put(pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    plant(shelf, 0, header);
  }
  DiskView look_at_spots() {
    spotted.timeouts.clear();
    const auto look = Surveyor(config, spotted, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    return look->survey.disks.front();
  }

  BadSpots spotted{beta, executor};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bad_spots, SpottedLooks)

BOOST_AUTO_TEST_CASE(one_under_any_slot_leaves_every_record) {
  for (const RecordPlace place : kRecordPlaces) {
    for (const unsigned slot : {0U, 1U}) {
      spotted.spots = {place_of(place, slot)};
      const DiskView disk = look_at_spots();
      BOOST_TEST(!disk.problem.has_value());
      BOOST_TEST_REQUIRE(disk.label.has_value());
      BOOST_TEST(disk.label->disk_uuid() == uuid_of(0));
      BOOST_TEST(disk.header.attribute() == pb::ARMED);
    }
  }
}

BOOST_AUTO_TEST_CASE(under_both_slots_are_damage_of_that_record_alone) {
  spotted.spots = {place_of(RecordPlace::kCoredump, 0), place_of(RecordPlace::kCoredump, 1)};
  const DiskView disk = look_at_spots();
  BOOST_TEST(disk.label.has_value());
  BOOST_TEST_REQUIRE(disk.problem.has_value());
  BOOST_TEST((disk.problem->code == Code::kCorrupt));
  BOOST_TEST(disk.problem->offset == place_of(RecordPlace::kCoredump, 0));
}

BOOST_AUTO_TEST_CASE(disks_with_other_errors_are_not_read_again) {
  for (const auto kind :
       {fake::FaultKind::kIoError, fake::FaultKind::kGone, fake::FaultKind::kTimeout}) {
    shelf.inject(0, {.kind = kind, .only = fake::Command::kRead, .initiator = "beta", .times = 1});
    const DiskView disk = look_at_spots();
    BOOST_TEST(disk.problem.has_value());
    BOOST_TEST(!disk.label.has_value());
    BOOST_TEST(spotted.timeouts.size() == 1U);
    shelf.heal(0);
  }
}

BOOST_AUTO_TEST_CASE(are_read_again_in_what_is_left_of_the_time) {
  const milliseconds whole = config.timing.settings.io_timeout;
  spotted.spots = {place_of(RecordPlace::kMailboxLow, 1)};
  for (const auto& [takes, left] :
       {std::pair{milliseconds(300), whole - milliseconds(300)}, {whole, kPollInterval}}) {
    spotted.takes = takes;
    BOOST_TEST(look_at_spots().label.has_value());
    BOOST_TEST((spotted.timeouts == std::vector{whole, left}));
  }
}

BOOST_AUTO_TEST_CASE(header_beside_one_is_followed) {
  for (const unsigned slot : {0U, 1U}) {
    spotted.spots = {place_of(RecordPlace::kCoredump, slot)};
    const auto first = Surveyor(config, spotted, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(first));
    HeaderWatch watch(spotted, executor, first->survey.disks, first->open,
                      config.timing.settings.io_timeout);
    const auto seen = [&] {
      const auto found = watch.poll({0});
      BOOST_TEST_REQUIRE(fake::ok(found[0].header));
      return found[0].sequence;
    };
    std::uint64_t before = seen();
    // Every other one goes to the bad spot.
    for (int i = 0; i < 3; ++i) {
      put(pb::IN_PROGRESS);
      (void)seen();
      put(pb::IN_PROGRESS);
      BOOST_TEST(seen() == before + 2);
      before += 2;
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(survey, Looks)

BOOST_AUTO_TEST_CASE(holder_is_read_again_where_the_header_is_another_nodes_that_writes) {
  for (const auto attribute : {pb::ARMED, pb::IN_PROGRESS}) {
    const auto lun = beta.lun(0);
    ChangesHands changing(beta, [&] {
      BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key_of(kBeta, 4), false)));
      BOOST_TEST_REQUIRE(
          fake::ok(lun->preempt_and_abort(key_of(kBeta, 4), key_of(kAlpha, 7), kOwnerType)));
      pb::CoredumpHeader header;
      header.set_attribute(attribute);
      header.set_node(kBeta);
      plant(shelf, 0, header);
    });
    Surveyor late{config, changing, executor};
    const auto look = late.look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    const DiskView& disk = look->survey.disks.front();
    BOOST_TEST_REQUIRE(disk.reservations_known);
    BOOST_TEST((disk.reservation->holder == key_of(kBeta, 4)));
    BOOST_TEST(!is_registered(disk, key_of(kAlpha, 7)));
    (void)alpha.lun(0)->test_unit_ready();  // a unit attention
    BOOST_TEST_REQUIRE(
        fake::ok(alpha.lun(0)->register_ignoring_existing(key_of(kAlpha, 7), false)));
    BOOST_TEST_REQUIRE(
        fake::ok(alpha.lun(0)->preempt_and_abort(key_of(kAlpha, 7), key_of(kBeta, 4), kOwnerType)));
  }
}

BOOST_AUTO_TEST_CASE(test_unit_ready_that_conflicts_does_not_hide_the_keys) {
  shelf.inject(0, {.kind = fake::FaultKind::kConflict,
                   .only = fake::Command::kTestUnitReady,
                   .initiator = "beta"});
  const DiskView disk = look();
  BOOST_TEST(!disk.scsi_problem.has_value());
  BOOST_TEST(disk.reservations_known);
  BOOST_TEST(is_registered(disk, key_of(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(unit_attention_does_not_hide_that_the_target_keeps_registrations) {
  shelf.inject(0, {.kind = fake::FaultKind::kAttention,
                   .only = fake::Command::kReportCapabilities,
                   .times = 1});
  BOOST_TEST(look().aptpl);
}

BOOST_AUTO_TEST_CASE(target_that_does_not_answer_may_keep_registrations) {
  for (const auto& [kind, may] :
       {std::pair(fake::FaultKind::kTimeout, true), std::pair(fake::FaultKind::kIoError, true),
        std::pair(fake::FaultKind::kUnsupported, false)}) {
    shelf.heal(0);
    shelf.inject(0, {.kind = kind, .only = fake::Command::kReportCapabilities});
    BOOST_TEST(look().aptpl == may);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_hung_for_long_is_seen_seconds_after_it_heals) {
  hang_for_twenty_minutes();
  shelf.heal(0);
  view.answer_hung();
  const Instant healed = executor.now();
  while (look().problem) {
    executor.sleep(milliseconds(1000));
    BOOST_TEST_REQUIRE((executor.now() - healed).count() < 10'000);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_hangs_piles_nothing_up) {
  hang_for_twenty_minutes();
  BOOST_TEST(view.hung() <= 2 * RestingDisks::kMostOpen);
  BOOST_TEST(view.hung() > 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_heals_is_seen_though_what_it_was_asked_before_hangs_for_ever) {
  hang();
  BOOST_TEST(look().problem.has_value());
  shelf.heal(0);
  executor.sleep(RestingDisks::kRest);
  BOOST_TEST(!look().problem.has_value());
}

BOOST_AUTO_TEST_CASE(disk_that_hung_before_holds_nobody_up_when_it_is_asked_again) {
  hang();
  (void)look();
  BOOST_TEST((view.take_longest_wait() == config.timing.settings.io_timeout));
  executor.sleep(RestingDisks::kRest);
  (void)look();
  BOOST_TEST((view.take_longest_wait() == kPollInterval));
}

// Of a header, the slot that is written next is read alone, until it has changed.
BOOST_AUTO_TEST_CASE(header_that_does_not_change_costs_one_read) {
  const auto put = [this](pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    plant(shelf, 0, header);
  };
  put(pb::ARMED);
  const auto first = surveyor.look();
  BOOST_TEST_REQUIRE(fake::ok(first));
  HeaderWatch watch(view, executor, first->survey.disks, first->open,
                    config.timing.settings.io_timeout);
  const auto reads_and = [&] {
    shelf.clear_trace();
    const auto seen = watch.poll({0});
    BOOST_TEST_REQUIRE(seen.size() == 1U);
    BOOST_TEST_REQUIRE(fake::ok(seen[0].header));
    return std::pair(shelf.trace().size(), seen[0].header->attribute());
  };
  BOOST_TEST((reads_and() == std::pair(std::size_t{2}, pb::ARMED)));
  BOOST_TEST((reads_and() == std::pair(std::size_t{1}, pb::ARMED)));
  put(pb::IN_PROGRESS);
  BOOST_TEST((reads_and() == std::pair(std::size_t{3}, pb::IN_PROGRESS)));
  BOOST_TEST((reads_and() == std::pair(std::size_t{1}, pb::IN_PROGRESS)));
  // Twice, so that the slot that counted has changed too.
  put(pb::ABORTED);
  put(pb::COMPLETED);
  BOOST_TEST((reads_and() == std::pair(std::size_t{3}, pb::COMPLETED)));
}

// An error of the slot that does not count says nothing of the one that does.
BOOST_AUTO_TEST_CASE(header_whose_next_slot_cannot_be_read_is_read_whole_each_time) {
  const auto first = surveyor.look();
  HeaderWatch watch(view, executor, first->survey.disks, first->open,
                    config.timing.settings.io_timeout);
  BOOST_TEST_REQUIRE(fake::ok(watch.poll({0})[0].header));
  shelf.inject(0, {.kind = fake::FaultKind::kIoError,
                   .only = fake::Command::kRead,
                   .initiator = "beta",
                   .times = 2});
  BOOST_TEST(fake::fails(watch.poll({0})[0].header, Code::kIo));
  BOOST_TEST(fake::ok(watch.poll({0})[0].header));
}

BOOST_AUTO_TEST_CASE(looks_at_the_headers_of_a_disk_that_hangs_pile_nothing_up) {
  const auto first = surveyor.look();
  BOOST_TEST_REQUIRE(fake::ok(first));
  HeaderWatch watch(view, executor, first->survey.disks, first->open,
                    config.timing.settings.io_timeout);
  hang();
  while (executor.now() < std::chrono::minutes(20)) {
    const auto seen = watch.poll({0});
    BOOST_TEST_REQUIRE(seen.size() == 1U);
    BOOST_TEST_REQUIRE(!seen[0].header.has_value());
    executor.sleep(view.take_longest_wait() + kPollInterval);
  }
  BOOST_TEST(view.hung() <= 2 * RestingDisks::kMostOpen);
}

BOOST_AUTO_TEST_CASE(survey_and_look_tell_the_same_sequence_of_a_header) {
  plant(shelf, 0, make_label(0, pb::SPARE));
  pb::CoredumpHeader header;
  header.set_attribute(pb::ARMED);
  for (unsigned i = 0; i < 3; ++i) plant(shelf, 0, header);
  const auto first = surveyor.look();
  BOOST_TEST_REQUIRE(fake::ok(first));
  HeaderWatch watch(view, executor, first->survey.disks, first->open,
                    config.timing.settings.io_timeout);
  BOOST_TEST(first->survey.disks[0].header_sequence == watch.poll({0})[0].sequence);
}

BOOST_AUTO_TEST_CASE(reservations_that_can_not_be_read_are_not_known) {
  shelf.inject(0, {.kind = fake::FaultKind::kIoError,
                   .only = fake::Command::kReadReservation,
                   .initiator = "beta"});
  const DiskView disk = look();
  BOOST_TEST(disk.scsi_problem.has_value());
  BOOST_TEST(!disk.reservations_known);
}

BOOST_AUTO_TEST_CASE(label_that_can_not_be_read_is_a_problem_and_not_its_absence) {
  for (unsigned slot = 0; slot < 2; ++slot) {
    const std::vector<std::byte> garbage(kBlockBytes, std::byte{0x5a});
    shelf.poke(0, kMetadataOffset + slot_offset(RecordPlace::kLabel, slot), garbage);
  }
  const DiskView disk = look();
  BOOST_TEST(!disk.label.has_value());
  BOOST_TEST_REQUIRE(disk.problem.has_value());
  BOOST_TEST((disk.problem->code == Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(label_that_cannot_be_read_is_remembered_for_the_same_disk_alone) {
  BOOST_TEST(!look().label_before.has_value());
  const auto fail_reads = [this] {
    shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead});
  };
  fail_reads();
  for (int i = 0; i < 2; ++i) {
    const DiskView disk = look();
    BOOST_TEST(!disk.label.has_value());
    BOOST_TEST_REQUIRE(disk.label_before.has_value());
    BOOST_TEST(disk.label_before->disk_uuid() == uuid_of(0));
  }
  // Another disk has the path.
  view.folder = "/other";
  BOOST_TEST(!look().label_before.has_value());
  view.folder.clear();
  BOOST_TEST(!look().label_before.has_value());
  shelf.heal(0);
  BOOST_TEST(look().label.has_value());
  // It was labelled no more in between.
  Medium medium(shelf, 0);
  const AlignedBuffer zero(kBlockBytes);
  for (const unsigned slot : {0U, 1U}) {
    shelf.poke(0, kMetadataOffset + slot_offset(RecordPlace::kLabel, slot), zero.span());
  }
  BOOST_TEST(!look().label.has_value());
  fail_reads();
  BOOST_TEST(!look().label_before.has_value());
}

BOOST_AUTO_TEST_CASE(label_of_a_disk_of_another_size_is_not_remembered) {
  KnownLabels known;
  Survey survey{.disks = {look()}};
  known.follow(survey);
  DiskView sick = survey.disks[0];
  sick.label.reset();
  sick.problem = Error{.code = Code::kIo};
  Survey same{.disks = {sick}};
  known.follow(same);
  BOOST_TEST(same.disks[0].label_before.has_value());
  sick.info.size_bytes *= 2;
  Survey other{.disks = {sick}};
  known.follow(other);
  BOOST_TEST(!other.disks[0].label_before.has_value());
}

BOOST_AUTO_TEST_CASE(disk_that_gives_no_data_is_known_by_its_holder) {
  class NoTable final : public Shelf {
   public:
    explicit NoTable(Shelf& shelf) : shelf_(shelf) {}
    Result<std::vector<DiskInfo>> list() override { return shelf_.list(); }
    Result<OpenDisk> open(const DiskInfo& info, Access access, milliseconds timeout) override {
      return shelf_.open(info, access, timeout);
    }
    Result<std::uint64_t> find_records(OpenDisk&) override { return fail({.code = code}); }
    CacheChanges write_back_early(const DiskInfo& disk) override {
      return shelf_.write_back_early(disk);
    }
    Status drop_stale_cache(const DiskInfo& disk) override { return shelf_.drop_stale_cache(disk); }
    Openers find_openers(const std::vector<std::string>& disks) override {
      return shelf_.find_openers(disks);
    }
    Result<bool> is_claimed(const std::string& disk) override { return shelf_.is_claimed(disk); }
    std::uint64_t count_uevents() override { return shelf_.count_uevents(); }
    Status wait_for_partitions(const std::vector<std::string>& disks,
                               std::uint64_t before) override {
      return shelf_.wait_for_partitions(disks, before);
    }
    Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
      return shelf_.read(requests, timeout);
    }

    Code code = Code::kIo;

   private:
    Shelf& shelf_;
  };
  NoTable no_table(view);
  for (const auto& [code, known] : {std::pair{Code::kIo, true}, {Code::kTimeout, false}}) {
    no_table.code = code;
    const auto look = Surveyor(config, no_table, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    const DiskView& disk = look->survey.disks[0];
    BOOST_TEST(disk.problem.has_value());
    BOOST_TEST(disk.reservations_known == known);
    BOOST_TEST((holder_node(disk, config) == (known ? kAlpha : 0)));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
