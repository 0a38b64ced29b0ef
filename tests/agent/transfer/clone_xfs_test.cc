// Clones on real XFS file systems, by the program itself: from a primary to a secondary, whole and
// in increments, and everything that is refused. Where the machine cannot mount an XFS, these say
// so and test nothing.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/agent/cli/programs.h"
#include "tests/support/xfs_image.h"

namespace lastword::test {
namespace {

struct Servers {
  XfsImage primary;
  XfsImage secondary;
  TestFolder folder;
  const std::string set = primary.path() + "/db";
  const std::string copy = secondary.path() + "/db";
  std::mt19937_64 random{7};

  Servers() { std::filesystem::create_directories(set); }

  // Changes bytes of a volume; what is behind them stays.
  void write(const std::string& name, std::size_t offset, std::size_t bytes) {
    std::vector<std::uint64_t> words(bytes / 8);
    for (auto& word : words) word = random();
    const std::string path = set + "/" + name;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    BOOST_REQUIRE(::pwrite(fd, words.data(), bytes, static_cast<off_t>(offset)) ==
                  static_cast<ssize_t>(bytes));
    ::close(fd);
  }
  void clone(const std::string& from, const std::string& to) {
    BOOST_REQUIRE(run("cp --reflink=always " + set + "/" + from + " " + set + "/" + to).status ==
                  0);
  }
  // A golden image of 24 MiB, two clones, a sparse volume and one with written zeros.
  void make_tree() {
    write("gold", 0, 24 << 20);
    clone("gold", "clone1");
    clone("gold", "clone2");
    write("clone1", 4096, 8192);
    write("clone2", 10 << 20, 4096);
    write("sparse", 100 << 20, 4096);
    BOOST_REQUIRE(run("dd if=/dev/zero bs=1M count=4 of=" + set + "/zeros").status == 0);
  }
  std::string snapshot() {
    const Outcome outcome = lastword("clone snapshot " + set);
    BOOST_TEST(outcome.status == 0);
    return outcome.output.substr(0, outcome.output.find('\n'));
  }
  // Sends to a file, so that one stream may be received more than once.
  std::string send(const std::string& options = "") {
    const std::string stream = folder.file("stream");
    const Outcome outcome = lastword("clone send " + set + " " + options + " > " + stream);
    BOOST_TEST(outcome.status == 0);
    return stream;
  }
  Outcome receive(const std::string& stream) {
    return lastword("clone receive " + secondary.path() + " < " + stream);
  }
  // Everything below it: names, kinds, times, content.
  std::string state_of(const std::string& directory) {
    return run("cd " + directory +
               " && find . -path './.lastword' -prune -o -printf '%p %y %s %T@ %l\\n' | sort && "
               "find . -type f ! -path './.lastword/*' | sort | xargs -r sha256sum")
        .output;
  }
  void refused(const Outcome& outcome, int status, std::string_view why) {
    BOOST_TEST(outcome.status == status);
    BOOST_TEST(contains(outcome.errors, why), outcome.errors);
    BOOST_TEST(std::ranges::count(outcome.errors, '\n') == 1);
  }
  // The secondary's newest snapshot is what the volumes of the primary are.
  void same() {
    BOOST_TEST(run("for v in " + set + "/*; do [ -d $v ] || cmp $v " + copy +
                   "/snapshots/latest/${v##*/} || exit 1; done")
                   .status == 0);
    BOOST_TEST(lastword("clone verify " + copy).status == 0);
  }
  std::uint64_t distinct(const std::string& directory) {
    const Outcome list = lastword("clone list --json " + directory);
    const std::string key = "\"distinct_bytes\": ";
    const auto at = list.output.find(key);
    BOOST_REQUIRE(at != std::string::npos);
    return std::stoull(list.output.substr(at + key.size()));
  }
  std::uint64_t used(const XfsImage& pool) {
    return std::stoull(run("df -B1 --output=used " + pool.path() + " | tail -1").output);
  }
};

}  // namespace

#define REQUIRE_XFS()                                          \
  if (!XfsImage::possible()) {                                 \
    BOOST_TEST_MESSAGE("skipped: no XFS can be mounted here"); \
    return;                                                    \
  }

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
