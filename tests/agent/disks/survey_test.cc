// Looks at disks of the fake shelf: who holds them, and what their records say.
#include <functional>
#include <utility>

#include "tests/agent/disks/looks.h"

namespace lastword::test {
namespace {

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

}  // namespace

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

// Of a header, the slot that is written next is read alone, until it has changed.
BOOST_AUTO_TEST_CASE(header_that_does_not_change_costs_one_read) {
  put(pb::ARMED);
  HeaderWatch watch = this->watch(view);
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
  HeaderWatch watch = this->watch(view);
  BOOST_TEST_REQUIRE(fake::ok(watch.poll({0})[0].header));
  shelf.inject(0, {.kind = fake::FaultKind::kIoError,
                   .only = fake::Command::kRead,
                   .initiator = "beta",
                   .times = 2});
  BOOST_TEST(fake::fails(watch.poll({0})[0].header, Code::kIo));
  BOOST_TEST(fake::ok(watch.poll({0})[0].header));
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
