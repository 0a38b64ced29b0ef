// beta takes one disk of alpha's.
#include "agent/disks/partner_disk.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/fake/stream_builder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 7;  // alpha's
constexpr std::uint32_t kOwn = 4;   // beta's
constexpr std::string_view kCrashId = "0a1b2c3d-0000-4000-8000-000000000001";

class Taking {
 public:
  Taking() {
    label.set_owner_node(kAlpha);
    label.set_owner_generation(kLife);
    label.set_home_generation(kLife);
    label.set_ownership_epoch(3);
    plant(shelf, 0, label);
    const auto lun = alpha.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key_of(kAlpha, kLife), false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->reserve(key_of(kAlpha, kLife), kOwnerType)));
  }

  void put_header(pb::Attribute attribute, const std::string& kernel_release = "6.1") {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(kAlpha);
    header.set_boot_generation(kLife);
    header.set_crash_id(std::string(kCrashId));
    header.set_kernel_release(kernel_release);
    plant(shelf, 0, header);
  }
  // A write of alpha's that the target has accepted and not executed.
  void queue_write() {
    const std::vector<std::byte> block(kBlockBytes, std::byte{0x5a});
    BOOST_TEST_REQUIRE(fake::ok(shelf.queue_write(alpha, 0, kDataOffset, block)));
  }
  // beta has preempted alpha here before, and was interrupted.
  void interrupt_after_preempt() {
    const auto lun = beta.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(order.goal.own, false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->preempt(order.goal.own, key_of(kAlpha, kLife), kOwnerType)));
  }
  [[nodiscard]] std::size_t count(fake::Command command) const {
    return static_cast<std::size_t>(std::ranges::count_if(shelf.trace(), [&](const auto& trace) {
      return trace.command == command && trace.initiator == "beta";
    }));
  }
  // Neither reserved nor written by beta.
  void require_untouched() const {
    for (const auto command :
         {fake::Command::kRegister, fake::Command::kReserve, fake::Command::kPreempt,
          fake::Command::kPreemptAndAbort, fake::Command::kReset, fake::Command::kWrite}) {
      BOOST_TEST(count(command) == 0U, fake::name_of(command));
    }
    BOOST_TEST((shelf.reservation(0)->holder == key_of(kAlpha, kLife)));
  }

  TakenDisk take() {
    return take_disk(view, executor, order, open,
                     {.on_held = [this](const Status&) { ++held; },
                      .on_unreadable = [this](const Error&) { ++unreadable; },
                      .on_giving_up = [] {}});
  }

  pb::Label label = make_label(0, pb::SPARE);
  TakeOrder order{.info = {.path = path_of(0), .description = "", .size_bytes = 64 << 20},
                  .metadata_offset = kMetadataOffset,
                  .cluster_uuid = kCluster,
                  .disk_uuid = uuid_of(0),
                  .goal = {.own = key_of(kBeta, kOwn), .victim_node = kAlpha},
                  .abort_reason = pb::DEADLINE,
                  .io_timeout = milliseconds(5000)};
  std::shared_ptr<OpenDisk> open;  // null: by its name
  unsigned held = 0;
  unsigned unreadable = 0;
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, 1};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(partner_disk, Taking)

BOOST_AUTO_TEST_CASE(label_names_the_new_owner_and_counts_the_change) {
  BOOST_TEST_REQUIRE(fake::ok(take().status));
  BOOST_TEST((shelf.reservation(0)->holder == order.goal.own));
  const pb::Label taken = label_on(shelf, 0);
  BOOST_TEST(taken.owner_node() == kBeta);
  BOOST_TEST(taken.owner_generation() == kOwn);
  BOOST_TEST(taken.home_node() == kAlpha);
  BOOST_TEST(taken.ownership_epoch() == 4U);
  // Once more changes nothing.
  const std::size_t writes = count(fake::Command::kWrite);
  BOOST_TEST_REQUIRE(fake::ok(take().status));
  BOOST_TEST(count(fake::Command::kWrite) == writes);
}

// alpha registers, and reads the label after that: at least one of the two is to see the other.
BOOST_AUTO_TEST_CASE(promise_is_gone_before_who_is_registered_is_looked_at) {
  label.set_owner_node(kBeta);
  label.set_owner_generation(kOwn);
  label.set_promised_node(kAlpha);
  label.set_promised_generation(kLife);
  plant(shelf, 0, label);
  interrupt_after_preempt();
  // alpha is about to take it.
  const auto alphas = alpha.lun(0);
  BOOST_TEST_REQUIRE(fake::ok(wait_until_ready(*alphas)));
  BOOST_TEST_REQUIRE(fake::ok(alphas->register_ignoring_existing(key_of(kAlpha, kLife), false)));
  order.promised = true;
  order.goal.victim_generation = kLife;
  order.seen = SeizeView{.keys = {order.goal.own},
                         .holder = Reservation{.holder = order.goal.own, .type = kOwnerType}};
  shelf.clear_trace();
  BOOST_TEST_REQUIRE(fake::ok(take().status));
  BOOST_TEST(label_on(shelf, 0).promised_node() == 0U);
  BOOST_TEST((shelf.registrations(0).keys == std::vector{order.goal.own}));
  const auto trace = shelf.trace();
  const auto first = [&](fake::Command command) {
    return std::ranges::find(trace, command, &fake::CommandTrace::command) - trace.begin();
  };
  BOOST_TEST(first(fake::Command::kWrite) < first(fake::Command::kReadKeys));
}

BOOST_AUTO_TEST_CASE(another_disk_under_the_surveyed_name_is_refused) {
  label.set_disk_uuid(uuid_of(9));
  plant(shelf, 0, label);
  BOOST_TEST(fake::fails(take().status, Code::kRefused));
  require_untouched();
  BOOST_TEST(held == 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_is_another_clusters_by_now_is_refused) {
  label.set_cluster_uuid("00000000-0000-4000-8000-0000000000ff");
  plant(shelf, 0, label);
  BOOST_TEST(fake::fails(take().status, Code::kRefused));
  require_untouched();
}

BOOST_AUTO_TEST_CASE(disk_that_cannot_be_taken_is_not_written) {
  put_header(pb::IN_PROGRESS);
  shelf.inject(0, {.kind = fake::FaultKind::kIoError,
                   .only = fake::Command::kPreemptAndAbort,
                   .initiator = "beta"});
  BOOST_TEST(fake::fails(take().status, Code::kIo));
  BOOST_TEST(held == 0U);
  BOOST_TEST(count(fake::Command::kWrite) == 0U);
  BOOST_TEST(label_on(shelf, 0).owner_node() == kAlpha);
}

BOOST_AUTO_TEST_CASE(interrupted_take_resets_so_that_no_queued_write_lands) {
  queue_write();
  interrupt_after_preempt();
  BOOST_TEST_REQUIRE(shelf.queued(0) == 1U);
  const TakenDisk taken = take();
  BOOST_TEST_REQUIRE(fake::ok(taken.status));
  BOOST_TEST(taken.used_reset);
  BOOST_TEST(shelf.execute_queued(0) == 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_is_this_nodes_already_is_not_reset) {
  label.set_owner_node(kBeta);
  label.set_owner_generation(kOwn);
  plant(shelf, 0, label);
  interrupt_after_preempt();
  const TakenDisk taken = take();
  BOOST_TEST_REQUIRE(fake::ok(taken.status));
  BOOST_TEST(!taken.used_reset);
  BOOST_TEST(count(fake::Command::kReset) == 0U);
}

BOOST_AUTO_TEST_CASE(running_dump_is_aborted_for_the_reason_that_was_given) {
  for (const auto& [reason, written] : {std::pair{pb::DEADLINE, pb::DEADLINE},
                                        {pb::STALLED, pb::STALLED},
                                        // It was not known to be a dump's when this was decided.
                                        {pb::REASON_NONE, pb::STALLED}}) {
    put_header(pb::IN_PROGRESS);
    order.abort_reason = reason;
    const TakenDisk taken = take();
    BOOST_TEST_REQUIRE(fake::ok(taken.status));
    for (const pb::CoredumpHeader& header : {taken.header, header_on(shelf, 0)}) {
      BOOST_TEST(header.attribute() == pb::ABORTED);
      BOOST_TEST(header.reason() == written);
    }
  }
}

BOOST_AUTO_TEST_CASE(header_of_a_service_disk_is_left_as_it_is) {
  put_header(pb::IN_PROGRESS);
  order.serves = true;
  const TakenDisk taken = take();
  BOOST_TEST_REQUIRE(fake::ok(taken.status));
  BOOST_TEST(taken.header.attribute() == pb::INACTIVE);
  BOOST_TEST(header_on(shelf, 0).attribute() == pb::IN_PROGRESS);
}

BOOST_AUTO_TEST_CASE(dump_whose_header_cannot_be_read_is_ended_by_its_stream) {
  put_header(pb::ARMED);
  put_header(pb::IN_PROGRESS, "6.1\xff");
  fake::StreamBuilder stream(*parse_uuid(kCrashId));
  stream.dmesg("Kernel panic");
  shelf.poke(0, kDataOffset, stream.bytes());
  const TakenDisk taken = take();
  BOOST_TEST_REQUIRE(fake::ok(taken.status));
  for (const pb::CoredumpHeader& header : {taken.header, header_on(shelf, 0)}) {
    BOOST_TEST(header.attribute() == pb::ABORTED);
    BOOST_TEST(header.reason() == pb::DEADLINE);
    BOOST_TEST(header.crash_id() == kCrashId);
    BOOST_TEST(header.node() == kAlpha);
    BOOST_TEST(header.boot_generation() == kLife);
    BOOST_TEST(header.extent_offset_bytes() == kDataOffset);
  }
}

BOOST_AUTO_TEST_CASE(header_that_cannot_be_read_stays_where_no_dump_begins) {
  put_header(pb::ARMED);
  put_header(pb::IN_PROGRESS, "6.1\xff");
  const TakenDisk taken = take();
  BOOST_TEST(fake::fails(taken.status, Code::kCorrupt));
  BOOST_TEST(label_on(shelf, 0).owner_node() == kBeta);
}

// Its reservation is a matter of the target, which keeps it elsewhere.
BOOST_AUTO_TEST_CASE(disk_of_the_service_that_takes_reservations_and_gives_no_data_is_not_held) {
  order.serves = true;
  auto opened = view.open(order.info, Access::kReadOnly, order.io_timeout);
  BOOST_TEST_REQUIRE(fake::ok(opened));
  open = std::make_shared<OpenDisk>(std::move(*opened));
  for (const fake::FaultKind kind :
       {fake::FaultKind::kIoError, fake::FaultKind::kTimeout, fake::FaultKind::kGone}) {
    shelf.inject(0, {.kind = kind, .only = fake::Command::kRead, .initiator = "beta"});
    BOOST_TEST(!take().status.has_value());
    BOOST_TEST((shelf.reservation(0)->holder == order.goal.own));
    BOOST_TEST(held == 0U);
    BOOST_TEST(std::exchange(unreadable, 0U) == 1U);
    shelf.heal(0);
  }
  BOOST_TEST_REQUIRE(fake::ok(take().status));
  BOOST_TEST(held == 1U);
  BOOST_TEST(unreadable == 0U);
}

// The service does not read it.
BOOST_AUTO_TEST_CASE(disk_of_the_service_whose_label_is_damaged_is_held) {
  order.serves = true;
  auto opened = view.open(order.info, Access::kReadOnly, order.io_timeout);
  open = std::make_shared<OpenDisk>(std::move(*opened));
  damage_slot(shelf, 0, RecordPlace::kLabel);
  BOOST_TEST(fake::fails(take().status, Code::kCorrupt));
  BOOST_TEST(held == 1U);
  BOOST_TEST(unreadable == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
