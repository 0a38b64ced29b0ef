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

const std::vector<std::string> kAll{"reserve_metadata_snap", "dump", "release_metadata_snap"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_pool, FakeCommands)

BOOST_AUTO_TEST_CASE(snapshot_is_reserved_dumped_and_released) {
  const auto pool = read_thin_pool(*this, "pool", "/dev/mapper/meta");
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(pool->devices.size() == 1U);
  BOOST_TEST((done == kAll));
}

BOOST_AUTO_TEST_CASE(snapshot_of_somebody_else_is_left_alone) {
  line.replace(line.find(" - rw"), 5, " 118 rw");
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kRefused));
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
    BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kRefused));
  }
  BOOST_TEST(done.empty());
}

BOOST_AUTO_TEST_CASE(one_that_was_not_reserved_is_not_released) {
  fails = "reserve_metadata_snap";
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kIo));
  BOOST_TEST((done == std::vector<std::string>{"reserve_metadata_snap"}));
}

BOOST_AUTO_TEST_CASE(snapshot_is_released_after_any_error) {
  dumped = fail({.code = Code::kIo, .operation = "thin_dump"});
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kIo));
  BOOST_TEST((done == kAll));
  done.clear();
  dumped = {};
  xml = "<wrong/>";
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kCorrupt));
  BOOST_TEST((done == kAll));
}

BOOST_AUTO_TEST_CASE(snapshot_that_stays_is_reported) {
  fails = "release_metadata_snap";
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kIo));
}

BOOST_AUTO_TEST_CASE(cut_dump_of_a_command_that_says_success_is_refused) {
  xml.resize(xml.size() - 5);
  BOOST_TEST(fake::fails(read_thin_pool(*this, "pool", "meta"), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
