// Of many volumes a few are open at a time, and nobody notices.
#include "agent/transfer/thin_files.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

constexpr std::size_t kVolumes = 7;
constexpr std::size_t kBytes = 4096;

struct Fixture {
  test::TestFolder folder;
  ThinFiles files{ThinFile::For::kWriting, 2};

  Fixture() {
    for (std::size_t i = 0; i < kVolumes; ++i) {
      std::ofstream(path(i)) << std::string(kBytes, '\0');
      files.add(path(i));
    }
  }
  [[nodiscard]] std::string path(std::size_t number) const {
    return folder.file(std::to_string(number));
  }
  std::shared_ptr<ThinFile> at(std::size_t number) {
    auto file = files.at(number);
    BOOST_REQUIRE(fake::ok(file));
    BOOST_TEST((*file)->path() == path(number));
    return *file;
  }
  static std::vector<std::byte> filled(std::size_t number) {
    return std::vector<std::byte>(kBytes, static_cast<std::byte>(number + 1));
  }
  static std::size_t descriptors() {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
      (void)one;
      ++count;
    }
    return count;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_files, Fixture)

BOOST_AUTO_TEST_CASE(no_more_than_a_few_are_open) {
  const std::size_t before = descriptors();
  BOOST_TEST(files.open_count() == 0U);
  for (int turn = 0; turn < 3; ++turn) {
    for (std::size_t i = 0; i < kVolumes; ++i) {
      (void)at(i);
      BOOST_TEST(files.open_count() <= 2U);
      BOOST_TEST(descriptors() <= before + 2);
    }
  }
  BOOST_TEST(files.size() == kVolumes);
}

BOOST_AUTO_TEST_CASE(what_was_written_is_read_again) {
  for (std::size_t i = 0; i < kVolumes; ++i) BOOST_TEST(fake::ok(at(i)->write(0, filled(i))));
  for (std::size_t i = kVolumes; i-- > 0;) {
    std::vector<std::byte> now(kBytes);
    BOOST_TEST(fake::ok(at(i)->read(0, now)));
    BOOST_TEST((now == filled(i)));
  }
}

// Else sync() says that it is durable, and nobody has asked its device.
BOOST_AUTO_TEST_CASE(volume_is_synced_before_it_is_closed) {
  const auto first = at(0);
  BOOST_TEST(fake::ok(first->write(0, filled(0))));
  const auto second = at(1);
  BOOST_TEST(fake::ok(second->write(0, filled(1))));
  BOOST_TEST(!first->synced());
  (void)at(2);
  BOOST_TEST(first->synced());
  BOOST_TEST(!second->synced());
  BOOST_TEST(fake::ok(files.sync()));
  BOOST_TEST(second->synced());
}

BOOST_AUTO_TEST_CASE(one_that_nobody_used_for_longest_is_closed) {
  const auto first = at(0);
  (void)at(1);
  BOOST_TEST(at(0) == first);
  (void)at(2);
  BOOST_TEST(at(0) == first);
}

// As source and target of a copy.
BOOST_AUTO_TEST_CASE(one_that_somebody_has_is_read_after_it_was_closed) {
  BOOST_TEST(fake::ok(at(0)->write(0, filled(0))));
  const auto first = at(0);
  for (std::size_t i = 1; i < kVolumes; ++i) (void)at(i);
  std::vector<std::byte> now(kBytes);
  BOOST_TEST(fake::ok(first->read(0, now)));
  BOOST_TEST((now == filled(0)));
}

BOOST_AUTO_TEST_CASE(volume_that_cannot_be_opened_is_named) {
  std::filesystem::remove(path(3));
  const auto file = files.at(3);
  BOOST_TEST_REQUIRE(fake::fails(file, Code::kIo));
  BOOST_TEST(describe(file.error()).find(path(3)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(all_are_closed_at_the_end) {
  const std::size_t before = descriptors();
  (void)at(0);
  files.clear();
  BOOST_TEST(descriptors() == before);
  BOOST_TEST(files.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
