// Which finished recoveries are believed, and what a recovery says of a disk that changes while it
// is read.
#include <boost/test/unit_test.hpp>

#include "tests/agent/recover/recover_fixture.h"

namespace lastword {
namespace {

BOOST_FIXTURE_TEST_SUITE(recover_finished, RecoverFixture)

BOOST_AUTO_TEST_CASE(cut_report_is_not_a_finished_recovery) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  std::filesystem::resize_file(expected_path() + "/report.json", 100);
  put_complete_dump();
  check_error(recover(), Code::kRefused, "move it away");
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(core_that_was_cut_is_not_a_finished_recovery) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  std::filesystem::resize_file(expected_path() + "/vmcore", 100);
  put_complete_dump();
  check_error(recover(), Code::kRefused, "move it away");
}

BOOST_AUTO_TEST_CASE(file_that_changed_is_not_a_finished_recovery) {
  for (const CoreFormat each : {CoreFormat::kElf, CoreFormat::kKdump}) {
    for (const char* name : {"/vmcore", "/dmesg.txt"}) {
      format = each;
      std::filesystem::remove_all(expected_path());
      put_complete_dump();
      BOOST_TEST_REQUIRE(recover().has_value());
      put_complete_dump();
      BOOST_TEST_REQUIRE(recover().has_value());  // as it is, it is believed
      const std::string path = expected_path() + name;
      std::string content = content_of(path);
      content.back() ^= 1;
      std::ofstream(path, std::ios::binary) << content;
      put_complete_dump();
      check_error(recover(), Code::kRefused, "files have changed since; move it away");
      BOOST_TEST(header().attribute() == pb::COMPLETED);
    }
  }
}

BOOST_AUTO_TEST_CASE(report_without_checksums_is_not_believed) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  const std::string path = expected_path() + "/report.json";
  std::string text = content_of(path);
  const std::size_t at = text.find("\"core_crc32c\"");
  BOOST_TEST_REQUIRE(at != std::string::npos);
  text.erase(at, text.find('\n', at) - at);
  std::ofstream(path, std::ios::binary) << text;
  put_complete_dump();
  check_error(recover(), Code::kRefused, "move it away");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_meanwhile, RecoverFixture)

BOOST_AUTO_TEST_CASE(disk_that_is_written_meanwhile_is_told_and_never_gives_a_whole_dump) {
  for (const bool same_crash : {true, false}) {
    std::filesystem::remove_all(expected_path());
    put_complete_dump();
    RecoverOptions reading = options();
    reading.mark_saved = false;
    reading.progress = [&](std::uint64_t, std::uint64_t) {
      pb::CoredumpHeader next = header();
      next.set_attribute(pb::IN_PROGRESS);
      next.set_started_unix_ms(next.started_unix_ms() + 60'000);
      if (!same_crash) next.set_crash_id("0a1b2c3d-0000-4000-8000-000000000002");
      put_header(next);
    };
    const auto result = recover_dump(source(), reading);
    BOOST_TEST_REQUIRE(result.has_value());
    BOOST_TEST(!result->report().complete());
    BOOST_TEST(result->report().loss());
    BOOST_TEST(result->report().missing_pages() == 0U);
    const std::string summary = summary_of(result->report());
    BOOST_TEST((summary.find("was written to while it was read: its coredump header says "
                             "IN_PROGRESS now") != std::string::npos),
               summary);
    BOOST_TEST((summary.find("another crash") == std::string::npos) == same_crash, summary);
    put_complete_dump();
    const auto verified = verify_dump(source(), reading);
    BOOST_TEST_REQUIRE(verified.has_value());
    BOOST_TEST(!verified->complete());
  }
}

BOOST_AUTO_TEST_CASE(dump_that_another_reader_marked_meanwhile_is_whole) {
  put_complete_dump();
  RecoverOptions reading = options();
  reading.mark_saved = false;
  reading.progress = [&](std::uint64_t, std::uint64_t) {
    pb::CoredumpHeader saved = header();
    saved.set_attribute(pb::SAVED);
    put_header(saved);
  };
  const auto result = recover_dump(source(), reading);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().complete());
}

BOOST_AUTO_TEST_CASE(label_that_cannot_be_read_is_named) {
  put_complete_dump();
  for (const unsigned slot : {0U, 1U}) {
    shelf.poke(0, kMetadata + slot_offset(RecordPlace::kLabel, slot),
               std::vector<std::byte>(kBlockBytes, std::byte{0x5a}));
  }
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST((result->note().find("its label cannot be read (") != std::string::npos),
             result->note());
  BOOST_TEST(!result->report().label_problem().empty());
  BOOST_TEST(result->report().header_problem().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
