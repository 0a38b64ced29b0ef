// What a dump leaves on the disk, and what of it survives.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "tests/dumpwriter/dump_fixture.h"
#include "tests/fake/synthetic_kernel.h"

namespace lastword {
namespace {

using fake::CommandTrace;
using test::DumpFixture;
using test::StreamContent;

// Tables of each level in pairs that take turns, so that all are visited again and again: as many
// visits as there may be.
void put_tables_in_circles(fake::SyntheticKernel& kernel) {
  constexpr std::uint64_t kTables = 0xa00000;  // free memory
  constexpr std::uint64_t kEntries = 512;
  constexpr std::uint64_t kPresentWritable = 3;
  const auto put = [&](std::uint64_t table, std::uint64_t first, std::uint64_t to) {
    for (std::uint64_t i = first; i < kEntries; ++i) {
      const std::uint64_t entry = (to + i % 2 * kPageBytes) | kPresentWritable;
      kernel.core.memory.put(table + i * sizeof entry, entry);
    }
  };
  for (std::uint64_t level = 0; level < 2; ++level) {
    const std::uint64_t pair = kTables + level * 2 * kPageBytes;
    put(pair, 0, pair + 2 * kPageBytes);
    put(pair + kPageBytes, 0, pair + 2 * kPageBytes);
  }
  const std::uint64_t entry = kTables | kPresentWritable;
  kernel.core.memory.put(kernel.entry_of(0xffff900000000000, 4), entry);
}

class SlowSearch : public DumpFixture {
 public:
  SlowSearch() {
    fake::SyntheticKernel kernel;
    put_tables_in_circles(kernel);
    kernel.write(folder.file("kernel"));  // which completes its VMCOREINFO
    core = kernel.core;
    clock.per_look = milliseconds(1);
    engines[0].ready_when_polled = true;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dump_stream, DumpFixture)

// The partner takes a disk whose header does not change for a stall for one to be taken.
BOOST_FIXTURE_TEST_CASE(search_for_essential_frames_is_not_silent, SlowSearch) {
  settings.limit = std::chrono::hours(1);
  milliseconds last = clock.now;
  milliseconds longest{0};
  unsigned headers = 0;
  shelf.set_hook([&](const CommandTrace& command) {
    if (command.lun != 0 || !is_header_write(command)) return;
    ++headers;
    longest = std::max(longest, clock.now - last);
    last = clock.now;
  });
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(headers > 10U);
  BOOST_TEST(longest.count() < 3000);
}

BOOST_FIXTURE_TEST_CASE(search_for_essential_frames_ends_at_the_limit, SlowSearch) {
  settings.limit = milliseconds(10'000);
  BOOST_TEST((run().outcome == Outcome::kLimit));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::LIMIT);
  BOOST_TEST(header(0).elapsed_ms() < 11'000U);
}

BOOST_AUTO_TEST_CASE(complete_dump_reads_back_byte_for_byte) {
  fake::SyntheticLogWriter log(core, {});
  log.add(1'000'000'000, "Kernel panic - not syncing");
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "dump-started dump-completed");

  const StreamContent content = stream(0);
  check_pages(content, true);
  BOOST_TEST(content.log == "[    1.000000] Kernel panic - not syncing\n");
  const auto file = core.file();
  BOOST_TEST((content.head ==
              std::string(reinterpret_cast<const char*>(file.data()), content.head.size())));
  BOOST_REQUIRE(content.end.has_value());
  const auto frames = core.frames();
  BOOST_TEST(content.end->memory_pages == frames.size());
  BOOST_TEST(content.end->stored_pages == content.pages.size());
  BOOST_TEST(content.end->zero_pages == frames.size() - content.pages.size());
  BOOST_TEST(content.end->section_count == content.kinds.size());
  BOOST_TEST(content.end->stream_bytes == content.boundaries.back());

  const pb::CoredumpHeader header = this->header(0);
  BOOST_TEST(header.attribute() == pb::COMPLETED);
  BOOST_TEST(header.crash_id() == to_string(settings.crash_id));
  BOOST_TEST(header.durable_bytes() == content.boundaries.back());
  BOOST_TEST(header.memory_bytes() == frames.size() * kPageBytes);
  BOOST_TEST(header.stored_pages() == content.pages.size());
  BOOST_TEST(header.zero_pages() == content.end->zero_pages);
  BOOST_TEST(header.plan_nonces_size() == 0);
  BOOST_TEST(header.node() == 1U);
  BOOST_TEST(header.rank() == 1U);
  BOOST_TEST(header.kernel_release() == "6.1.0-test");
  BOOST_TEST(header.extent_offset_bytes() == kDataOffset);
  BOOST_TEST(this->header(1).attribute() == pb::ARMED);
}

BOOST_AUTO_TEST_CASE(memory_in_many_small_runs_is_stored_whole) {
  core.add_direct(0x2000000, 0x400000);
  for (std::uint64_t pfn = 0x2000; pfn < 0x2400; pfn += 2) core.memory.fill(pfn, 1);
  (void)run();
  check_pages(stream(0), true);
}

BOOST_AUTO_TEST_CASE(every_prefix_of_the_stream_is_a_valid_dump) {
  core.add_direct(0x2000000, 0x280000);
  core.memory.fill(0x2000, 0x280);
  (void)run();
  const std::vector<std::byte> whole = data_region(0);
  const StreamContent content = stream(0);
  BOOST_TEST(content.boundaries.size() > 7U);
  for (std::size_t i = 1; i < content.boundaries.size(); ++i) {
    const std::size_t start = content.boundaries[i - 1];
    const std::size_t end = content.boundaries[i];
    for (const std::size_t cut : {end, end - kBlockBytes, start + kBlockBytes, start}) {
      std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<long>(cut));
      // What was there before the dump follows: here, nothing.
      prefix.resize(whole.size());
      const StreamContent read = test::read_stream(prefix, settings.crash_id);
      BOOST_TEST(read.boundaries.back() == (cut == end ? end : start));
      check_pages(read, false);
    }
  }
}

BOOST_AUTO_TEST_CASE(durable_bytes_survive_a_power_loss_at_any_command) {
  for (std::size_t stop = 2; stop < 62; stop += 2) {
    DumpFixture dump;
    dump.core.add_direct(0x2000000, 0x1000000);
    dump.core.memory.fill(0x2000, 0x1000);
    dump.engines[0].per_completion = milliseconds(120);
    std::size_t seen = 0;
    dump.shelf.set_hook([&](const CommandTrace& command) {
      // Counted from the first write on; the checks before it are on threads of their own.
      const bool begun = seen > 0 || command.command == fake::Command::kWrite;
      if (begun && ++seen == stop) throw std::runtime_error("power loss");
    });
    try {
      (void)dump.run();
    } catch (const std::runtime_error&) {
    }
    dump.shelf.set_hook({});
    // The worst case: headers made it out of the disk's cache, what they count only if flushed.
    dump.shelf.lose_power([](std::uint64_t offset) {
      return offset < DumpFixture::kDataOffset ? fake::kSectorsPerBlock : 0U;
    });
    const auto header = dump.header(0);
    const StreamContent content = dump.stream(0);
    BOOST_TEST_CONTEXT("stopped before command " << stop) {
      BOOST_TEST((header.attribute() != pb::INACTIVE && header.attribute() != pb::ARMED));
      BOOST_TEST(header.durable_bytes() <= content.boundaries.back());
    }
  }
}

BOOST_AUTO_TEST_CASE(progress_is_written_about_once_a_second) {
  core.add_direct(0x2000000, 0x1400000);
  core.memory.fill(0x2000, 0x1400);
  engines[0].per_completion = milliseconds(100);
  std::vector<std::uint64_t> durable;
  std::vector<std::uint64_t> elapsed;
  shelf.set_hook([&](const CommandTrace& command) {
    if (!is_data_write(command)) return;
    const auto seen = header(0);
    if (!elapsed.empty() && elapsed.back() == seen.elapsed_ms()) return;
    durable.push_back(seen.durable_bytes());
    elapsed.push_back(seen.elapsed_ms());
  });
  (void)run();
  BOOST_TEST(durable.size() >= 3U);
  BOOST_TEST((std::is_sorted(durable.begin(), durable.end())));
  BOOST_TEST(durable.back() > 0U);
  for (std::size_t i = 1; i < elapsed.size(); ++i) {
    BOOST_TEST(elapsed[i] - elapsed[i - 1] < 3000U);
  }
  BOOST_TEST(reporter.all_progress.back().scanned_bytes == header(0).memory_bytes());
}

BOOST_AUTO_TEST_CASE(unreadable_page_frame_is_left_out_and_counted) {
  fake::SyntheticVmcore broken;
  broken.memory.fill(0, 64);
  broken.add_direct(0x1000, 0x4000);
  broken.add_direct(0x30000, 0x2000);
  broken.add_direct(0x20000, 0x800);  // half a page, last in the file: read, not mapped
  broken.write(folder.file("vmcore"));
  const auto vmcore = Vmcore::open(folder.file("vmcore"));
  BOOST_REQUIRE(vmcore.has_value());
  std::filesystem::resize_file(folder.file("vmcore"),
                               std::filesystem::file_size(folder.file("vmcore")) - 1);
  BOOST_TEST((run(&*vmcore).outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  BOOST_REQUIRE(content.end.has_value());
  BOOST_TEST(content.end->unreadable_pages == 1U);
  BOOST_TEST(content.end->stored_pages == 6U);
  BOOST_TEST(content.is(0x4, RunKind::kStored));
  BOOST_TEST(content.is(0x20, RunKind::kUnreadable));
  BOOST_TEST(content.is(0x30, RunKind::kStored));
}

BOOST_AUTO_TEST_CASE(log_that_can_not_be_read_does_not_stop_the_dump) {
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(stream(0).log.empty());
  BOOST_REQUIRE(!reporter.notes.empty());
  BOOST_TEST((reporter.notes[0].find("SIZE(prb_desc)") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
