// A sender that loses the disks of its set, on a real XFS file system.
#include "agent/transfer/send_run.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "agent/base/executor.h"
#include "agent/transfer/snapshot_run.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"
#include "tests/support/xfs_image.h"

namespace lastword {
namespace {

struct Sender {
  test::XfsImage pool;
  const std::string set = pool.path() + "/db";
  fake::Bytes stream;

  bool prepare() {
    if (!pool.mounted()) return false;
    std::filesystem::create_directories(set);
    std::ofstream(set + "/vm") << std::string(3 << 20, 'x');
    return fake::ok(take_snapshot(set, real_executor()));
  }
  Result<pb::CloneTransfer> send(std::function<Status()> still_held) {
    return send_set({.set = set,
                     .still_held = std::move(still_held),
                     .codec = *CodecSetting::parse("none"),
                     .output = [this](std::span<const std::byte> data) -> Status {
                       stream.insert(stream.end(), data.begin(), data.end());
                       return {};
                     },
                     .progress = {}});
  }
};

Status lost() {
  return fail({.code = Code::kFenced, .operation = "check reservation"});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(send_run, Sender)

BOOST_AUTO_TEST_CASE(disk_that_is_not_held_sends_nothing) {
  if (!prepare()) return;
  BOOST_TEST(fake::fails(send(lost), Code::kFenced));
  BOOST_TEST(stream.empty());
}

BOOST_AUTO_TEST_CASE(disk_that_is_lost_meanwhile_leaves_a_stream_without_end) {
  if (!prepare()) return;
  int looks = 0;
  BOOST_TEST(fake::fails(send([&] { return ++looks == 1 ? Status{} : lost(); }), Code::kFenced));
  BOOST_TEST(looks == 2);
  BOOST_TEST(!stream.empty());
  fake::MemoryStaging staging;
  BOOST_TEST(fake::fails(fake::receive(stream, staging), Code::kCorrupt));
  BOOST_TEST(!staging.published);
}

BOOST_AUTO_TEST_CASE(disk_that_is_held_sends_all) {
  if (!prepare()) return;
  BOOST_TEST(fake::ok(send([] { return Status{}; })));
  fake::MemoryStaging staging;
  BOOST_TEST(fake::ok(fake::receive(stream, staging)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
