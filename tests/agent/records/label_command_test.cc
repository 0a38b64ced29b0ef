// The programs as an operator runs them: output, exit status, and nothing changed on a refusal.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proto/crc32c.h"
#include "proto/error.h"
#include "proto/layout.h"
#include "tests/agent/records/label_program.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(label_command)

BOOST_AUTO_TEST_CASE(labelled_image_can_be_inspected) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image.path() + " --role spare").status == kExitOk);
  const Outcome text = run("inspect " + image.path());
  BOOST_TEST(text.status == kExitOk);
  BOOST_TEST(contains(text, "label: slot 0 counts, owned by no node"));
  BOOST_TEST(contains(text, "coredump header: slot 0 counts, INACTIVE"));
  const Outcome json = run("inspect " + image.path() + " --json");
  BOOST_TEST(json.status == kExitOk);
  BOOST_TEST(contains(json, "\"role\": \"SPARE\""));
  BOOST_TEST(contains(json, "\"attribute\": \"INACTIVE\""));
}

BOOST_AUTO_TEST_CASE(one_refused_disk_keeps_all_from_being_labelled) {
  const ImageFile clean(kSize);
  const ImageFile used(kSize);
  write_ext4(used, 0, "home");
  const std::string before[]{clean.content(), used.content()};
  const Outcome outcome = label(clean.path() + " " + used.path() + " --role service");
  BOOST_TEST(outcome.status == kExitRefused);
  BOOST_TEST(contains(outcome, used.path() + ": refused: ext4 file system \"home\""));
  BOOST_TEST((clean.content() == before[0]));
  BOOST_TEST((used.content() == before[1]));
}

BOOST_AUTO_TEST_CASE(force_needs_the_name_of_the_disk_typed_out) {
  const ImageFile image(kSize);
  const ImageFile other(kSize);
  write_ext4(image, 0);
  const std::string before = image.content();
  for (const std::string& force : {std::string("yes"), other.path(), image.path() + "/"}) {
    const Outcome outcome = label(image.path() + " --role spare --force " + force);
    BOOST_TEST(outcome.status == kExitUsage);
    BOOST_TEST(contains(outcome, "--force takes the name of the one disk"));
  }
  BOOST_TEST(
      label(image.path() + " " + other.path() + " --role spare --force " + image.path()).status ==
      kExitUsage);
  BOOST_TEST((image.content() == before));
  const Outcome forced = label(image.path() + " --role spare --force " + image.path());
  BOOST_TEST(forced.status == kExitOk);
  BOOST_TEST(contains(forced, "overridden: ext4 file system"));
}

BOOST_AUTO_TEST_CASE(same_disk_twice_is_refused) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image.path() + " " + image.path() + " --role spare").status == kExitUsage);
  const std::string link = image.path() + ".link";
  std::filesystem::create_hard_link(image.path(), link);
  BOOST_TEST(label(image.path() + " " + link + " --role spare").status == kExitUsage);
  BOOST_TEST(run("inspect " + image.path()).status == kExitNo);
}

BOOST_AUTO_TEST_CASE(disk_whose_gpt_is_damaged_is_refused) {
  const ImageFile image(kSize);
  BOOST_REQUIRE(label(image.path() + " --role spare").status == kExitOk);
  constexpr std::uint64_t kSector = 512;
  for (const std::uint64_t header : {kSector, kSize - kSector}) {
    std::fstream file(image.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(header + 16));  // its CRC32
    file.write("XXXX", 4);
  }
  const std::string before = image.content();
  const Outcome outcome = label(image.path() + " --role dump");
  BOOST_TEST(outcome.status == kExitRefused);
  BOOST_TEST(contains(outcome, "refused"));
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(disk_that_another_program_has_locked_is_refused) {
  const ImageFile image(kSize);
  const FileDescriptor held(::open(image.path().c_str(), O_RDONLY | O_CLOEXEC));
  BOOST_REQUIRE(::flock(held.get(), LOCK_EX) == 0);
  const Outcome outcome = label(image.path() + " --role spare");
  BOOST_TEST(outcome.status == kExitRefused);
  BOOST_TEST(contains(outcome, "another program is at work on it"));
  BOOST_TEST(run("inspect " + image.path()).status == kExitNo);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused_before_anything_is_read) {
  BOOST_TEST(run("label /nonexistent --role mailbox").status == kExitUsage);
  BOOST_TEST(label("/nonexistent --role mailbox").status == kExitUsage);
  BOOST_TEST(label("/nonexistent --role fish").status == kExitUsage);
  BOOST_TEST(run("label /nonexistent --role spare --cluster mine --home-id 1").status ==
             kExitUsage);
  const Outcome nil =
      run("label /nonexistent --role mailbox --cluster 00000000-0000-0000-0000-000000000000");
  BOOST_TEST(nil.status == kExitUsage);
  BOOST_TEST(contains(nil, "still is the example's placeholder"));
  BOOST_TEST(label("/nonexistent --role spare").status == kExitIo);
}

BOOST_AUTO_TEST_CASE(configuration_names_cluster_and_home) {
  const ImageFile image(kSize);
  const auto config = image.directory() / "lastword.toml";
  std::ofstream(config) << "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\n"
                           "node = \"alpha\"\n[nodes.alpha]\nid = 7\n[nodes.beta]\nid = 9\n";
  const std::string with = " --config " + config.string();
  BOOST_TEST(run("label " + image.path() + " --role spare --home gamma" + with).status ==
             kExitUsage);
  BOOST_TEST(run("label " + image.path() + " --role spare --home beta" + with).status == kExitOk);
  BOOST_TEST(contains(run("inspect " + image.path()), "home_node: 9"));
}

// The disks in front of the bad ones are not labelled, and the bad ones behind the first are told.
BOOST_AUTO_TEST_CASE(every_obstacle_is_told_before_anything_is_written) {
  const ImageFile good(kSize);
  const ImageFile used(kSize);
  const ImageFile small(kMiB);
  write_ext4(used, 0, "home");
  const std::string names =
      good.path() + " /nonexistent " + used.path() + " " + small.path() + " " + good.path();
  for (const char* dry : {"", " --dry-run"}) {
    const Outcome outcome = label(names + " --role spare" + dry);
    BOOST_TEST(outcome.status == kExitIo);  // of the first one
    BOOST_TEST(contains(outcome, "/nonexistent"));
    BOOST_TEST(contains(outcome, "ext4"));
    BOOST_TEST(contains(outcome, "too small"));
    BOOST_TEST(contains(outcome, "are the same disk"));
    BOOST_TEST(contains(outcome, "none of the 5 disks was labelled") == (*dry == '\0'));
    BOOST_TEST((good.content() == std::string(kSize, '\0')));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(inspect_command)

BOOST_AUTO_TEST_CASE(disk_that_is_not_labelled_is_a_no) {
  const ImageFile image(kSize);
  const Outcome outcome = run("inspect " + image.path());
  BOOST_TEST(outcome.status == kExitNo);
  BOOST_TEST(contains(outcome, "not labelled"));
}

BOOST_AUTO_TEST_CASE(torn_newer_slot_is_shown_and_the_older_counts) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image.path() + " --role spare").status == kExitOk);
  std::string newer = image.read(kMiB, kBlockBytes);
  newer[16] = 2;  // the sequence, so that the CRC no longer fits
  image.write(kMiB + kSlotDistanceBytes, newer);
  const Outcome outcome = run("inspect " + image.path());
  BOOST_TEST(outcome.status == kExitOk);
  BOOST_TEST(contains(outcome, "slot 1 at byte 1114112: wrong CRC"));
  BOOST_TEST(contains(outcome, "label: slot 0 counts"));
}

BOOST_AUTO_TEST_CASE(damaged_record_is_corrupt) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image.path() + " --role spare").status == kExitOk);
  image.write(kMiB + 40, "?");
  const std::string before = image.content();
  const Outcome outcome = run("inspect " + image.path());
  BOOST_TEST(outcome.status == kExitCorrupt);
  BOOST_TEST(contains(outcome, "problem: label: corrupt"));
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(record_of_a_newer_version_is_told_from_a_damaged_one) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image.path() + " --role spare").status == kExitOk);
  std::string block = image.read(kMiB, kBlockBytes);
  block[12] = 2;  // format version
  std::uint32_t length = 0;
  std::memcpy(&length, block.data() + 24, sizeof length);
  const auto bytes = std::as_bytes(std::span(block)).first(28 + length);
  block.replace(28 + length, 4, little_endian(crc32c(bytes), 4));
  image.write(kMiB, block);
  const Outcome outcome = run("inspect " + image.path());
  BOOST_TEST(outcome.status == kExitCorrupt);
  BOOST_TEST(contains(outcome, "slot 0 at byte 1048576: newer version, version 2"));
  // And it is not overwritten, whatever the force.
  const std::string before = image.content();
  const Outcome forced = label(image.path() + " --role spare --force " + image.path());
  BOOST_TEST(forced.status == kExitRefused);
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_CASE(missing_disk_is_an_io_error) {
  BOOST_TEST(run("inspect /nonexistent").status == kExitIo);
}

BOOST_AUTO_TEST_SUITE_END()
