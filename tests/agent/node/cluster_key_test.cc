// The key of the links: which files are refused, and that it authenticates.
#include "agent/node/cluster_key.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "agent/base/hmac.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

struct KeyFile {
  void write(const std::string& text, unsigned mode = 0600) const {
    std::ofstream(path) << text;
    BOOST_TEST_REQUIRE(::chmod(path.c_str(), mode) == 0);
  }
  [[nodiscard]] std::string problem() const {
    const auto key = load_cluster_key(path);
    if (key) return {};
    BOOST_TEST((key.error().code == Code::kUsage));
    return describe(key.error());
  }
  [[nodiscard]] bool says(std::string_view part) const {
    const std::string text = problem();
    BOOST_TEST_MESSAGE(text);
    return text.find(part) != std::string::npos;
  }

  TestFolder folder;
  std::string path = folder.file("cluster.key");
  std::string digits = std::string(62, 'a') + "0F";
};

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cluster_key, KeyFile)

BOOST_AUTO_TEST_CASE(new_key_is_for_its_owner_alone_and_can_be_loaded) {
  path = folder.file("etc/cluster.key");
  BOOST_TEST_REQUIRE(fake::ok(make_cluster_key(path)));
  struct stat about {};
  BOOST_TEST_REQUIRE(::stat(path.c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 0777U) == 0600U);
  const auto key = load_cluster_key(path);
  BOOST_TEST_REQUIRE(key.has_value());
  BOOST_TEST(key->size() == kLeastKeyBytes);
}

BOOST_AUTO_TEST_CASE(two_keys_differ_and_none_is_written_over) {
  BOOST_TEST_REQUIRE(fake::ok(make_cluster_key(path)));
  const auto first = load_cluster_key(path);
  const Status again = make_cluster_key(path);
  BOOST_TEST_REQUIRE(!again.has_value());
  BOOST_TEST((again.error().code == Code::kRefused));
  BOOST_TEST((*load_cluster_key(path) == *first));
  BOOST_TEST_REQUIRE(fake::ok(make_cluster_key(folder.file("other"))));
  BOOST_TEST((*load_cluster_key(folder.file("other")) != *first));
}

BOOST_AUTO_TEST_CASE(missing_file_names_the_command_that_makes_it) {
  BOOST_TEST(says("lastword config --new-key"));
}

BOOST_AUTO_TEST_CASE(file_that_others_may_use_is_refused) {
  for (const unsigned mode : {0640U, 0604U, 0660U}) {
    write(digits + "\n", mode);
    BOOST_TEST(says("chmod 600"));
  }
  write(digits + "\n", 0400);
  BOOST_TEST(problem().empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_refused) {
  for (const std::string& text :
       {std::string(), digits.substr(2), digits + "a", digits.substr(0, 62) + "xy",
        digits + " " + digits, std::string(2 * kMostKeyBytes + 2, '0'), "0x" + digits}) {
    write(text);
    BOOST_TEST(says("64 to 128 hexadecimal digits"));
  }
  BOOST_TEST_REQUIRE(std::filesystem::remove(path));
  std::filesystem::create_directory(path);
  BOOST_TEST(says("not a file"));
}

BOOST_AUTO_TEST_CASE(digits_are_bytes) {
  write(digits);
  const auto key = load_cluster_key(path);
  BOOST_TEST_REQUIRE(key.has_value());
  BOOST_TEST((key->front() == std::byte{0xaa}));
  BOOST_TEST((key->back() == std::byte{0x0f}));
}

// RFC 4231, test case 2.
BOOST_AUTO_TEST_CASE(hmac_is_that_of_the_standard) {
  const auto mac = hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"));
  BOOST_TEST_REQUIRE(mac.has_value());
  BOOST_TEST(((*mac)[0] == std::byte{0x5b}));
  BOOST_TEST(((*mac)[1] == std::byte{0xdc}));
  BOOST_TEST(((*mac)[31] == std::byte{0x43}));
}

BOOST_AUTO_TEST_CASE(seal_holds_for_its_key_and_text_only) {
  const Seal seal = seal_with(ClusterKey(32, std::byte{1}));
  const Seal other = seal_with(ClusterKey(32, std::byte{2}));
  const Mac mac = seal.make(bytes_of("text"));
  BOOST_TEST(seal.holds(bytes_of("text"), mac));
  BOOST_TEST(!seal.holds(bytes_of("texts"), mac));
  BOOST_TEST(!other.holds(bytes_of("text"), mac));
  BOOST_TEST(!seal.holds(bytes_of("text"), Mac{}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
