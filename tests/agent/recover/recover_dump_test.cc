#include "agent/recover/recover_dump.h"

#include <elf.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstring>

#include "tests/agent/recover/recover_fixture.h"
#include "tests/fake/sick_spot.h"

namespace lastword {
namespace {

template <class T>
T object_at(const std::string& bytes, std::uint64_t offset) {
  T value;
  BOOST_TEST_REQUIRE(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Every byte of every PT_LOAD of a core, as a reader gets it by physical address.
void check_memory(const std::string& core, const std::function<bool(std::uint64_t)>& stored) {
  const auto header = object_at<Elf64_Ehdr>(core, 0);
  BOOST_TEST_REQUIRE(header.e_phnum == kMemory.size() + 1);
  for (unsigned i = 1; i < header.e_phnum; ++i) {
    const auto load = object_at<Elf64_Phdr>(core, header.e_phoff + i * sizeof(Elf64_Phdr));
    BOOST_TEST(load.p_vaddr == kMemory[i - 1].vaddr);
    BOOST_TEST_REQUIRE(load.p_offset + load.p_filesz <= core.size());
    for (std::uint64_t at = 0; at < load.p_filesz; at += kPageBytes) {
      const std::uint64_t pfn = (load.p_paddr + at) / kPageBytes;
      auto expected = fake::page_content(pfn);
      if (!stored(pfn)) expected.assign(kPageBytes, std::byte{0});
      const std::uint64_t bytes = std::min(kPageBytes, load.p_filesz - at);
      BOOST_TEST_REQUIRE(std::memcmp(core.data() + load.p_offset + at, expected.data(), bytes) == 0,
                         "page frame " << pfn << " in segment " << i);
    }
  }
}

std::string notes_of(const std::string& core) {
  const auto entry = object_at<Elf64_Phdr>(core, sizeof(Elf64_Ehdr));
  return core.substr(entry.p_offset, entry.p_filesz);
}

BOOST_FIXTURE_TEST_SUITE(recover_whole_dump, RecoverFixture)

BOOST_AUTO_TEST_CASE(pages_are_at_their_physical_addresses_byte_for_byte) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  check_memory(content_of(expected_path() + "/vmcore"), is_stored);
}

BOOST_AUTO_TEST_CASE(files_report_and_mark_tell_the_same) {
  put_complete_dump();
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->directory() == expected_path());
  BOOST_TEST(result->saved());
  BOOST_TEST(!result->recovered_before());
  BOOST_TEST(content_of(expected_path() + "/dmesg.txt") == kLog);

  const auto report = load_report(expected_path() + "/report.json");
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete());
  BOOST_TEST(report->incomplete_because().empty());
  BOOST_TEST(report->crash_id() == kCrashId);
  BOOST_TEST(report->node() == "alpha");
  BOOST_TEST(report->disk_uuid() == "disk-uuid");
  BOOST_TEST(report->kernel_release() == "6.1.0-test");
  BOOST_TEST(report->started_utc() == "2023-11-14T22:13:20Z");
  BOOST_TEST(report->memory_pages() == kMemoryPages);
  BOOST_TEST(report->stored_pages() + report->zero_pages() == kMemoryPages);
  BOOST_TEST(report->missing_pages() == 0U);
  BOOST_TEST(report->checksums_verified() == 2U * 9U);
  BOOST_TEST(header().attribute() == pb::SAVED);
}

BOOST_AUTO_TEST_CASE(complete_core_has_only_the_notes_of_the_kernel) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  const std::string notes = notes_of(content_of(expected_path() + "/vmcore"));
  BOOST_TEST(notes.size() == sizeof(Elf64_Nhdr) + 8 + 336);
}

BOOST_AUTO_TEST_CASE(zero_pages_take_no_space) {
  put_complete_dump();
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  struct stat info {};
  BOOST_TEST_REQUIRE(::stat((expected_path() + "/vmcore").c_str(), &info) == 0);
  BOOST_TEST(static_cast<std::uint64_t>(info.st_size) == result->report().core_bytes());
  BOOST_TEST(info.st_blocks * 512 < info.st_size);
}

BOOST_AUTO_TEST_CASE(readelf_accepts_the_core) {
  if (std::system("command -v readelf >/dev/null") != 0) {
    BOOST_TEST_MESSAGE("skipped: readelf is not installed");
    return;
  }
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  const std::string output = directory + "/readelf.txt";
  const std::string command =
      "readelf -hlnW '" + expected_path() + "/vmcore' >'" + output + "' 2>&1";
  BOOST_TEST(std::system(command.c_str()) == 0);
  const std::string text = content_of(output);
  BOOST_TEST((text.find("CORE (Core file)") != std::string::npos));
  BOOST_TEST((text.find("arning") == std::string::npos));
  BOOST_TEST((text.find("rror") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(unreadable_pages_of_the_writer_make_it_incomplete) {
  fake::StreamBuilder shorter(kCrash);
  shorter.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, "registers")));
  shorter.pages(1, 64, stored_runs(1, 64)).pages(256, 300, stored_runs(256, 300));
  shorter.runs(
      PagePass::kKernel,
      std::array{PageRun{
          .pfn = 300, .count = 2, .what = static_cast<std::uint16_t>(RunKind::kUnreadable)}});
  shorter.pages(302, 512, stored_runs(302, 512));
  shorter.end();
  put_stream(shorter.bytes());
  put_header(pb::COMPLETED, pb::REASON_NONE, shorter.bytes().size());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->report().complete());
  BOOST_TEST(!result->report().loss());
  BOOST_TEST(result->report().unreadable_pages() == 2U);
  BOOST_TEST_REQUIRE(result->report().missing_size() == 1);
  BOOST_TEST(result->report().missing(0).first_pfn() == 300U);
  BOOST_TEST(result->report().missing(0).end_pfn() == 302U);
  BOOST_TEST(result->saved());
}

BOOST_AUTO_TEST_CASE(totals_that_disagree_make_it_incomplete) {
  auto stream = sample_stream();
  EndPayload totals = stream.totals();
  --totals.stored_pages;
  stream.end(totals);
  put_stream(stream.bytes());
  put_header(pb::COMPLETED, pb::REASON_NONE, stream.bytes().size());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->report().complete());
  BOOST_TEST((result->report().incomplete_because().find("counted") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(pages_in_no_segment_are_counted_and_left_out) {
  fake::StreamBuilder stream(kCrash);
  stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, "registers")));
  stream.pages(1, 512, std::array{PageRun{62, 4, 0}, PageRun{254, 4, 0}});
  put_stream(stream.bytes());
  put_header(pb::ABORTED, pb::LIMIT, stream.bytes().size());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().stray_pages() == 4U);
  BOOST_TEST(result->report().stored_pages() == 4U);
  check_memory(content_of(expected_path() + "/vmcore"), [](std::uint64_t pfn) {
    return (pfn >= 62 && pfn < 66) || (pfn >= 254 && pfn < 258);
  });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_partial_dump, RecoverFixture)

BOOST_AUTO_TEST_CASE(cut_at_any_section_the_pages_before_are_there) {
  const auto stream = sample_stream();
  const auto boundaries = stream.boundaries();
  for (std::size_t i = 3; i < boundaries.size(); ++i) {  // after the head's three sections
    std::vector<std::byte> bytes(kExtentBytes);
    std::copy_n(stream.bytes().begin(), boundaries[i], bytes.begin());
    put_stream(bytes);
    put_header(pb::ABORTED, pb::LIMIT, boundaries[i]);
    const auto result = recover();
    BOOST_TEST_REQUIRE(result.has_value());
    BOOST_TEST(!result->report().complete());
    BOOST_TEST(!result->report().loss());
    const std::size_t sections = i > 5 ? i - 5 : 0;  // of pages
    const auto reached = [&](std::uint64_t pfn) {
      if (pfn < 64) return sections >= 2;
      return pfn < 400 ? sections >= 1 : sections >= 3;
    };
    check_memory(content_of(expected_path() + "/vmcore"),
                 [&](std::uint64_t pfn) { return reached(pfn) && is_stored(pfn); });
    std::uint64_t missing = 0;
    for (std::uint64_t pfn = 1; pfn < 512; ++pfn) {
      missing += (pfn < 64 || pfn >= 256) && !reached(pfn) ? 1 : 0;
    }
    BOOST_TEST(result->report().missing_pages() == missing);
    BOOST_TEST(header().attribute() == pb::SAVED);
    std::filesystem::remove_all(expected_path());
  }
}

BOOST_AUTO_TEST_CASE(reason_is_in_core_and_report_and_kept_on_the_disk) {
  const auto stream = sample_stream();
  put_stream(stream.bytes());
  put_header(pb::ABORTED, pb::LIMIT, stream.bytes().size());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST((result->report().incomplete_because().find("time limit") != std::string::npos));
  const std::string notes = notes_of(content_of(expected_path() + "/vmcore"));
  BOOST_TEST((notes.find("incomplete: 0 of 319 pages missing") != std::string::npos));
  BOOST_TEST(header().attribute() == pb::SAVED);
  BOOST_TEST(header().reason() == pb::LIMIT);
}

BOOST_AUTO_TEST_CASE(sections_behind_the_last_progress_record_are_taken_too) {
  auto stream = sample_stream();
  put_stream(stream.bytes());
  put_header(pb::ABORTED, pb::STALLED, stream.boundaries()[6]);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().missing_pages() == 0U);
}

// The writer's first disk failed; the same crash is on the next candidate in whole.
BOOST_AUTO_TEST_CASE(dump_on_the_second_disk_is_not_taken_for_its_beginning_on_the_first) {
  const auto beginning = sample_stream();
  put_stream(beginning.bytes());
  put_header(pb::ABORTED, pb::IO_ERROR, beginning.bytes().size());
  const auto first = recover();
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST(!first->report().complete());

  pb::Label second_disk;
  second_disk.set_disk_uuid("second-disk-uuid");
  BOOST_TEST_REQUIRE(records().put(RecordPlace::kLabel, second_disk).has_value());
  put_complete_dump();
  auto whole = header();
  whole.set_rank(2);
  put_header(whole);
  const auto second = recover();
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST(!second->recovered_before());
  BOOST_TEST(second->report().complete());
  BOOST_TEST(second->directory() != first->directory());
}

BOOST_AUTO_TEST_CASE(part_that_was_recovered_under_the_writer_does_not_stand_for_the_dump) {
  auto stream = sample_stream();
  const auto whole = stream.end().bytes();
  auto beginning = whole;
  std::fill(beginning.begin() + static_cast<long>(stream.boundaries()[7]), beginning.end(),
            std::byte{0});
  put_stream(beginning);
  put_header(pb::IN_PROGRESS, pb::REASON_NONE, stream.boundaries()[6]);
  RecoverOptions peek = options();
  peek.writer_is_over = true;
  peek.mark_saved = false;
  const auto part = recover_dump(source(), peek);
  BOOST_TEST_REQUIRE(part.has_value());
  BOOST_TEST(!part->report().complete());

  put_stream(whole);
  put_header(pb::COMPLETED, pb::REASON_NONE, whole.size());
  auto later = header();
  later.set_elapsed_ms(later.elapsed_ms() + 1000);
  put_header(later);
  const auto refused = recover();
  BOOST_TEST((!refused && refused.error().code == Code::kRefused));
  BOOST_TEST(header().attribute() == pb::COMPLETED);
  std::filesystem::rename(part->directory(), part->directory() + ".part");
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete());
  BOOST_TEST(header().attribute() == pb::SAVED);
}

BOOST_AUTO_TEST_CASE(damage_inside_the_durable_part_leaves_the_disk_unmarked) {
  auto stream = sample_stream();
  auto bytes = stream.end().bytes();
  bytes[stream.boundaries()[7] + kBlockBytes] ^= std::byte{1};
  put_stream(bytes);
  put_header(pb::COMPLETED, pb::REASON_NONE, bytes.size());
  auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().loss());
  BOOST_TEST(!result->saved());
  BOOST_TEST((result->note().find("--accept-loss") != std::string::npos));
  BOOST_TEST(header().attribute() == pb::COMPLETED);

  RecoverOptions accepting = options();
  accepting.accept_loss = true;
  result = recover_dump(source(), accepting);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->recovered_before());
  BOOST_TEST(result->saved());
  BOOST_TEST(header().attribute() == pb::SAVED);
}

BOOST_AUTO_TEST_CASE(unreadable_block_leaves_the_disk_unmarked) {
  auto stream = sample_stream();
  stream.end();
  put_complete_dump();
  fake::SickSpot sick(node.device(0), kExtentOffset + stream.boundaries()[7] + kBlockBytes);
  const auto result = recover_dump(source_on(sick), options());
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().loss());
  BOOST_TEST(!result->saved());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(page_frames_that_two_sections_cover_end_the_stream) {
  auto stream = sample_stream();
  const std::size_t start = stream.bytes().size();
  stream.pages(10, 20, stored_runs(10, 20));
  put_stream(stream.bytes());
  put_header(pb::ABORTED, pb::LIMIT, start);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().stream_bytes() == start);
  BOOST_TEST((result->report().incomplete_because().find("earlier section") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(long_list_of_missing_pages_is_cut_and_counted) {
  fake::StreamBuilder stream(kCrash);
  std::vector<fake::Segment> segments;
  for (std::uint64_t i = 1; i <= 100; ++i) segments.push_back({i << 20, i << 20, 0x1000});
  stream.elf_head(fake::vmcore_head(segments, fake::note("CORE", 1, "registers")));
  put_stream(stream.bytes());
  put_header(pb::ABORTED, pb::LIMIT, stream.bytes().size());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().missing_pages() == 100U);
  BOOST_TEST(result->report().missing_ranges() == 100U);
  BOOST_TEST(result->report().missing_size() == static_cast<int>(kMaxListedRanges));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_verify, RecoverFixture)

BOOST_AUTO_TEST_CASE(whole_dump_verifies_and_nothing_is_written) {
  put_complete_dump();
  shelf.clear_trace();
  const auto report = verify_dump(source(), {});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete());
  BOOST_TEST(report->checksums_verified() == 18U);
  BOOST_TEST(left_behind().empty());
  for (const auto& command : shelf.trace()) {
    BOOST_TEST(fake::name_of(command.command) == fake::name_of(fake::Command::kRead));
  }
}

BOOST_AUTO_TEST_CASE(damage_is_found) {
  put_complete_dump();
  auto stream = sample_stream();
  auto bytes = stream.end().bytes();
  bytes[stream.boundaries()[6] + kBlockBytes + 5] ^= std::byte{1};
  put_stream(bytes);
  const auto report = verify_dump(source(), {});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->loss());
  BOOST_TEST((report->incomplete_because().find("payload CRC") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
