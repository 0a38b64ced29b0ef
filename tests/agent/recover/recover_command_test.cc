// `lastword recover` as an operator runs it on an image: output, exit status, what is left.
#include <boost/test/unit_test.hpp>

#include "storage/block/exclusive_lock.h"
#include "tests/agent/recover/recover_program.h"

namespace lastword {
namespace {

BOOST_FIXTURE_TEST_SUITE(recover_command, CommandFixture)

BOOST_AUTO_TEST_CASE(dmesg_prints_the_log_and_leaves_the_disk_as_it_is) {
  auto stream = sample_stream();
  for (const pb::Attribute attribute : {pb::COMPLETED, pb::IN_PROGRESS, pb::ABORTED, pb::SAVED}) {
    put_dump(attribute, stream.bytes());
    const std::string before = image.content();
    const Outcome outcome = run("recover --dmesg " + image.path());
    BOOST_TEST(outcome.status == kExitOk);
    BOOST_TEST(outcome.output == kLog);
    BOOST_TEST((image.content() == before));
  }
}

BOOST_AUTO_TEST_CASE(dmesg_that_was_cut_is_printed_and_said_to_be) {
  const auto stream = sample_stream();
  put_dump(pb::IN_PROGRESS, std::span(stream.bytes()).first(stream.boundaries()[4]));
  const Outcome outcome = run("recover --dmesg " + image.path());
  BOOST_TEST(outcome.status == kExitPartial);
  BOOST_TEST(outcome.output == kLog.substr(0, 16));
  BOOST_TEST(contains(outcome.errors, "the log may go on"));
}

BOOST_AUTO_TEST_CASE(dmesg_of_nothing_says_no) {
  BOOST_TEST(run("recover --dmesg " + image.path()).status == kExitNo);
  const auto stream = sample_stream();
  put_dump(pb::IN_PROGRESS, std::span(stream.bytes()).first(stream.boundaries()[3]));
  const Outcome early = run("recover --dmesg " + image.path());
  BOOST_TEST(early.status == kExitNo);
  BOOST_TEST(contains(early.errors, "none so far"));
  BOOST_TEST(run("recover --dmesg /nowhere").status == kExitIo);
}

BOOST_AUTO_TEST_CASE(dmesg_behind_a_damaged_head_is_printed_and_said_to_be_cut) {
  const auto stream = sample_stream();
  std::vector<std::byte> bytes = stream.bytes();
  bytes[kBlockBytes] ^= std::byte{1};
  put_dump(pb::COMPLETED, bytes);
  const Outcome outcome = run("recover --dmesg " + image.path());
  BOOST_TEST(outcome.status == kExitPartial);
  BOOST_TEST(outcome.output == kLog);
  BOOST_TEST(contains(outcome.errors, "payload CRC"));
}

// The part of a disk that was used, without the backup GPT at its end.
BOOST_AUTO_TEST_CASE(copy_of_the_used_part_of_a_disk_is_recovered) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  std::filesystem::resize_file(image.path(), kRegion + stream.bytes().size() + (1 << 20));
  BOOST_TEST(run("recover --dmesg " + image.path()).output == kLog);
  const Outcome outcome =
      run("recover --no-mark -o " + image.directory().string() + " " + image.path());
  BOOST_TEST(outcome.status == kExitOk);
  BOOST_TEST(contains(outcome.output, fmt::format("{} stored", stream.totals().stored_pages)));
}

BOOST_AUTO_TEST_CASE(core_is_kdump_unless_asked_otherwise) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const auto folder = image.directory() / "cores";
  for (const std::string_view format : {"", " --format elf", " --codec zstd"}) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    const Outcome outcome =
        run("recover --no-mark " + image.path() + " -o " + folder.string() + std::string(format));
    BOOST_TEST(outcome.status == kExitOk);
    const std::string expected = format.empty()     ? "(kdump, zlib)"
                                 : format[3] == 'f' ? "(elf)"
                                                    : "(kdump, zstd)";
    BOOST_TEST(contains(outcome.output, expected));
    const auto core = std::filesystem::directory_iterator(folder)->path() / "vmcore";
    BOOST_TEST(content_of(core).substr(1, 3) == (format == " --format elf" ? "ELF" : "DUM"));
  }
}

BOOST_AUTO_TEST_CASE(disk_that_is_marked_is_named_whatever_was_recovered_before) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const std::string folder = make_folder("cores");
  BOOST_TEST(run("recover --no-mark " + image.path() + " -o " + folder).status == kExitOk);
  const std::string copy = image.directory() / "copy.img";
  std::filesystem::copy_file(image.path(), copy);
  const Outcome marked = run("recover " + copy + " -o " + folder);
  BOOST_TEST(marked.status == kExitOk);
  BOOST_TEST(contains(marked.output, copy + " is marked SAVED"));
  const Outcome again = run("recover " + copy + " -o " + folder);
  BOOST_TEST(contains(again.output, "the disk was marked SAVED before"));
  BOOST_TEST(!contains(again.output, " is marked SAVED"));
}

BOOST_AUTO_TEST_CASE(empty_option_is_no_option_that_was_not_given) {
  BOOST_TEST(run("recover --verify -o '' " + image.path()).status == kExitUsage);
}

BOOST_AUTO_TEST_CASE(verify_says_what_it_found) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const Outcome json = run("recover --verify --json " + image.path());
  BOOST_TEST(json.status == kExitOk);
  for (const char* part : {"\"verified\": true", "\"complete\": true",
                           "\"recovered_before\": false", "\"missing_pages\": 0"}) {
    BOOST_TEST(contains(json.output, part), part << " in " << json.output);
  }
  const Outcome text = run("recover --verify " + image.path());
  BOOST_TEST(contains(text.output, "verified: the dump is complete; nothing was written"));
}

BOOST_AUTO_TEST_CASE(dump_that_began_late_for_the_grace_time_is_told) {
  configure(kCluster);
  for (const unsigned seconds : {5U, 6U, 18U}) {
    // The capture kernel's clock says when the dump began: 2023-11-14 22:13:20 UTC.
    const std::string info = fmt::format("CRASHTIME={}\n", 1'700'000'000 - seconds);
    fake::StreamBuilder stream(kCrash);
    stream.elf_head(fake::vmcore_head(kMemory, fake::note("VMCOREINFO", 0, info)), 3000);
    stream.pages(1, 64, stored_runs(1, 64));
    put_dump(pb::COMPLETED, stream.end().bytes());
    const Outcome outcome = run("recover --verify --json " + image.path());
    BOOST_TEST(contains(outcome.output, fmt::format("\"began_after_ms\": {}000", seconds)));
    BOOST_TEST(contains(outcome.errors, "the dump began") == (seconds > 5));
    BOOST_TEST(contains(outcome.errors, "takes its disk before") == (seconds > 10));
    if (seconds == 18) BOOST_TEST(contains(outcome.errors, "make [timing] grace 36s or more"));
  }
}

BOOST_AUTO_TEST_CASE(beginning_that_the_writer_noted_counts_before_the_clocks) {
  configure(kCluster);
  fake::StreamBuilder stream(kCrash);
  const std::string info = fmt::format("CRASHTIME={}\n", 1'700'000'000 - 18);
  stream.elf_head(fake::vmcore_head(kMemory, fake::note("VMCOREINFO", 0, info)), 3000);
  stream.pages(1, 64, stored_runs(1, 64));
  const auto bytes = stream.end().bytes();
  put_dump(pb::COMPLETED, pb::REASON_NONE, bytes, bytes.size(), 7'250);
  const Outcome outcome = run("recover --verify --json " + image.path());
  BOOST_TEST(contains(outcome.output, "\"began_after_ms\": 7250"), outcome.output);
  BOOST_TEST(contains(outcome.errors, "the dump began 7s after the panic"), outcome.errors);
  BOOST_TEST(contains(run("inspect " + image.path()).output, "began_after_ms: 7250"));
}

BOOST_AUTO_TEST_CASE(dump_below_an_armed_header_is_recovered_where_that_is_asked_for) {
  auto stream = sample_stream();
  put_dump(pb::ARMED, stream.end().bytes());
  const std::string arguments = "recover " + image.path() + " -o " + make_folder("cores");
  const Outcome refused = run(arguments);
  BOOST_TEST(refused.status == kExitNo);
  BOOST_TEST(contains(refused.errors, "no dump on this disk: ARMED"));
  BOOST_TEST(contains(refused.errors, "--by-stream"));
  const Outcome outcome = run(arguments + " --by-stream");
  BOOST_TEST(outcome.status == kExitOk);
  BOOST_TEST(contains(outcome.output, "started when is not known"));
  BOOST_TEST(!contains(outcome.output, "is marked SAVED"));
}

BOOST_AUTO_TEST_CASE(without_configuration_a_directory_is_asked_for) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const Outcome outcome = run("recover " + image.path());
  BOOST_TEST(outcome.status == kExitUsage);
  BOOST_TEST(contains(outcome.errors, "name a directory with -o"));
  BOOST_TEST(!contains(outcome.errors, "/nowhere"));
}

BOOST_AUTO_TEST_CASE(options_that_contradict_each_other_are_refused) {
  for (const std::string_view options :
       {"--format elf --codec zlib -o /tmp", "--codec lz4 -o /tmp", "--dmesg --verify",
        "--dmesg -o /tmp", "--dmesg --json", "--verify --format elf", "--format vmlinux"}) {
    BOOST_TEST(run("recover " + image.path() + " " + std::string(options)).status == kExitUsage,
               std::string(options));
  }
}

BOOST_AUTO_TEST_CASE(disk_without_its_gpt_is_recovered_by_its_label_and_only_read) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  wipe_gpt();
  const std::string before = image.content();
  const std::string folder = make_folder("cores");
  const Outcome core = run("recover " + image.path() + " -o " + folder);
  BOOST_TEST(core.status == kExitOk);
  BOOST_TEST(contains(core.output, "found at byte 1048576 by the label"));
  BOOST_TEST(contains(core.output, "the disk was left as it is"));
  BOOST_TEST(names_in(folder).size() == 1U);
  const Outcome check = run("recover --verify " + image.path());
  BOOST_TEST(check.status == kExitOk);
  BOOST_TEST(contains(check.output, "by the label"));
  const Outcome log = run("recover --dmesg " + image.path());
  BOOST_TEST(log.output == kLog);
  BOOST_TEST(contains(log.errors, "by the label"));
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(dump_in_progress_on_a_disk_without_its_gpt_is_not_ended) {
  const auto stream = sample_stream();
  put_dump(pb::IN_PROGRESS, stream.bytes());
  wipe_gpt();
  const std::string before = image.content();
  const std::string folder = make_folder("cores");
  BOOST_TEST(run("recover " + image.path() + " -o " + folder).status == kExitRefused);
  BOOST_TEST(run("recover --writer-gone " + image.path() + " -o " + folder).status == kExitPartial);
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(inspect_shows_the_records_of_a_disk_without_its_gpt_as_a_problem) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  BOOST_TEST(run("inspect " + image.path()).status == kExitOk);
  wipe_gpt();
  const Outcome outcome = run("inspect " + image.path());
  BOOST_TEST(outcome.status == kExitCorrupt);
  BOOST_TEST(contains(outcome.output, "problem: records found at byte 1048576 by the label"));
  BOOST_TEST(contains(outcome.output, "COMPLETED"));
}

BOOST_AUTO_TEST_CASE(neither_gpt_nor_label_is_no_disk_of_lastword) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  wipe_gpt();
  image.write(1 << 20, std::string(kBlockBytes, '\0'));
  image.write((1 << 20) + kSlotDistanceBytes, std::string(kBlockBytes, '\0'));
  const Outcome outcome = run("recover --dmesg " + image.path());
  BOOST_TEST(outcome.status == kExitNo);
  BOOST_TEST(contains(outcome.errors, "no GPT"));
  BOOST_TEST(run("inspect " + image.path()).status == kExitNo);
}

BOOST_AUTO_TEST_CASE(image_that_another_program_writes_is_read_but_not_marked) {
  put_dump(pb::COMPLETED, sample_stream().bytes());
  const std::string folder = make_folder("cores");
  const auto lock = lock_disk(image.path(), [] {});
  BOOST_TEST_REQUIRE(lock.has_value());
  const Outcome refused = run("recover " + image.path() + " -o " + folder);
  BOOST_TEST(refused.status == kExitRefused);
  BOOST_TEST(contains(refused.errors, "another program is at work on it"));
  BOOST_TEST(names_in(folder).empty());
  const Outcome read = run("recover --no-mark " + image.path() + " -o " + folder);
  BOOST_TEST(read.status == kExitPartial);  // the sample has no end
  BOOST_TEST(names_in(folder).size() == 1U);
}

BOOST_AUTO_TEST_CASE(place_of_the_records_can_be_told) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const std::string command = "recover --dmesg " + image.path() + " --metadata-offset ";
  BOOST_TEST(run(command + "1048576").output == kLog);
  BOOST_TEST(run(command + "20480").status == kExitNo);
  BOOST_TEST(run(command + "1048577").status == kExitUsage);
  BOOST_TEST(run(command + "0x100000").status == kExitUsage);  // as lastword-dump has it
  BOOST_TEST(run("inspect --metadata-offset 1048576 " + image.path()).status == kExitOk);
}

BOOST_AUTO_TEST_CASE(dump_of_this_cluster_has_its_nodes_name_and_directory) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  configure(kCluster);
  BOOST_TEST(run("recover " + image.path()).status == kExitOk);
  const auto names = names_in((image.directory() / "alpha").string());
  BOOST_TEST_REQUIRE(names.size() == 1U);
  BOOST_TEST(names[0].starts_with("alpha-"));
}

BOOST_AUTO_TEST_CASE(dump_that_is_marked_by_hand_is_kept_in_the_history_once) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  configure(kCluster);
  const auto kept = [&] { return content_of(image.directory() / "lib/history-1"); };
  BOOST_TEST(run("recover --no-mark " + image.path()).status == kExitOk);
  BOOST_TEST(!std::filesystem::exists(image.directory() / "lib"));
  BOOST_TEST(run("recover " + image.path()).status == kExitOk);
  const std::string once = kept();
  BOOST_TEST(contains(once, "\"event\":\"dump-recovered\""), once);
  BOOST_TEST(contains(once, "of alpha: "), once);
  BOOST_TEST(run("recover " + image.path()).status == kExitOk);
  BOOST_TEST(kept() == once);
}

BOOST_AUTO_TEST_CASE(dump_of_another_cluster_is_not_called_one_of_ours) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const std::string folder = make_folder("cores");
  for (const bool configured : {false, true}) {
    if (configured) configure(kOtherCluster);
    const Outcome homeless = run("recover " + image.path());
    BOOST_TEST(homeless.status == kExitUsage);
    BOOST_TEST(contains(homeless.errors, "core_directory for node1.6f1ed002"));
    const Outcome outcome = run("recover --no-mark " + image.path() + " -o " + folder);
    BOOST_TEST(outcome.status == kExitOk);
    BOOST_TEST(contains(outcome.output, "Dump of node1.6f1ed002 "));
    const auto names = names_in(folder);
    BOOST_TEST_REQUIRE(names.size() == 1U);
    BOOST_TEST(names[0].starts_with("node1.6f1ed002-"));
    const auto report = load_report(folder + "/" + names[0] + "/report.json");
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(report->cluster_uuid() == kCluster);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
