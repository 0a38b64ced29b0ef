// What stands in for a coredump header that cannot be read, and when nothing may.
#include "agent/disks/found_header.h"

#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "proto/coredump.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"
#include "tests/fake/stream_builder.h"

namespace lastword::test {
namespace {

constexpr std::string_view kCrashId = "0a1b2c3d-0000-4000-8000-000000000001";

// The disk, on which the place of the header cannot be read: the path to it fails.
class BadPath final : public BlockDevice {
 public:
  explicit BadPath(BlockDevice& disk) : disk_(disk) {}
  [[nodiscard]] std::string_view name() const override { return disk_.name(); }
  [[nodiscard]] std::uint64_t size_bytes() const override { return disk_.size_bytes(); }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset == kMetadataOffset + slot_offset(RecordPlace::kCoredump, 0)) {
      return fail({.code = Code::kIo, .sys_errno = EIO, .operation = "read", .disk = name()});
    }
    return disk_.read(offset, buffer);
  }
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    return disk_.write(offset, buffer);
  }
  [[nodiscard]] Status flush() override { return disk_.flush(); }
  [[nodiscard]] Status flush_all() override { return disk_.flush_all(); }

 private:
  BlockDevice& disk_;
};

struct Disk {
  // A dump's stream, and a header that does not parse.
  explicit Disk(pb::Role role = pb::SPARE) {
    pb::Label label = make_label(0, role);
    label.set_home_generation(7);
    plant(shelf, 0, label);
    pb::CoredumpHeader header;
    header.set_attribute(pb::IN_PROGRESS);
    header.set_kernel_release("6.1\xff");
    plant(shelf, 0, header);
    fake::StreamBuilder stream(*parse_uuid(kCrashId));
    stream.dmesg("Kernel panic");
    shelf.poke(0, kDataOffset, stream.bytes());
  }

  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus node = shelf.connect("node");
  std::unique_ptr<BlockDevice> device = node.device(0);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(found_header)

BOOST_AUTO_TEST_CASE(stream_stands_in_for_a_header_that_does_not_parse) {
  Disk disk;
  const auto found = find_header(*disk.device, kMetadataOffset);
  BOOST_TEST_REQUIRE(fake::ok(found));
  BOOST_TEST(!found->problem.empty());
  // Nothing tells that its writer is over.
  BOOST_TEST(found->header.attribute() == pb::IN_PROGRESS);
  BOOST_TEST(found->header.crash_id() == kCrashId);
  BOOST_TEST(found->header.node() == kAlpha);
  BOOST_TEST(found->header.boot_generation() == 7U);
}

BOOST_AUTO_TEST_CASE(stand_in_is_known_as_one_until_its_dump_is_saved) {
  Disk disk;
  auto found = find_header(*disk.device, kMetadataOffset);
  BOOST_TEST_REQUIRE(fake::ok(found));
  pb::CoredumpHeader& header = found->header;
  BOOST_TEST(is_stand_in(header));
  BOOST_TEST(abort_dump(header, pb::STALLED));
  BOOST_TEST(is_stand_in(header));
  BOOST_TEST(mark_dump_saved(header));
  BOOST_TEST(is_stand_in(header));
  BOOST_TEST(!is_stand_in(pb::CoredumpHeader()));
}

BOOST_AUTO_TEST_CASE(dump_below_an_armed_header_is_of_no_life_that_is_known) {
  Disk disk;
  pb::CoredumpHeader armed;
  armed.set_attribute(pb::ARMED);
  armed.set_node(kAlpha);
  armed.set_boot_generation(8);
  plant(disk.shelf, 0, armed);
  const auto found = find_header_by_stream(*disk.device, kMetadataOffset);
  BOOST_TEST_REQUIRE(fake::ok(found));
  BOOST_TEST(found->attribute() == pb::ABORTED);
  BOOST_TEST(found->crash_id() == kCrashId);
  BOOST_TEST(found->node() == kAlpha);
  BOOST_TEST(found->boot_generation() == 0U);
  BOOST_TEST(is_stand_in(*found));
  BOOST_TEST(fake::ok(find_header(*disk.device, kMetadataOffset)));
  const std::vector<std::byte> zeros(4 * kBlockBytes);
  disk.shelf.poke(0, kDataOffset, zeros);
  BOOST_TEST(fake::fails(find_header_by_stream(*disk.device, kMetadataOffset), Code::kNotFound));
}

// What a dump writer leaves before the first byte, which is a dump of nothing.
BOOST_AUTO_TEST_CASE(first_record_of_a_dump_writer_is_no_stand_in) {
  pb::CoredumpHeader header;
  header.set_crash_id(std::string(kCrashId));
  begin_dump(header, {}, {}, {.unix_ms = 1});
  BOOST_TEST(!is_stand_in(header));
  // Its clock may say nothing: it counts from the panic all the same.
  begin_dump(header, {}, {}, {});
  set_figures(header, {.elapsed = std::chrono::milliseconds(1)});
  BOOST_TEST(!is_stand_in(header));
}

BOOST_AUTO_TEST_CASE(header_that_the_path_does_not_give_is_not_made_up) {
  Disk disk;
  BadPath path(*disk.device);
  BOOST_TEST(fake::fails(find_header(path, kMetadataOffset), Code::kIo));
}

BOOST_AUTO_TEST_CASE(disk_of_the_service_has_no_dump_whatever_is_on_it) {
  Disk disk(pb::SERVICE);
  BOOST_TEST(fake::fails(find_header(*disk.device, kMetadataOffset), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
