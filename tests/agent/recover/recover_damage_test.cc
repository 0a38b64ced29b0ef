// What is left of a dump whose disk lost a part of it: of the header, of the stream, of the disk.
#include <boost/test/unit_test.hpp>

#include "agent/recover/dump_front.h"
#include "agent/recover/stream_reader.h"
#include "tests/agent/recover/recover_fixture.h"
#include "tests/fake/sick_spot.h"

namespace lastword {
namespace {

// The beginning of a disk.
class FirstPart final : public BlockDevice {
 public:
  FirstPart(BlockDevice& disk, std::uint64_t bytes) : disk_(disk), bytes_(bytes) {}
  [[nodiscard]] std::string_view name() const override { return disk_.name(); }
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_; }
  Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    BOOST_TEST_REQUIRE(offset + buffer.size() <= bytes_);
    return disk_.read(offset, buffer);
  }
  Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    return disk_.write(offset, buffer);
  }
  Status flush() override { return disk_.flush(); }
  Status flush_all() override { return disk_.flush_all(); }

 private:
  BlockDevice& disk_;
  std::uint64_t bytes_;
};

class DamageFixture : public RecoverFixture {
 public:
  // The sample dump with `change` made to its bytes; its header promises all of it.
  void put_damaged(const std::function<void(std::span<std::byte>)>& change) {
    auto bytes = stream.bytes();
    change(bytes);
    put_stream(bytes);
    put_header(pb::COMPLETED, pb::REASON_NONE, bytes.size());
  }
  StreamEnd read_all(BlockDevice& disk, std::uint64_t claimed) {
    StreamReader reader(disk, kExtentOffset, kExtentBytes, kCrash, claimed);
    while (reader.next() != nullptr) continue;
    return reader.end();
  }
  std::uint64_t start_of(std::size_t section) { return stream.boundaries()[section]; }
  static bool says(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  }
  // Both slots, which is worse than one.
  void put_header_that_does_not_parse() {
    pb::CoredumpHeader bad = header();
    bad.set_kernel_release("6.1.0\xff");
    RecordIo io = records();
    auto at = io.read(RecordPlace::kCoredump, bad);
    BOOST_TEST_REQUIRE(at.has_value());
    bad.set_kernel_release("6.1.0\xff");
    for (int slot = 0; slot < 2; ++slot) {
      at = io.write(RecordPlace::kCoredump, *at, bad);
      BOOST_TEST_REQUIRE(at.has_value());
    }
    pb::Label label;
    label.set_disk_uuid("disk-uuid");
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_home_generation(6);
    label.set_data_offset_bytes(kExtentOffset);
    label.set_data_length_bytes(kExtentBytes);
    BOOST_TEST_REQUIRE(io.put(RecordPlace::kLabel, label).has_value());
  }

  fake::StreamBuilder stream = sample_stream().end();
  // Of its sections: head 0 to 2, log 3 and 4, pages 5 to 7, end 8.
  static constexpr std::size_t kPages = 5;
};

BOOST_FIXTURE_TEST_SUITE(recover_damaged_stream, DamageFixture)

BOOST_AUTO_TEST_CASE(damaged_section_costs_no_other_one) {
  for (std::size_t section = 0; section < 8; ++section) {
    for (const std::uint64_t at : {std::uint64_t{5}, std::uint64_t{kBlockBytes}}) {
      BOOST_TEST_CONTEXT("section " << section << " byte " << at) {
        put_damaged([&](auto bytes) { bytes[start_of(section) + at] ^= std::byte{1}; });
        const StreamEnd end = read_all(*device, stream.bytes().size());
        BOOST_TEST(!end.whole);
        BOOST_TEST(end.sections == 8U);
        BOOST_TEST(end.skipped == 1U);
        BOOST_TEST(end.bytes == stream.bytes().size());
        BOOST_TEST(end.why.offset == kExtentOffset + start_of(section));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(several_sections_that_were_overwritten_are_stepped_over) {
  put_damaged([&](auto bytes) {
    std::ranges::fill(bytes.subspan(start_of(3), start_of(6) - start_of(3)), std::byte{0});
  });
  const StreamEnd end = read_all(*device, stream.bytes().size());
  BOOST_TEST(end.sections == 6U);
  BOOST_TEST(end.skipped == 1U);
}

BOOST_AUTO_TEST_CASE(unreadable_block_costs_its_section) {
  put_damaged([](auto) {});
  for (const std::uint64_t spot : {start_of(6), start_of(6) + kBlockBytes, start_of(0)}) {
    fake::SickSpot sick(node.device(0), kExtentOffset + spot);
    const StreamEnd end = read_all(sick, stream.bytes().size());
    BOOST_TEST(end.sections == 8U);
    BOOST_TEST(end.skipped == 1U);
    BOOST_TEST(end.bytes == stream.bytes().size());
  }
}

// What its writer had not flushed may be anything.
BOOST_AUTO_TEST_CASE(damage_behind_the_durable_part_is_the_end) {
  put_damaged([&](auto bytes) { bytes[start_of(6) + 5] ^= std::byte{1}; });
  const StreamEnd end = read_all(*device, start_of(6));
  BOOST_TEST(end.sections == 6U);
  BOOST_TEST(end.skipped == 0U);
  BOOST_TEST(end.bytes == start_of(6));
}

BOOST_AUTO_TEST_CASE(section_that_goes_beyond_the_disk_is_met_once) {
  put_damaged([](auto) {});
  FirstPart part(*device, kExtentOffset + start_of(8) + kBlockBytes);
  StreamReader reader(part, kExtentOffset, start_of(8) + kBlockBytes, kCrash,
                      start_of(8) + kBlockBytes);
  while (reader.next() != nullptr) continue;
  BOOST_TEST(reader.end().sections == 8U);
}

BOOST_AUTO_TEST_CASE(dump_without_its_first_section_keeps_log_and_pages) {
  put_damaged([](auto bytes) { bytes[kBlockBytes + 4] ^= std::byte{1}; });
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(content_of(expected_path() + "/dmesg.txt") == kLog);
  const pb::RecoveryReport& report = result->report();
  BOOST_TEST(report.stored_pages() == stream.totals().stored_pages);
  BOOST_TEST(report.memory_pages() == kMemoryPages);  // all that the sections tell of
  BOOST_TEST(report.loss());
  BOOST_TEST(!result->saved());
  BOOST_TEST(says(report.incomplete_because(), "the vmcore's head is lost"));
  BOOST_TEST(report.head_lost());
  BOOST_TEST(says(summary_of(report), "how many pages are missing is not known"));

  std::filesystem::remove_all(expected_path());
  RecoverOptions accepting = options();
  accepting.accept_loss = true;
  accepting.core.format = CoreFormat::kKdump;
  const auto accepted = recover_dump(source(), accepting);
  BOOST_TEST_REQUIRE(accepted.has_value());
  BOOST_TEST(accepted->saved());
}

BOOST_AUTO_TEST_CASE(log_behind_a_damaged_head_is_printed) {
  put_damaged([](auto bytes) { bytes[5] ^= std::byte{1}; });
  const auto dump = read_dump(source(), true);
  BOOST_TEST_REQUIRE(dump.has_value());
  const DumpFront front = read_front(*device, *dump);
  BOOST_TEST(front.dmesg == kLog);
  BOOST_TEST(!front.whole);
  BOOST_TEST(front.end.offset == kExtentOffset);
}

BOOST_AUTO_TEST_CASE(pages_behind_damage_are_in_the_core) {
  put_damaged([&](auto bytes) { bytes[start_of(kPages) + 5] ^= std::byte{1}; });
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().missing_pages() == 400U - 256U);
  BOOST_TEST(says(result->report().incomplete_because(), "damaged places that were skipped: 1"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_copy_of_a_part, DamageFixture)

BOOST_AUTO_TEST_CASE(that_holds_the_whole_stream_is_complete) {
  put_damaged([](auto) {});
  FirstPart part(*device, kExtentOffset + round_up_to_block(stream.bytes().size()) + 700);
  const auto result = recover_dump(source_on(part), options());
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete());
}

BOOST_AUTO_TEST_CASE(that_cuts_the_stream_says_what_is_missing) {
  put_damaged([](auto) {});
  FirstPart part(*device, kExtentOffset + start_of(6) + kBlockBytes);
  const auto result = recover_dump(source_on(part), options());
  BOOST_TEST_REQUIRE(result.has_value());
  const pb::RecoveryReport& report = result->report();
  BOOST_TEST(!report.complete());
  BOOST_TEST(report.loss());
  BOOST_TEST(report.missing_pages() == kMemoryPages - (400 - 256));
  BOOST_TEST(says(report.incomplete_because(), "the disk ends at byte"),
             report.incomplete_because());
  const auto dump = read_dump(source_on(part), true);
  BOOST_TEST_REQUIRE(dump.has_value());
  BOOST_TEST(read_front(part, *dump).dmesg == kLog);
}

BOOST_AUTO_TEST_CASE(that_ends_before_the_stream_has_no_dump) {
  put_damaged([](auto) {});
  FirstPart part(*device, kExtentOffset);
  check_error(recover_dump(source_on(part), options()), Code::kCorrupt, "is not on this disk");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_without_a_header, DamageFixture)

BOOST_AUTO_TEST_CASE(stream_is_recovered_and_the_disk_marked) {
  put_damaged([](auto) {});
  put_header_that_does_not_parse();
  check_error(recover(), Code::kRefused, "it cannot be read");
  // As `recover` does with a disk that this node holds.
  BOOST_TEST_REQUIRE(end_orphaned_dump(source(), 1, 7).has_value());
  BOOST_TEST(header().attribute() == pb::ABORTED);
  BOOST_TEST(header().reason() == pb::REBOOTED);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete());
  BOOST_TEST(result->saved());
  BOOST_TEST(header().attribute() == pb::SAVED);
  BOOST_TEST(header().crash_id() == kCrashId);
}

BOOST_AUTO_TEST_CASE(stream_is_read_without_marking) {
  put_damaged([](auto bytes) { bytes[5] ^= std::byte{1}; });
  put_header_that_does_not_parse();
  RecoverOptions reading = options();
  reading.mark_saved = false;
  reading.writer_is_over = true;
  const auto result = recover_dump(source(), reading);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().stored_pages() == stream.totals().stored_pages);
  BOOST_TEST(says(result->note(), "its coredump header cannot be read"));
}

// The header that stands in is the disk's record by then, and tells no figures either.
BOOST_AUTO_TEST_CASE(damaged_section_costs_no_other_one_after_the_header_was_replaced) {
  for (const std::size_t section : {std::size_t{0}, kPages}) {
    BOOST_TEST_CONTEXT("section " << section) {
      put_damaged([&](auto bytes) { bytes[start_of(section) + 5] ^= std::byte{1}; });
      put_header_that_does_not_parse();
      BOOST_TEST_REQUIRE(end_orphaned_dump(source(), 1, 7).has_value());
      const auto verified = verify_dump(source(), options());
      BOOST_TEST_REQUIRE(verified.has_value());
      BOOST_TEST(verified->loss());
      const auto result = recover();
      BOOST_TEST_REQUIRE(result.has_value());
      const pb::RecoveryReport& report = result->report();
      // Of the first pages section, which has frames 256 to 400, 54 are stored.
      const std::uint64_t lost = section == kPages ? 54 : 0;
      BOOST_TEST(report.stored_pages() == stream.totals().stored_pages - lost);
      BOOST_TEST(report.loss());
      BOOST_TEST(report.started_utc().empty());
      BOOST_TEST(says(result->note(), "took the place of one that could not be read"));
      BOOST_TEST(std::filesystem::exists(result->directory() + "/vmcore"));
      BOOST_TEST(!result->saved());
      BOOST_TEST(header().attribute() == pb::ABORTED);
      std::filesystem::remove_all(result->directory());

      RecoverOptions accepting = options();
      accepting.accept_loss = true;
      const auto accepted = recover_dump(source(), accepting);
      BOOST_TEST_REQUIRE(accepted.has_value());
      BOOST_TEST(accepted->saved());
      std::filesystem::remove_all(accepted->directory());
    }
  }
}

// A section was there when the header was replaced.
BOOST_AUTO_TEST_CASE(dump_that_vanished_after_the_header_was_replaced_is_not_one_of_nothing) {
  put_damaged([](auto) {});
  put_header_that_does_not_parse();
  BOOST_TEST_REQUIRE(end_orphaned_dump(source(), 1, 7).has_value());
  put_stream(std::vector<std::byte>(stream.bytes().size()));
  check_error(recover(), Code::kCorrupt, "there is none in its extent");
  BOOST_TEST(header().attribute() == pb::ABORTED);
}

BOOST_AUTO_TEST_CASE(disk_without_a_stream_says_what_is_wrong_with_the_header) {
  put_damaged([](auto) {});
  put_header_that_does_not_parse();
  put_stream(std::vector<std::byte>(stream.bytes().size()));
  check_error(recover(), Code::kCorrupt, "cannot be read");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_dump_of_nothing, DamageFixture)

BOOST_AUTO_TEST_CASE(is_reported_and_the_disk_marked) {
  put_header(pb::ABORTED, pb::VMCORE, 0);
  const auto verified = verify_dump(source(), options());
  BOOST_TEST_REQUIRE(verified.has_value());
  BOOST_TEST(!verified->complete());
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->saved());
  BOOST_TEST(header().attribute() == pb::SAVED);
  BOOST_TEST(header().reason() == pb::VMCORE);
  const auto report = load_report(expected_path() + "/report.json");
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->loss());
  BOOST_TEST(says(summary_of(*report), "nothing was dumped: the capture kernel failed to read"));
  BOOST_TEST(!std::filesystem::exists(expected_path() + "/vmcore"));
}

BOOST_AUTO_TEST_CASE(is_found_again_when_only_the_mark_is_missing) {
  put_header(pb::ABORTED, pb::LIMIT, 0);
  RecoverOptions unmarked = options();
  unmarked.mark_saved = false;
  BOOST_TEST_REQUIRE(recover_dump(source(), unmarked).has_value());
  const auto again = recover();
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->recovered_before());
  BOOST_TEST(again->saved());
}

BOOST_AUTO_TEST_CASE(is_not_what_a_header_that_promises_bytes_has) {
  put_header(pb::ABORTED, pb::LIMIT, kBlockBytes);
  check_error(recover(), Code::kCorrupt, "there is none in its extent");
  BOOST_TEST(header().attribute() == pb::ABORTED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
