// Recovery from a disk by its path: whose dump it is, what may be changed, what counts as saved.
#include "agent/recover/recover_disk.h"

#include <boost/test/unit_test.hpp>

#include "agent/records/label_run.h"
#include "tests/agent/recover/recover_fixture.h"
#include "tests/support/image_file.h"
#include "tests/support/virtual_executor.h"

namespace lastword {
namespace {

constexpr const char* kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr const char* kOtherCluster = "00000000-0000-4000-8000-000000000001";
constexpr milliseconds kPatience{5000};

// A labelled image with a dump of node 1; this machine is node 2 of that cluster.
struct RecoverDisk {
  RecoverDisk() {
    test::VirtualExecutor executor;
    const LabelRequest wanted{
        .cluster_uuid = kCluster, .role = pb::DUMP, .home_node = 1, .self_node = 1};
    const auto disks = prepare_disks({image.path()}, wanted, kPatience, executor);
    BOOST_TEST_REQUIRE(!disks.front().problem.has_value());
    BOOST_TEST_REQUIRE(label_disk(disks.front(), wanted, kPatience, executor).has_value());
    config.cluster_uuid = kCluster;
    config.self = {.name = "beta", .id = 2, .core_directory = folder("beta")};
    config.partner = {.name = "alpha", .id = 1, .core_directory = folder("alpha")};
    config.state_directory = folder("run");
    config.core_format = CoreFormat::kElf;
    request.disk = image.path();
  }
  [[nodiscard]] std::string folder(const std::string& name) const {
    return image.directory() / name;
  }
  void put_dump(pb::Attribute attribute, std::span<const std::byte> stream) {
    image.write(kRegion, {reinterpret_cast<const char*>(stream.data()), stream.size()});
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(1);
    header.set_boot_generation(6);
    header.set_crash_id(std::string(kCrashId));
    header.set_extent_offset_bytes(kRegion);
    header.set_extent_length_bytes(kImageBytes - kRegion - (1 << 20));
    header.set_durable_bytes(stream.size());
    header.set_stored_pages(120);
    put_header(header);
  }
  void put_header_of_no_dump(pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(1);
    header.set_boot_generation(7);
    put_header(header);
  }
  void put_header(const pb::CoredumpHeader& header) {
    const auto disk = open_disk(image.path(), Access::kReadWrite, kPatience);
    BOOST_TEST_REQUIRE(disk.has_value());
    BOOST_TEST_REQUIRE(
        RecordIo(*disk->device, kMetadata).put(RecordPlace::kCoredump, header).has_value());
  }
  void put_dump(pb::Attribute attribute) {
    auto stream = sample_stream();
    put_dump(attribute, stream.end().bytes());
  }
  pb::CoredumpHeader header() {
    const auto disk = open_disk(image.path(), Access::kReadOnly, kPatience);
    BOOST_TEST_REQUIRE(disk.has_value());
    pb::CoredumpHeader header;
    BOOST_TEST_REQUIRE(
        RecordIo(*disk->device, kMetadata).read(RecordPlace::kCoredump, header).has_value());
    return header;
  }
  Result<pb::RecoveryResult> recover() { return recover_disk(Result<Config>(config), request); }
  Result<std::string> after_takeover() {
    DiskView disk;
    disk.info.path = image.path();
    return recover_after_takeover(config, disk, [](auto, auto) {});
  }

  static constexpr std::uint64_t kImageBytes = 32 << 20;
  static constexpr std::uint64_t kRegion = 2 << 20;
  test::ImageFile image{kImageBytes};
  Config config;
  RecoverRequest request;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(recover_by_path, RecoverDisk)

BOOST_AUTO_TEST_CASE(dump_of_the_partner_goes_to_its_directory_and_is_marked) {
  put_dump(pb::COMPLETED);
  const auto core = after_takeover();
  BOOST_TEST_REQUIRE(core.has_value());
  BOOST_TEST(core->starts_with(folder("alpha") + "/alpha-"));
  BOOST_TEST(std::filesystem::exists(*core + "/vmcore"));
  BOOST_TEST(header().attribute() == pb::SAVED);
}

BOOST_AUTO_TEST_CASE(dump_that_could_not_be_marked_is_not_saved) {
  // A part of it is lost: it is kept on the disk until somebody accepts that.
  auto stream = sample_stream();
  std::vector<std::byte> bytes = stream.end().bytes();
  bytes[stream.boundaries()[5] + kBlockBytes] ^= std::byte{1};
  put_dump(pb::COMPLETED, bytes);
  const auto core = after_takeover();
  BOOST_TEST_REQUIRE(!core.has_value());
  BOOST_TEST(std::string(describe(core.error())).find("unmarked") != std::string::npos);
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(running_dump_on_an_image_is_refused_and_left_as_it_is) {
  put_dump(pb::IN_PROGRESS);
  const std::string before = image.content();
  check_error(recover(), Code::kRefused, "--writer-gone");
  BOOST_TEST((image.content() == before));
  request.writer_gone = true;
  BOOST_TEST_REQUIRE(recover().has_value());
  BOOST_TEST(header().attribute() == pb::SAVED);
  BOOST_TEST(header().reason() == pb::STALLED);
}

BOOST_AUTO_TEST_CASE(looking_changes_nothing_whatever_was_said_of_the_writer) {
  put_dump(pb::IN_PROGRESS);
  const std::string before = image.content();
  request.writer_gone = true;
  request.verify = true;
  BOOST_TEST(recover().has_value());
  BOOST_TEST((image.content() == before));
  request.verify = false;
  request.mark_saved = false;
  BOOST_TEST(recover().has_value());
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(node_of_another_cluster_is_not_the_one_with_its_number) {
  put_dump(pb::COMPLETED);
  config.cluster_uuid = kOtherCluster;
  check_error(recover(), Code::kUsage, "core_directory");
  BOOST_TEST(!std::filesystem::exists(folder("alpha")));
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(dump_that_the_disk_was_armed_over_is_read_by_its_stream) {
  for (const pb::Attribute attribute : {pb::ARMED, pb::INACTIVE}) {
    put_dump(pb::COMPLETED);
    put_header_of_no_dump(attribute);
    const std::string before = image.content();
    request.by_stream = false;
    check_error(recover(), Code::kNotFound, "--by-stream");
    request.by_stream = true;
    const auto result = recover();
    BOOST_TEST_REQUIRE(result.has_value());
    BOOST_TEST(result->report().complete());
    BOOST_TEST(result->report().crash_id() == kCrashId);
    BOOST_TEST(result->report().node() == "alpha");
    BOOST_TEST(result->report().boot_generation() == 0U);
    BOOST_TEST(!result->saved());
    BOOST_TEST(result->note().find("its coredump header says " + pb::Attribute_Name(attribute)) !=
               std::string::npos);
    BOOST_TEST(std::filesystem::exists(result->directory() + "/vmcore"));
    const auto log = read_dump_log(Result<Config>(config), request);
    BOOST_TEST_REQUIRE(log.has_value());
    BOOST_TEST(log->text == kLog);
    BOOST_TEST((image.content() == before));
    std::filesystem::remove_all(result->directory());
  }
}

BOOST_AUTO_TEST_CASE(header_that_tells_of_a_dump_counts_by_stream_too_and_is_not_marked) {
  put_dump(pb::COMPLETED);
  request.by_stream = true;
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().boot_generation() == 6U);
  BOOST_TEST(header().attribute() == pb::COMPLETED);
  put_dump(pb::IN_PROGRESS);
  check_error(recover(), Code::kRefused, "--writer-gone");
}

BOOST_AUTO_TEST_CASE(armed_disk_without_a_stream_has_no_dump) {
  put_header_of_no_dump(pb::ARMED);
  request.by_stream = true;
  check_error(recover(), Code::kNotFound, "no section of a dump is where one begins");
}

BOOST_AUTO_TEST_CASE(dump_that_begins_over_one_that_is_read_by_its_stream_is_noticed) {
  put_dump(pb::COMPLETED);
  put_header_of_no_dump(pb::ARMED);
  const auto disk = open_disk(image.path(), Access::kReadOnly, kPatience);
  BOOST_TEST_REQUIRE(disk.has_value());
  const DumpSource source{.device = *disk->device, .metadata_offset = kMetadata, .own_key = {}};
  const auto dump = read_dump(source, true, true);
  BOOST_TEST_REQUIRE(dump.has_value());
  BOOST_TEST(header_change(source, *dump).empty());
  auto next = sample_stream();
  put_dump(pb::IN_PROGRESS, next.bytes());
  BOOST_TEST(header_change(source, *dump).find("IN_PROGRESS now") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(disk_whose_table_is_gone_is_only_read) {
  put_dump(pb::COMPLETED);
  image.write(0, std::string(kBlockBytes * 6, '\0'));
  image.write(kImageBytes - (64 << 10), std::string(64 << 10, '\0'));
  const std::string before = image.content();
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->saved());
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
