// A disk with a dump, held by this node, and an empty directory to recover it to.
#pragma once

#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>

#include "agent/recover/recover_dump.h"
#include "agent/recover/recovery_report.h"
#include "proto/disk.pb.h"
#include "storage/block/record_io.h"
#include "tests/fake/fake_shelf.h"
#include "tests/fake/faulty_file_system.h"
#include "tests/fake/stream_builder.h"
#include "tests/support/test_directory.h"

namespace lastword {

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr std::uint64_t kExtentOffset = 2 << 20;
constexpr std::uint64_t kExtentBytes = 16 << 20;
constexpr ReservationKey kOwnKey{0x4c57'1234'02'000007};
constexpr std::string_view kCrashId = "0a1b2c3d-0000-4000-8000-000000000001";
inline const UuidBytes kCrash = *parse_uuid(kCrashId);
constexpr std::string_view kLog = "[    0.1] hello\n[    9.9] Kernel panic\n";

// Kernel text inside the direct map, and low memory that ends within a page: 1 .. 64 and 256 ..
// 512.
constexpr std::array kMemory{
    fake::Segment{.vaddr = 0xffffffff81000000, .paddr = 0x140000, .bytes = 0x40000},
    fake::Segment{.vaddr = 0xffff888000001000, .paddr = 0x1000, .bytes = 0x3ec00},
    fake::Segment{.vaddr = 0xffff888000100000, .paddr = 0x100000, .bytes = 0x100000}};
constexpr std::uint64_t kMemoryPages = 63 + 256;

// Page frames that the sample dump stores; every other one of its memory is zero.
inline bool is_stored(std::uint64_t pfn) {
  return pfn % 8 < 3;
}
inline std::vector<PageRun> stored_runs(std::uint64_t first, std::uint64_t end) {
  std::vector<PageRun> runs;
  for (std::uint64_t pfn = first; pfn < end; ++pfn) {
    if (!is_stored(pfn)) continue;
    if (!runs.empty() && runs.back().pfn + runs.back().count == pfn) {
      ++runs.back().count;
    } else {
      runs.push_back({pfn, 1, 0});
    }
  }
  return runs;
}

inline fake::StreamBuilder sample_stream() {
  fake::StreamBuilder stream(kCrash);
  stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, std::string(336, 'r'))), 3000);
  stream.dmesg(kLog.substr(0, 16)).dmesg(kLog.substr(16));
  stream.pages(256, 400, stored_runs(256, 400));
  stream.pages(1, 64, stored_runs(1, 64));
  stream.pages(400, 512, stored_runs(400, 512));
  return stream;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  BOOST_TEST_REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
void check_error(const Result<T>& result, Code code, std::string_view detail) {
  BOOST_TEST_REQUIRE(!result.has_value());
  BOOST_TEST_CONTEXT(describe(result.error())) {
    BOOST_TEST(name_of(result.error().code) == name_of(code));
    BOOST_TEST((describe(result.error()).find(detail) != std::string::npos));
    BOOST_TEST(!result.error().disk.empty());
  }
}

class RecoverFixture {
 public:
  RecoverFixture() {
    directory = test::test_directory() + "/recover-XXXXXX";
    BOOST_TEST_REQUIRE(::mkdtemp(directory.data()) != nullptr);
    BOOST_TEST_REQUIRE(lun->register_ignoring_existing(kOwnKey, false).has_value());
    BOOST_TEST_REQUIRE(lun->reserve(kOwnKey, kOwnerType).has_value());
    pb::Label label;
    label.set_disk_uuid("disk-uuid");
    BOOST_TEST_REQUIRE(records().put(RecordPlace::kLabel, label).has_value());
  }
  ~RecoverFixture() { std::filesystem::remove_all(directory); }

  void put_stream(std::span<const std::byte> stream) {
    std::vector<std::byte> blocks(stream.begin(), stream.end());
    blocks.resize(round_up_to_block(blocks.size()));
    shelf.poke(0, kExtentOffset, blocks);
  }
  void put_header(pb::Attribute attribute, pb::Reason reason, std::uint64_t durable) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_reason(reason);
    header.set_node(1);
    header.set_boot_generation(6);
    header.set_crash_id(std::string(kCrashId));
    header.set_started_unix_ms(1'700'000'000'000);  // 2023-11-14 22:13:20 UTC
    header.set_elapsed_ms(4321);
    header.set_extent_offset_bytes(kExtentOffset);
    header.set_extent_length_bytes(kExtentBytes);
    header.set_durable_bytes(durable);
    header.set_stored_pages(120);
    header.set_kernel_release("6.1.0-test");
    put_header(header);
  }
  void put_header(const pb::CoredumpHeader& header) {
    BOOST_TEST_REQUIRE(records().put(RecordPlace::kCoredump, header).has_value());
  }
  void put(const fake::StreamBuilder& stream, pb::Attribute attribute, pb::Reason reason) {
    put_stream(stream.bytes());
    put_header(attribute, reason, stream.bytes().size());
  }
  // The sample dump, as its writer leaves it.
  void put_complete_dump() { put(sample_stream().end(), pb::COMPLETED, pb::REASON_NONE); }
  // The same, all of it there, but the writer came further than its last record says.
  void put_stalled_dump() {
    put_complete_dump();
    pb::CoredumpHeader old = header();
    old.set_attribute(pb::ABORTED);
    old.set_reason(pb::STALLED);
    old.set_stored_pages(0);
    put_header(old);
  }

  pb::CoredumpHeader header() {
    pb::CoredumpHeader header;
    BOOST_TEST_REQUIRE(records().read(RecordPlace::kCoredump, header).has_value());
    return header;
  }
  RecordIo records() { return {*device, kMetadata}; }
  DumpSource source() { return source_on(*device); }
  DumpSource source_on(BlockDevice& disk) {
    return {.device = disk, .metadata_offset = kMetadata, .lun = lun.get(), .own_key = kOwnKey};
  }
  RecoverOptions options() {
    return {.directory = directory, .node_name = "alpha", .core = {.format = format}};
  }
  Result<pb::RecoveryResult> recover(FileSystem& files = real_file_system()) {
    return recover_dump(source(), options(), files);
  }
  std::string expected_path() { return directory + "/alpha-20231114T221320Z-0a1b2c3d"; }
  // Kills a recovery of the sample dump at each of its steps; `check` gets the next one, which must
  // succeed and mark the disk.
  void kill_at_every_step(const std::function<void(const pb::RecoveryResult&)>& check) {
    put_complete_dump();
    fake::FaultyFileSystem counting;
    BOOST_TEST_REQUIRE(recover(counting).has_value());
    BOOST_TEST_REQUIRE(counting.steps > 15U);
    for (unsigned at = 0; at < counting.steps; ++at) {
      BOOST_TEST_CONTEXT("killed at step " << at) {
        std::filesystem::remove_all(expected_path());
        put_complete_dump();
        fake::FaultyFileSystem files;
        files.killed_at = at;
        BOOST_TEST(!recover(files).has_value());
        BOOST_TEST(header().attribute() == pb::COMPLETED);  // not SAVED before all is durable
        const auto again = recover();
        BOOST_TEST_REQUIRE(again.has_value());
        BOOST_TEST(again->saved());
        BOOST_TEST(header().attribute() == pb::SAVED);
        check(*again);
      }
    }
  }
  // A file system that is full after so many bytes, found out in the middle.
  void check_full_leaves_nothing(std::initializer_list<std::uint64_t> spaces) {
    put_complete_dump();
    for (const std::uint64_t space : spaces) {
      fake::FaultyFileSystem files;
      files.space = space;
      check_error(recover(files), Code::kNoSpace, "the unfinished files were removed");
      BOOST_TEST(left_behind().empty());
      BOOST_TEST(header().attribute() == pb::COMPLETED);
    }
  }
  // Names in the target directory.
  std::vector<std::string> left_behind() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  fake::FakeShelf shelf{{.lun_bytes = kExtentOffset + kExtentBytes, .power_on_attention = false}};
  fake::Nexus node = shelf.connect("beta");
  std::unique_ptr<BlockDevice> device = node.device(0);
  std::unique_ptr<ScsiLun> lun = node.lun(0);
  std::string directory;
  CoreFormat format = CoreFormat::kElf;  // where a test does not say
};

}  // namespace lastword
