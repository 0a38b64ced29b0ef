// A snapshot from one thin pool into another, by the commands of LVM that each side gives: it
// arrives whole, or nothing of it is left.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/thin_send.h"
#include "agent/transfer/thin_snapshot.h"
#include "agent/transfer/thin_staging.h"
#include "tests/agent/transfer/fake_lvm.h"
#include "tests/agent/transfer/file_discards.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword {
namespace {

using Stream = std::vector<std::byte>;

struct Fixture {
  fake::FakeLvm here;
  fake::FakeLvm there;
  test::VirtualExecutor executor;
  ThinStaging::Options how_staged;

  // A golden image that was overwritten since, and clones of clones.
  void make_tree() {
    here.create("golden", 6);
    for (const std::uint64_t block : {0U, 1U, 2U}) here.fill("golden", block);
    here.clone("golden", "c1");
    here.fill("c1", 1);
    here.clone("c1", "c1a");
    here.fill("c1a", 4);
    here.clone("golden", "c2");
    here.fill("golden", 0);
  }
  std::string snapshot() {
    executor.sleep(milliseconds(1000));
    const auto taken = take_thin_snapshot(here, here.place, executor);
    BOOST_REQUIRE(fake::ok(taken));
    return taken->uuid();
  }
  Stream send(const std::string& from = {}) {
    Stream stream;
    SendRequest request;
    request.base = from;
    request.codec = *CodecSetting::parse("none");
    request.output = [&](std::span<const std::byte> bytes) -> Status {
      stream.insert(stream.end(), bytes.begin(), bytes.end());
      return {};
    };
    BOOST_REQUIRE(fake::ok(send_thin(here, here.place, request)));
    return stream;
  }
  Result<pb::CloneTransfer> receive(const Stream& stream, const ReceiveOptions& how = {}) {
    ThinStaging staging(there, there.place, how_staged);
    SectionReader in([&stream, at = std::size_t{0}](std::span<std::byte> buffer) mutable {
      const std::size_t count = std::min(buffer.size(), stream.size() - at);
      std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), count, buffer.begin());
      at += count;
      return Result<std::size_t>(count);
    });
    return receive_stream(in, staging, how);
  }
  void arrived(const std::string& uuid) {
    const auto pool = examine_thin_pool(there, there.place);
    BOOST_REQUIRE(fake::ok(pool));
    BOOST_REQUIRE(!whole_snapshots(*pool).empty());
    BOOST_TEST(whole_snapshots(*pool).back().uuid == uuid);
    BOOST_TEST(left_over(*pool).empty());
    BOOST_TEST((common_snapshots(*pool) == std::vector<std::string>{uuid}));
    const auto loaded = load_thin_snapshot(there, *pool, uuid);
    BOOST_REQUIRE(fake::ok(loaded));
    BOOST_TEST(fake::ok(check_unmodified(*loaded, *read_maps(there, *pool))));
    for (std::size_t i = 0; i < loaded->members.size(); ++i) {
      BOOST_TEST(!loaded->members[i].writable);
      BOOST_TEST(!loaded->members[i].active);
      const std::string name = member_name(uuid, i);
      BOOST_TEST((there.content_of(name) == here.content_of(name)));
    }
  }
  void refused(const Stream& stream, Code code, std::string_view why) {
    const std::string before = there.state();
    there.done.clear();
    const auto done = receive(stream);
    BOOST_TEST_REQUIRE(fake::fails(done, code));
    const std::string told = describe(done.error());
    BOOST_TEST(told.find(why) != told.npos, told);
    BOOST_TEST(there.state() == before);
    BOOST_TEST(there.count("lvcreate") == 0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_transfer, Fixture)

BOOST_AUTO_TEST_CASE(tree_arrives_and_shares_there_as_here) {
  make_tree();
  const std::string uuid = snapshot();
  const auto done = receive(send());
  BOOST_REQUIRE(fake::ok(done));
  arrived(uuid);
  BOOST_TEST(done->volumes() == 4U);
  BOOST_TEST(done->unshared_bytes() == 0U);
  // But for the records of both.
  const auto used = [&](fake::FakeLvm& pool) {
    pool.find(record_name(uuid))->tags.clear();
    pool.volumes.erase(std::ranges::find(pool.volumes, record_name(uuid), &LvmVolume::name));
    return pool.used_blocks();
  };
  BOOST_TEST(used(there) == used(here));
}

BOOST_AUTO_TEST_CASE(increment_begins_as_its_base) {
  make_tree();
  const std::string first = snapshot();
  BOOST_REQUIRE(fake::ok(receive(send())));
  here.fill("c2", 3);
  const std::string second = snapshot();
  const auto done = receive(send(first));
  BOOST_REQUIRE(fake::ok(done));
  BOOST_TEST(done->data_bytes() == fake::FakeLvm::kBlock);
  arrived(second);
}

BOOST_AUTO_TEST_CASE(more_volumes_than_are_open_at_a_time) {
  for (std::size_t i = 0; i < kMostOpenVolumes + 3; ++i) {
    here.create("v" + std::to_string(100 + i), 1);
    here.fill("v" + std::to_string(100 + i), 0);
  }
  const std::string uuid = snapshot();
  BOOST_REQUIRE(fake::ok(receive(send())));
  arrived(uuid);
}

BOOST_AUTO_TEST_CASE(pool_that_cannot_take_it_is_left_as_it_was) {
  make_tree();
  (void)snapshot();
  const Stream stream = send();
  there.held = true;
  refused(stream, Code::kRefused, "somebody else has reserved");
  there.held = false;
  there.mode = "ro";
  refused(stream, Code::kRefused, "takes no writes");
  there.mode = "rw";
  there.discards = "ignore_discard";
  refused(stream, Code::kRefused, "ignores discards");
  there.discards = "no_discard_passdown";
  there.tags = {"lastword.set=55555555-5555-4555-8555-555555555555"};
  refused(stream, Code::kRefused, "another set");
  there.tags.clear();
  there.data_all = 10;
  refused(stream, Code::kNoSpace, "bytes are needed");
  there.data_all = 4096;
  there.metadata_used = there.metadata_all - 1024;
  refused(stream, Code::kNoSpace, "lvextend --poolmetadatasize");
  there.metadata_used = 100;
  BOOST_REQUIRE(fake::ok(receive(stream)));
  refused(stream, Code::kRefused, "is here already");
}

BOOST_AUTO_TEST_CASE(base_that_is_not_what_it_was_is_refused) {
  make_tree();
  const std::string first = snapshot();
  const Stream all = send();
  here.fill("c2", 3);
  (void)snapshot();
  const Stream stream = send(first);
  refused(stream, Code::kRefused, "has no snapshot");
  BOOST_REQUIRE(fake::ok(receive(all)));
  LvmVolume& member = *there.find(member_name(first, 2));
  member.open = true;
  refused(stream, Code::kRefused, "is in use");
  member.open = false;
  member.writable = true;
  refused(stream, Code::kRefused, "was made writable");
  member.writable = false;
  there.fill(member.name, 5);
  refused(stream, Code::kRefused, "was modified since the snapshot");
}

BOOST_AUTO_TEST_CASE(stream_that_breaks_off_leaves_nothing) {
  make_tree();
  here.create("large", 50);
  here.fill_all("large");
  (void)snapshot();
  const Stream stream = send();
  const std::string before = there.state();
  for (std::size_t part = 1; part < 8; ++part) {
    const Stream cut(stream.begin(),
                     stream.begin() + static_cast<std::ptrdiff_t>(stream.size() * part / 8));
    BOOST_TEST(fake::fails(receive(cut), Code::kCorrupt));
    BOOST_TEST(there.state() == before);
  }
  BOOST_TEST(there.count("lvcreate") > 0);
}

// Whichever command of LVM fails: the snapshot is not there and nothing is left of it, or it is
// there as a whole.
BOOST_AUTO_TEST_CASE(after_any_failure_it_is_there_or_nothing_is) {
  make_tree();
  const std::string uuid = snapshot();
  const Stream stream = send();
  int failures = 0;
  for (int step = 1;; ++step) {
    Fixture one;
    const std::string before = one.there.state();
    one.there.fail_at = step;
    const auto done = one.receive(stream);
    if (done) break;
    ++failures;
    const std::string failed = one.there.done[static_cast<std::size_t>(step) - 1];
    BOOST_TEST_CONTEXT("with an error at: " << failed) {
      if (failed == "release_metadata_snap") one.there.held = false;
      const auto pool = examine_thin_pool(one.there, one.there.place);
      const bool published = !whole_snapshots(*pool).empty();
      BOOST_TEST(published == failed.starts_with("lvremove"));
      if (!published) BOOST_TEST(one.there.state() == before);
      const std::string told = describe(done.error());
      BOOST_TEST((told.find("the snapshot is published; lastword clone abort lvm:va/pool") !=
                  told.npos) == published,
                 told);
      BOOST_TEST(fake::ok(sweep_thin_pool(one.there, *pool)));
      if (published) BOOST_TEST(one.there.find(member_name(uuid, 3)) != nullptr);
    }
  }
  BOOST_TEST(failures > 15);
}

// As where LVM has committed, and then cannot write its backup.
BOOST_AUTO_TEST_CASE(command_that_fails_when_it_is_done_has_published_all_the_same) {
  make_tree();
  const std::string uuid = snapshot();
  const Stream stream = send();
  there.fails_when_done = {"lvchange pool"};
  BOOST_TEST(fake::ok(receive(stream)));
  arrived(uuid);
}

// Ctrl-C then no longer says that nothing was published.
BOOST_AUTO_TEST_CASE(publishing_begins_when_all_is_verified) {
  make_tree();
  (void)snapshot();
  const Stream stream = send();
  bool publishing = false;
  ReceiveOptions how;
  how.publishing = [&] { publishing = true; };
  there.before = [&](const std::string& command) {
    const bool staged = command.find("staged") != command.npos;
    if (command.starts_with("lvcreate")) BOOST_TEST(publishing == !staged, command);
  };
  BOOST_TEST(fake::ok(receive(stream, how)));
  BOOST_TEST(publishing);
  publishing = false;
  there.volumes.clear();
  there.tags.clear();
  there.before = {};
  const Stream cut(stream.begin(), stream.end() - 4096);
  BOOST_TEST(fake::fails(receive(cut, how), Code::kCorrupt));
  BOOST_TEST(!publishing);
}

BOOST_AUTO_TEST_CASE(pool_that_others_fill_meanwhile_ends_it) {
  here.create("large", 50);
  here.fill_all("large");
  (void)snapshot();
  const Stream stream = send();
  how_staged.look_every = fake::FakeLvm::kBlock;
  const std::string before = there.state();
  there.before = [&](const std::string& command) {
    if (command.starts_with("lvcreate")) there.data_all = 1;
  };
  const auto done = receive(stream);
  BOOST_TEST_REQUIRE(fake::fails(done, Code::kNoSpace));
  const std::string told = describe(done.error());
  BOOST_TEST(told.find("nothing was changed") == told.npos, told);
  BOOST_TEST(told.find("what was staged is removed") != told.npos, told);
  there.data_all = 4096;
  BOOST_TEST(there.state() == before);
  BOOST_TEST(there.count("lvcreate") > 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
