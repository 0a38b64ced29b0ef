// What a receiver of clones refuses, on real XFS file systems, and that nothing has changed then.
#include <sys/file.h>
#include <sys/stat.h>

#include "tests/agent/transfer/servers.h"

namespace lastword::test {

BOOST_AUTO_TEST_SUITE(clone_refusals)

BOOST_AUTO_TEST_CASE(base_that_is_missing_modified_or_in_use_is_refused) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string first = servers.snapshot();
  const std::string all = servers.folder.file("all");
  std::filesystem::copy_file(servers.send(), all);
  servers.write("clone1", 0, 4096);
  (void)servers.snapshot();
  const std::string increment = servers.send("--from " + first);
  servers.refused(servers.receive(increment), kExitRefused,
                  "the base of this increment is not here");
  BOOST_TEST(!std::filesystem::exists(servers.copy));

  BOOST_TEST(servers.receive(all).status == 0);
  const std::string gold = servers.copy + "/snapshots/" + first + "/gold";
  const std::string before = servers.state_of(servers.secondary.path());
  BOOST_REQUIRE(run("chattr -i " + gold).status == 0);
  const std::string now = servers.state_of(servers.secondary.path());
  BOOST_TEST(now == before);
  servers.refused(servers.receive(increment), kExitRefused, "was modified since the snapshot");
  BOOST_TEST(servers.state_of(servers.secondary.path()) == before);
}

BOOST_AUTO_TEST_CASE(base_that_is_mounted_is_refused) {
  REQUIRE_XFS();
  Servers servers;
  servers.write("vm", 0, 4096);
  BOOST_REQUIRE(
      run("truncate -s 300M " + servers.set + "/vm && mkfs.xfs -qf " + servers.set + "/vm")
          .status == 0);
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  servers.write("vm", 200 << 20, 4096);
  (void)servers.snapshot();
  const std::string increment = servers.send("--from " + first);
  const std::string there = servers.folder.file("mounted");
  BOOST_REQUIRE(run("mkdir " + there + " && mount -o loop,ro,norecovery " + servers.copy +
                    "/snapshots/" + first + "/vm " + there)
                    .status == 0);
  servers.refused(servers.receive(increment), kExitRefused, "is in use by /dev/loop");
  BOOST_REQUIRE(run("umount " + there).status == 0);
  BOOST_TEST(servers.receive(increment).status == 0);
  servers.same();
}

BOOST_AUTO_TEST_CASE(error_behind_the_publication_says_that_there_is_a_snapshot) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string uuid = servers.snapshot();
  BOOST_REQUIRE(run("mkdir -p " + servers.copy + "/.lastword/common.json").status == 0);
  const Outcome outcome = servers.receive(servers.send());
  BOOST_TEST(outcome.status != 0);
  BOOST_TEST(contains(outcome.errors, "the snapshot is published"), outcome.errors);
  BOOST_TEST(std::filesystem::exists(servers.copy + "/snapshots/" + uuid + "/gold"));
}

BOOST_AUTO_TEST_CASE(stream_of_another_set_of_that_name_is_refused) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  const std::string before = servers.state_of(servers.secondary.path());
  servers.refused(servers.receive(servers.send()), kExitRefused, "is here already");
  BOOST_REQUIRE(run("rm -r " + servers.set + "/.lastword").status == 0);
  (void)servers.snapshot();
  servers.refused(servers.receive(servers.send()), kExitRefused, "another set of that name");
  BOOST_TEST(servers.state_of(servers.secondary.path()) == before);
}

BOOST_AUTO_TEST_CASE(directory_that_is_no_set_is_left_alone) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  BOOST_REQUIRE(run("mkdir " + servers.copy + " && echo mine > " + servers.copy + "/file").status ==
                0);
  servers.refused(servers.receive(servers.send()), kExitRefused, "is no set of clones");
  BOOST_TEST(content_of(servers.copy + "/file") == "mine\n");
}

BOOST_AUTO_TEST_CASE(stream_that_is_cut_or_spoiled_changes_nothing) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  servers.write("clone1", 12 << 20, 4 << 20);
  (void)servers.snapshot();
  const std::string stream = servers.send("--codec zstd --from " + first);
  const std::string before = servers.state_of(servers.secondary.path());
  BOOST_TEST(run("sync -f " + servers.copy).status == 0);
  const std::uint64_t blocks = servers.used(servers.secondary);
  const std::uint64_t length = std::filesystem::file_size(stream);
  const std::string spoiled = servers.folder.file("spoiled");
  for (std::uint64_t i = 0; i < 6; ++i) {
    std::filesystem::copy_file(stream, spoiled, std::filesystem::copy_options::overwrite_existing);
    const std::uint64_t at = servers.random() % length;
    if (i % 2 == 0) {
      std::filesystem::resize_file(spoiled, at);
    } else {
      std::fstream file(spoiled, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ 0x10);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    }
    const Outcome outcome = servers.receive(spoiled);
    BOOST_TEST((outcome.status == kExitCorrupt || outcome.status == kExitRefused), outcome.errors);
    BOOST_TEST(std::ranges::count(outcome.errors, '\n') == 1);
    BOOST_TEST(servers.state_of(servers.secondary.path()) == before);
  }
  BOOST_TEST(run("sync -f " + servers.copy).status == 0);
  BOOST_TEST(servers.used(servers.secondary) <= blocks + (64 << 10));
  BOOST_TEST(servers.receive(stream).status == 0);
  servers.same();
}

BOOST_AUTO_TEST_CASE(pool_without_room_is_refused_before_the_first_byte) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  const std::string stream = servers.send();
  const std::string fill = servers.secondary.path() + "/fill";
  BOOST_REQUIRE(run("fallocate -l $(($(df -B1 --output=avail " + servers.secondary.path() +
                    " | tail -1) - 20000000)) " + fill)
                    .status == 0);
  servers.refused(servers.receive(stream), kExitIo, "bytes are needed");
  BOOST_TEST(!std::filesystem::exists(servers.copy));
  BOOST_REQUIRE(run("rm " + fill).status == 0);
  BOOST_TEST(servers.receive(stream).status == 0);
}

BOOST_AUTO_TEST_CASE(killed_receiver_leaves_nothing_that_counts) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  const std::string stream = servers.send("--codec none");
  // Half of the stream arrives, then nothing more, and the receiver is killed.
  const std::string pipe = servers.folder.file("pipe");
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const Outcome killed =
      run("exec 3<>" + pipe + "; " LASTWORD_PROGRAM " clone receive " + servers.secondary.path() +
          " <&3 & head -c 12000000 " + stream + " >&3; kill -9 $!; wait $!");
  BOOST_TEST(killed.status == 137);
  BOOST_TEST(!std::filesystem::exists(servers.copy));
  BOOST_TEST(contains(lastword("clone abort " + servers.secondary.path()).output, "is removed"));
  BOOST_TEST(contains(lastword("clone abort " + servers.secondary.path()).output, "nothing was"));
  BOOST_TEST(servers.distinct(servers.secondary.path()) == 0U);
  BOOST_TEST(servers.receive(stream).status == 0);
  servers.same();
}

BOOST_AUTO_TEST_CASE(second_receiver_at_a_time_is_refused) {
  REQUIRE_XFS();
  Servers servers;
  servers.make_tree();
  (void)servers.snapshot();
  const std::string stream = servers.send();
  BOOST_REQUIRE(run("mkdir -m 700 " + servers.secondary.path() + "/.lastword").status == 0);
  const std::string lock = servers.secondary.path() + "/.lastword/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  BOOST_REQUIRE(::flock(fd, LOCK_EX) == 0);
  servers.refused(servers.receive(stream), kExitRefused, "another lastword clone");
  ::close(fd);
  BOOST_TEST(servers.receive(stream).status == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_pool_says_what_one_is) {
  REQUIRE_XFS();
  const TestFolder folder;
  std::filesystem::create_directories(folder.file("set"));
  const Outcome outcome = lastword("clone snapshot " + folder.file("set"));
  BOOST_TEST(outcome.status == kExitIo);
  BOOST_TEST(contains(outcome.errors, "is not on an XFS"));
  const XfsImage plain("512M", "-m reflink=0");
  std::filesystem::create_directories(plain.path() + "/db");
  BOOST_REQUIRE(run("echo 1 > " + plain.path() + "/db/vm").status == 0);
  const Outcome shares = lastword("clone snapshot " + plain.path() + "/db");
  BOOST_TEST(shares.status == kExitIo);
  BOOST_TEST(contains(shares.errors, "mkfs.xfs -m reflink=1"));
  BOOST_TEST(!std::filesystem::exists(plain.path() + "/db/snapshots"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
