// What `lastword label` does not destroy, and how it says what keeps it.
#include <boost/test/unit_test.hpp>

#include "proto/error.h"
#include "tests/agent/records/label_program.h"
#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"

using namespace lastword;
using namespace lastword::test;

namespace {

// A GPT with one partition that holds a file system.
void write_gpt_with_ext4(const ImageFile& image) {
  write_foreign_gpt(image, 512, {{kMiB, 8 * kMiB}});
  write_ext4(image, kMiB, "home");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_keeps)

BOOST_AUTO_TEST_CASE(file_system_whose_partition_table_is_lost) {
  for (const std::uint64_t begin : {std::uint64_t{63 * 512}, kMiB, 2 * kMiB}) {
    const ImageFile image(kSize);
    write_ext4(image, begin, "home");
    const std::string before = image.content();
    for (const std::string role : {"service", "spare"}) {
      const Outcome outcome = label(image.path() + " --role " + role);
      BOOST_TEST(outcome.status == kExitRefused);
      BOOST_TEST(contains(outcome, "ext4 file system \"home\""));
    }
    BOOST_TEST((image.content() == before));
  }
}

BOOST_AUTO_TEST_CASE(partitions_of_a_gpt_by_naming_the_way_that_keeps_them_first) {
  const ImageFile image(kSize);
  write_gpt_with_ext4(image);
  const Outcome outcome = label(image.path() + " --role service");
  BOOST_TEST(outcome.status == kExitRefused);
  const auto keeps = outcome.output.find("--adopt keeps");
  const auto destroys = outcome.output.find("--force");
  BOOST_TEST(keeps != std::string::npos);
  BOOST_TEST(keeps < destroys);
}

BOOST_AUTO_TEST_CASE(what_was_adopted_unless_wipe_is_typed_too) {
  const ImageFile image(kSize);
  write_gpt_with_ext4(image);
  BOOST_TEST(label(image.path() + " --role service --adopt --force " + image.path()).status ==
             kExitOk);
  const std::string before = image.content();
  const Outcome forced = label(image.path() + " --role spare --force " + image.path());
  BOOST_TEST(forced.status == kExitRefused);
  BOOST_TEST(contains(forced, "--adopt keeps it, --wipe destroys it"));
  BOOST_TEST((image.content() == before));
  const std::string all = image.path() + " --role spare --wipe";
  BOOST_TEST(label(all).status == kExitUsage);
  BOOST_TEST(label(all + " --force " + image.path()).status == kExitOk);
}

BOOST_AUTO_TEST_CASE(everything_on_a_dry_run) {
  const ImageFile image(kSize);
  write_gpt_with_ext4(image);
  const std::string before = image.content();
  BOOST_TEST(label(image.path() + " --role service --dry-run").status == kExitRefused);
  const Outcome forced = label(image.path() + " --role service --dry-run --force " + image.path());
  BOOST_TEST(forced.status == kExitOk);
  BOOST_TEST(contains(forced, "would be overridden: ext4 file system"));
  BOOST_TEST(contains(forced, "at byte 1048576"));
  BOOST_TEST((image.content() == before));
}

BOOST_AUTO_TEST_SUITE_END()
