// Which commands a pool gets, and that our metadata snapshot never stays.
#include "agent/transfer/thin_pool.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/fake/check.h"

namespace lastword {
namespace {

const std::string kDump =
    R"(<superblock time="0" transaction="1" data_block_size="128" nr_data_blocks="9">)"
    R"(<device dev_id="1" mapped_blocks="1" creation_time="0"><single_mapping origin_block="0" data_block="1" time="0"/></device></superblock>)";

struct FakeCommands : ThinCommands {
  std::string line =
      "0 409600 thin-pool 1 141/1024 25/3200 - rw discard_passdown queue_if_no_space - 1024";
  std::string fails;  // which message
  std::string xml = kDump;
  Status dumped;
  std::vector<std::string> done;

  Result<std::string> status(const std::string&) override { return line; }
  Status message(const std::string&, const std::string& message) override {
    done.push_back(message);
    if (message != fails) return {};
    return fail({.code = Code::kIo, .operation = "dmsetup message"});
  }
  Status dump(const std::string&,
              const std::function<Status(std::span<const char>)>& take) override {
    done.emplace_back("dump");
    if (Status status = take(xml); !status) return status;
    return dumped;
  }
};

const ThinPoolDevice kDevice{.name = "va/pool", .uuid = "LVM-x", .metadata_device = "meta"};
const std::vector<std::string> kAll{"reserve_metadata_snap", "dump", "release_metadata_snap"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_pool, FakeCommands)

BOOST_AUTO_TEST_CASE(snapshot_is_reserved_dumped_and_released) {
  const auto pool = read_thin_pool(*this, kDevice);
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(pool->devices.size() == 1U);
  BOOST_TEST((done == kAll));
}

BOOST_AUTO_TEST_CASE(snapshot_of_somebody_else_is_left_alone) {
  line.replace(line.find(" - rw"), 5, " 118 rw");
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kRefused));
  BOOST_TEST(done.empty());
}

// Linux 6.1.
BOOST_AUTO_TEST_CASE(status_tells_what_is_used) {
  const auto use = parse_thin_status(
      "0 524288 thin-pool 3 115/1024 163/4096 53 rw discard_passdown queue_if_no_space - 256",
      "pool");
  BOOST_REQUIRE(fake::ok(use));
  BOOST_TEST(use->metadata_used == 115U);
  BOOST_TEST(use->metadata_all == 1024U);
  BOOST_TEST(use->data_used == 163U);
  BOOST_TEST(use->data_all == 4096U);
  BOOST_TEST(use->held);
  BOOST_TEST(use->writes);
  BOOST_TEST(use->discards);
  const auto full = parse_thin_status(
      "0 8 thin-pool 3 1/2 4/4 - out_of_data_space ignore_discard queue_if_no_space - 256", "pool");
  BOOST_REQUIRE(fake::ok(full));
  BOOST_TEST(!full->held);
  BOOST_TEST(!full->writes);
  BOOST_TEST(!full->discards);
}

BOOST_AUTO_TEST_CASE(what_is_no_pool_gets_no_message) {
  for (const char* other : {"", "0 8 thin 16 15", "0 409600 thin-pool Fail"}) {
    line = other;
    BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kRefused));
  }
  BOOST_TEST(done.empty());
}

// A metadata snapshot takes metadata, and so does all that is written while it is there.
BOOST_AUTO_TEST_CASE(pool_with_hardly_any_metadata_gets_no_message) {
  line.replace(line.find("141/1024"), 8, "769/1024");
  const auto read = read_thin_pool(*this, kDevice);
  BOOST_TEST_REQUIRE(fake::fails(read, Code::kNoSpace));
  const std::string told = describe(read.error());
  for (const char* part : {"75 percent", "1044480 of 4194304 bytes", "1048576 are needed",
                           "lvextend --poolmetadatasize +16m va/pool"}) {
    BOOST_TEST(told.find(part) != told.npos, told);
  }
  BOOST_TEST(done.empty());
  line.replace(line.find("769/1024"), 8, "768/1024");
  BOOST_TEST(fake::ok(read_thin_pool(*this, kDevice)));
}

BOOST_AUTO_TEST_CASE(of_large_metadata_four_mib_stay_free) {
  ThinPoolUse use{.metadata_used = 99'000, .metadata_all = 100'000};
  BOOST_TEST(metadata_reserve(use) == 1024U);
  BOOST_TEST(fake::fails(check_metadata(use, "va/pool"), Code::kNoSpace));
  BOOST_TEST(fake::fails(check_metadata({}, "va/pool", 1), Code::kNoSpace));
  use.metadata_used = 98'976;
  BOOST_TEST(fake::ok(check_metadata(use, "va/pool")));
  BOOST_TEST(fake::fails(check_metadata(use, "va/pool", 1), Code::kNoSpace));
}

// Whoever does what the message says is not told the same once more.
BOOST_AUTO_TEST_CASE(what_is_to_be_added_is_enough) {
  for (const std::uint64_t all : {512U, 1024U, 4096U, 100'000U}) {
    for (const std::uint64_t needed : {0U, 1U, 5000U, 1'000'000U}) {
      ThinPoolUse use{.metadata_used = all, .metadata_all = all};
      const Status status = check_metadata(use, "va/pool", needed);
      BOOST_TEST_REQUIRE(fake::fails(status, Code::kNoSpace));
      const std::string told = describe(status.error());
      const std::uint64_t mib = std::stoull(told.substr(told.find(" +") + 2));
      use.metadata_all += (mib << 20) / kMetadataBlockBytes;
      BOOST_TEST(fake::ok(check_metadata(use, "va/pool", needed)));
    }
  }
}

BOOST_AUTO_TEST_CASE(one_that_was_not_reserved_is_not_released) {
  fails = "reserve_metadata_snap";
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kIo));
  BOOST_TEST((done == std::vector<std::string>{"reserve_metadata_snap"}));
}

BOOST_AUTO_TEST_CASE(snapshot_is_released_after_any_error) {
  dumped = fail({.code = Code::kIo, .operation = "thin_dump"});
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kIo));
  BOOST_TEST((done == kAll));
  done.clear();
  dumped = {};
  xml = "<wrong/>";
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kCorrupt));
  BOOST_TEST((done == kAll));
}

BOOST_AUTO_TEST_CASE(snapshot_that_stays_is_reported) {
  fails = "release_metadata_snap";
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kIo));
}

BOOST_AUTO_TEST_CASE(cut_dump_of_a_command_that_says_success_is_refused) {
  xml.resize(xml.size() - 5);
  BOOST_TEST(fake::fails(read_thin_pool(*this, kDevice), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
