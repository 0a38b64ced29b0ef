// Clones on real XFS file systems, by the program itself: from a primary to a secondary, whole, in
// increments, and by push.
#include "tests/agent/transfer/servers.h"

namespace lastword::test {

BOOST_AUTO_TEST_SUITE(clone_xfs)

BOOST_AUTO_TEST_CASE(tree_arrives_and_shares_there_as_here) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  const std::string stream = servers.send("--codec none");
  BOOST_TEST(servers.receive(stream).status == 0);
  servers.same();
  // 24 MiB of gold, 3 blocks of its clones, 1 of sparse. The zeros take no space on the secondary.
  const std::uint64_t content = (24 << 20) + 4 * 4096;
  BOOST_TEST(std::filesystem::file_size(stream) < content * 102 / 100);
  BOOST_TEST(servers.distinct(servers.secondary.path()) == content);
  BOOST_TEST(servers.distinct(servers.primary.path()) == content + (4 << 20));
}

BOOST_AUTO_TEST_CASE(list_adds_up_to_what_the_pool_uses) {
  REQUIRE_XFS();
  Servers servers;
  const std::uint64_t empty = servers.used(servers.primary);
  servers.make_tree();
  BOOST_TEST(run("sync -f " + servers.set).status == 0);
  const std::uint64_t blocks = servers.distinct(servers.set);
  const std::uint64_t grown = servers.used(servers.primary) - empty;
  BOOST_TEST(grown >= blocks);
  BOOST_TEST(grown - blocks < 256U << 10);  // the file system's own: inodes, trees
}

BOOST_AUTO_TEST_CASE(increment_sends_what_changed_and_knows_new_clones) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  servers.write("gold", 5 << 20, 4096);  // the origin is overwritten: its clones keep the block
  servers.write("clone1", 20 << 20, 8192);
  servers.clone("clone2", "clone3");
  BOOST_TEST(run("rm " + servers.set + "/zeros").status == 0);
  const std::uint64_t before = servers.distinct(servers.secondary.path());
  (void)servers.snapshot();
  const std::string stream = servers.send("--codec none --from " + first);
  BOOST_TEST(std::filesystem::file_size(stream) < 3 * 4096 + 20 * 4096);
  BOOST_TEST(servers.receive(stream).status == 0);
  servers.same();
  BOOST_TEST(servers.distinct(servers.secondary.path()) == before + 3 * 4096);
  BOOST_TEST(lastword("clone verify " + servers.copy + "@" + first).status == 0);
}

// A set has up to 1024 volumes, and a program 1024 descriptors.
BOOST_AUTO_TEST_CASE(set_of_more_volumes_than_descriptors) {
  REQUIRE_XFS();
  Servers servers;
  for (int i = 0; i < 40; ++i) servers.write("vm" + std::to_string(i), 0, 4096);
  const std::string few = "ulimit -Sn 30; exec " LASTWORD_PROGRAM " clone ";
  const Outcome first = run(few + "snapshot " + servers.set);
  BOOST_TEST(first.status == 0);
  const std::string pipe = " | (" + few + "receive " + servers.secondary.path() + ")";
  BOOST_TEST(run("(" + few + "send " + servers.set + ")" + pipe).status == 0);
  servers.write("vm7", 0, 4096);
  BOOST_TEST(run(few + "snapshot " + servers.set).status == 0);
  const std::string uuid = first.output.substr(0, first.output.find('\n'));
  BOOST_TEST(run("(" + few + "send --from " + uuid + " " + servers.set + ")" + pipe).status == 0);
  servers.same();
}

BOOST_AUTO_TEST_CASE(snapshot_is_read_only_and_keeps_what_was) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string uuid = servers.snapshot();
  const std::string kept = servers.set + "/snapshots/" + uuid;
  const std::string before = run("sha256sum < " + kept + "/gold").output;
  servers.write("gold", 0, 4096);
  BOOST_TEST(run("sha256sum < " + kept + "/gold").output == before);
  BOOST_TEST(run("echo x >> " + kept + "/gold").status != 0);
  BOOST_TEST(run("rm -f " + kept + "/gold").status != 0);
  BOOST_TEST(run("readlink " + servers.set + "/snapshots/latest").output == uuid + "\n");
  BOOST_TEST(contains(lastword("clone list --json " + servers.set).output, uuid));
}

BOOST_AUTO_TEST_CASE(snapshot_of_volumes_that_are_open_but_quiet_is_of_one_point) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string path = servers.set + "/gold";
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const Outcome outcome = lastword("clone snapshot --json " + servers.set);
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(contains(outcome.output, "\"at_one_point\": true"));
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(snapshot_under_writes_says_that_it_is_not_of_one_point) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string stop = servers.folder.file("stop");
  const Outcome outcome =
      run("(while [ ! -e " + stop + " ]; do dd if=/dev/urandom of=" + servers.set +
          "/gold bs=4k count=1 conv=notrunc; done) 2>/dev/null & " LASTWORD_PROGRAM
          " clone snapshot --json " +
          servers.set + "; status=$?; touch " + stop + "; wait; exit $status");
  // dd opens and closes the file all the time: in between it could be held against it.
  if (outcome.status == 0) {
    BOOST_TEST(contains(outcome.output, "\"at_one_point\": true"));
  } else {
    BOOST_TEST(outcome.status == kExitNo);
    BOOST_TEST(contains(outcome.output, "\"at_one_point\": false"));
    BOOST_TEST(contains(outcome.errors, "each is at a moment of its own"));
  }
  BOOST_TEST(servers.receive(servers.send()).status == 0);
}

BOOST_AUTO_TEST_CASE(received_set_is_on_the_disk) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  BOOST_REQUIRE(servers.secondary.remount());
  servers.same();
}

BOOST_AUTO_TEST_CASE(damaged_snapshot_is_named_with_its_place) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string uuid = servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  // Below the file system, as a disk would.
  const std::string clone1 = servers.copy + "/snapshots/" + uuid + "/clone1";
  const Outcome place = run("xfs_io -r -c 'fiemap' " + clone1 + " | sed -n 3p");
  BOOST_TEST(place.status == 0);
  const auto colon = place.output.rfind(": ");
  const std::uint64_t sector = std::stoull(place.output.substr(colon + 2));
  const Outcome device = run("findmnt -no SOURCE " + servers.secondary.path());
  BOOST_REQUIRE(run("sync; printf X | dd conv=notrunc bs=1 seek=$((" + std::to_string(sector) +
                    "*512)) of=" + device.output.substr(0, device.output.find('\n')) + " && sync")
                    .status == 0);
  BOOST_REQUIRE(servers.secondary.remount());
  const Outcome verified = lastword("clone verify " + servers.copy);
  BOOST_TEST(verified.status == kExitCorrupt);
  BOOST_TEST(contains(verified.errors, "is not what the snapshot had"), verified.errors);
}

BOOST_AUTO_TEST_CASE(push_goes_on_from_the_newest_common_snapshot) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.same();
  const Outcome again = servers.push();
  BOOST_TEST(again.status == 0);
  BOOST_TEST(contains(again.errors, "has the newest snapshot, " + first));
  servers.write("clone2", 1 << 20, 4096);
  (void)servers.snapshot();  // never pushed
  servers.write("clone1", 1 << 20, 4096);
  (void)servers.snapshot();
  const Outcome increment = servers.push("--json");
  BOOST_TEST(increment.status == 0);
  BOOST_TEST(contains(increment.output, "\"base_uuid\": \"" + first + "\""));
  BOOST_TEST(contains(increment.output, "\"data_bytes\": 8192"));
  servers.same();
}

// The state is on the disk: whoever mounts it, after a takeover, has all of it.
BOOST_AUTO_TEST_CASE(push_is_continued_by_whoever_has_the_disk) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.write("clone1", 1 << 20, 4096);
  BOOST_REQUIRE(servers.primary.remount());
  (void)servers.snapshot();
  const Outcome outcome = servers.push("--json");
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(contains(outcome.output, "\"base_uuid\": \"" + first + "\""));
  servers.same();
}

BOOST_AUTO_TEST_CASE(push_to_a_receiver_that_refuses_or_is_not_there) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  std::filesystem::create_directories(servers.copy);
  std::ofstream(servers.copy + "/file") << "mine";
  const Outcome refused = servers.push();
  BOOST_TEST(refused.status == kExitRefused);
  BOOST_TEST(contains(refused.errors, "is no set of clones"));
  BOOST_TEST(contains(refused.errors, "the receiver there ended with status 4"));
  BOOST_TEST(lastword("clone push nowhere " + servers.set).status == kExitUsage);
  BOOST_TEST(lastword("clone push -- -oProxyCommand=x:/pool " + servers.set).status == kExitUsage);
  BOOST_TEST(
      run("PATH=/nowhere " LASTWORD_PROGRAM " clone push host:/pool " + servers.set).status ==
      kExitIo);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
