// beta takes a disk of alpha's on which a dump was written whose header cannot be read.
#include "agent/disks/partner_disk.h"

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
    pb::Label label = make_label(0, pb::SPARE);
    label.set_owner_node(kAlpha);
    label.set_owner_generation(kLife);
    label.set_home_generation(kLife);
    plant(shelf, 0, label);
    pb::CoredumpHeader header;
    header.set_attribute(pb::ARMED);
    plant(shelf, 0, header);
    header.set_attribute(pb::IN_PROGRESS);
    header.set_kernel_release("6.1\xff");
    plant(shelf, 0, header);
    const auto lun = alpha.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key_of(kAlpha, kLife), false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->reserve(key_of(kAlpha, kLife), kOwnerType)));
  }

  TakenDisk take() {
    const TakeOrder order{.info = {.path = path_of(0), .description = "", .size_bytes = 64 << 20},
                          .metadata_offset = kMetadataOffset,
                          .cluster_uuid = kCluster,
                          .disk_uuid = uuid_of(0),
                          .goal = {.own = key_of(kBeta, kOwn), .victim_node = kAlpha},
                          .abort_reason = pb::DEADLINE,
                          .io_timeout = milliseconds(5000)};
    return take_disk(view, executor, order, nullptr,
                     {.on_held = [](const Status&) {}, .on_giving_up = [] {}});
  }

  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  FakeNodeShelf view{shelf.connect("beta"), 1};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(partner_disk, Taking)

BOOST_AUTO_TEST_CASE(dump_whose_header_cannot_be_read_is_ended_by_its_stream) {
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
  const TakenDisk taken = take();
  BOOST_TEST(fake::fails(taken.status, Code::kCorrupt));
  BOOST_TEST(label_on(shelf, 0).owner_node() == kBeta);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
