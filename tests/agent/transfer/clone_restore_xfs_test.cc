// Snapshots that come back from the secondary, on real XFS file systems, by the program itself; and
// what both servers keep.
#include <sys/stat.h>

#include <cstdio>
#include <sstream>

#include "tests/agent/transfer/servers.h"

namespace lastword::test {
namespace {

struct Restored : Servers {
  std::string first;  // snapshot that both have, and then only the secondary

  Restored() {
    make_tree();
    first = snapshot();
    BOOST_TEST(push().status == 0);
  }
  Outcome restore(const std::string& uuid, const std::string& options = "") {
    return run(path_with_ssh() + LASTWORD_PROGRAM " clone restore --json " + options +
               " backup:" + secondary.path() + " " + set + "@" + uuid);
  }
  void forget(const std::string& uuid) {
    const std::string directory = set + "/snapshots/" + uuid;
    BOOST_REQUIRE(run("chattr -i " + directory + "/* && rm -r " + directory).status == 0);
  }
  // `name` here is what the secondary's snapshot has.
  bool is(const std::string& name, const std::string& uuid, const std::string& volume) {
    return run("cmp " + set + "/" + name + " " + copy + "/snapshots/" + uuid + "/" + volume)
               .status == 0;
  }
  static std::uint64_t number(const Outcome& outcome, const std::string& key) {
    const auto at = outcome.output.find("\"" + key + "\": ");
    BOOST_REQUIRE(at != std::string::npos);
    return std::stoull(outcome.output.substr(at + key.size() + 4));
  }
  // The block at byte 4096, below the file system, as a disk would.
  static void damage(XfsImage& pool, const std::string& file) {
    std::istringstream map(run("xfs_io -r -c fiemap " + file).output);
    unsigned long first = 0;
    unsigned long last = 0;
    unsigned long sector = 0;
    bool found = false;
    for (std::string line; !found && std::getline(map, line);) {
      found = std::sscanf(line.c_str(), " %*u: [%lu..%lu]: %lu..", &first, &last, &sector) == 3 &&
              first <= 8 && 8 <= last;
    }
    BOOST_REQUIRE(found);
    const std::string device = run("findmnt -no SOURCE " + pool.path()).output;
    BOOST_REQUIRE(
        run("sync; printf X | dd conv=notrunc bs=512 seek=" + std::to_string(sector + 8 - first) +
            " of=" + device.substr(0, device.find('\n')) + " && sync")
            .status == 0);
    BOOST_REQUIRE(pool.remount());
  }
  std::uint64_t inode(const std::string& name) {
    struct stat info {};
    BOOST_REQUIRE(::stat((set + "/" + name).c_str(), &info) == 0);
    return info.st_ino;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_restore_xfs)

BOOST_AUTO_TEST_CASE(into_new_volumes_with_only_what_differs_from_the_common_snapshot) {
  REQUIRE_XFS();
  Restored servers;
  servers.write("clone1", 3 << 20, 8192);
  const std::string second = servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.forget(second);
  std::filesystem::remove(servers.set + "/snapshots/latest");
  std::filesystem::create_symlink(servers.first, servers.set + "/snapshots/latest");
  const std::string before = run("sha256sum < " + servers.set + "/clone2").output;
  const Outcome outcome = servers.restore(second, "--volume clone1");
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(Restored::number(outcome, "data_bytes") == 8192U);
  BOOST_TEST(servers.is("clone1.restored", second, "clone1"));
  BOOST_TEST(!std::filesystem::exists(servers.set + "/clone2.restored"));
  BOOST_TEST(run("sha256sum < " + servers.set + "/clone2").output == before);
  // An old one that comes back is not the newest.
  BOOST_TEST(std::filesystem::read_symlink(servers.set + "/snapshots/latest") == servers.first);
  const Outcome twice = servers.restore(second, "--volume clone1");
  BOOST_TEST(twice.status == kExitRefused);
  BOOST_TEST(contains(twice.errors, "is there already"));
}

BOOST_AUTO_TEST_CASE(rollback_makes_the_volumes_what_they_were_and_keeps_what_they_are) {
  REQUIRE_XFS();
  Restored servers;
  servers.write("clone1", 0, 4 << 20);
  servers.write("clone1", 30 << 20, 4096);  // it has grown
  servers.write("gold", 1 << 20, 4096);
  std::filesystem::remove(servers.set + "/clone2");
  const std::string changed = run("sha256sum < " + servers.set + "/clone1").output;
  const std::uint64_t inode = servers.inode("clone1");
  const Outcome outcome = servers.restore(servers.first, "--rollback");
  BOOST_TEST(outcome.status == 0);
  for (const char* name : {"clone1", "clone2", "gold", "sparse", "zeros"}) {
    BOOST_TEST(servers.is(name, servers.first, name), name);
  }
  BOOST_TEST(servers.inode("clone1") == inode);
  BOOST_TEST(!contains(outcome.output, "\"stream_bytes\""));  // the snapshot was here
  const std::string key = "\"before_uuid\": \"";
  const std::string kept = outcome.output.substr(outcome.output.find(key) + key.size(), 36);
  BOOST_TEST(run("sha256sum < " + servers.set + "/snapshots/" + kept + "/clone1").output ==
             changed);
  // Written as ever, and not through to the snapshot.
  servers.write("clone1", 0, 4096);
  BOOST_TEST(lastword("clone verify " + servers.set + "@" + servers.first).status == 0);
}

BOOST_AUTO_TEST_CASE(damaged_volume_without_common_snapshot_costs_its_ranges) {
  REQUIRE_XFS();
  Restored servers;
  servers.forget(servers.first);
  BOOST_TEST(run("rm -r " + servers.set + "/snapshots").status == 0);
  servers.write("gold", 9 << 20, 4096);
  servers.write("clone1", 20 << 20, 4096);
  const Outcome outcome = servers.restore(servers.first, "--rollback");
  BOOST_TEST(outcome.status == 0);
  // Two ranges, of which all but what differs is shared between gold and the clones.
  BOOST_TEST(Restored::number(outcome, "data_bytes") <= 2U << 20);
  for (const char* name : {"clone1", "clone2", "gold"}) {
    BOOST_TEST(servers.is(name, servers.first, name), name);
  }
}

BOOST_AUTO_TEST_CASE(damaged_base_is_found_and_hashes_do_without_it) {
  REQUIRE_XFS();
  Restored servers;
  servers.write("clone1", 3 << 20, 8192);
  const std::string second = servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.forget(second);
  Restored::damage(servers.primary, servers.set + "/snapshots/" + servers.first + "/gold");
  const Outcome damaged = servers.restore(second);
  BOOST_TEST(damaged.status == kExitCorrupt);
  BOOST_TEST(!std::filesystem::exists(servers.set + "/gold.restored"));
  servers.forget(second);
  const Outcome outcome = servers.restore(second, "--by-hashes");
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(Restored::number(outcome, "data_bytes") <= 2U << 20);
  BOOST_TEST(servers.is("gold.restored", second, "gold"));
  BOOST_TEST(servers.is("clone1.restored", second, "clone1"));
}

BOOST_AUTO_TEST_CASE(lost_set_comes_back_whole) {
  REQUIRE_XFS();
  Restored servers;
  BOOST_TEST(run("chattr -R -i " + servers.set + "; rm -r " + servers.set).status == 0);
  const Outcome outcome = servers.restore(servers.first, "--rollback");
  BOOST_TEST(outcome.status == 0);
  for (const char* name : {"clone1", "clone2", "gold", "sparse", "zeros"}) {
    BOOST_TEST(servers.is(name, servers.first, name), name);
  }
  servers.write("clone1", 0, 4096);
  (void)servers.snapshot();
  const Outcome again = servers.push("--json");
  BOOST_TEST(again.status == 0);
  BOOST_TEST(contains(again.output, "\"base_uuid\": \"" + servers.first + "\""));
}

BOOST_AUTO_TEST_CASE(what_is_in_use_or_nowhere_is_refused_and_nothing_changes) {
  REQUIRE_XFS();
  Restored servers;
  servers.write("clone1", 0, 4096);
  const std::string before = servers.state_of(servers.set);
  const int fd = ::open((servers.set + "/clone1").c_str(), O_RDWR | O_CLOEXEC);
  const Outcome used = servers.restore(servers.first, "--rollback");
  ::close(fd);
  BOOST_TEST(used.status == kExitRefused);
  BOOST_TEST(contains(used.errors, "is open for writing"));
  const Outcome nowhere = servers.restore("11111111-1111-4111-8111-111111111111");
  BOOST_TEST(nowhere.status == kExitRefused);
  BOOST_TEST(contains(nowhere.errors, "neither server has this snapshot"));
  BOOST_TEST(servers.state_of(servers.set) == before);
}

BOOST_AUTO_TEST_CASE(verify_against_the_other_side_names_what_differs) {
  REQUIRE_XFS();
  Restored servers;
  const std::string verify = servers.path_with_ssh() + LASTWORD_PROGRAM " clone verify " +
                             servers.set + " --against backup:" + servers.secondary.path();
  BOOST_TEST(contains(run(verify).output, "the same there"));
  Restored::damage(servers.secondary, servers.copy + "/snapshots/" + servers.first + "/clone1");
  const Outcome differs = run(verify);
  BOOST_TEST(differs.status == kExitCorrupt);
  BOOST_TEST(contains(differs.output, "clone1: 1048576 bytes at byte 0 differ on backup"));
  BOOST_TEST(std::ranges::count(differs.output, '\n') == 2);
}

BOOST_AUTO_TEST_CASE(prune_keeps_the_last_common_snapshot) {
  REQUIRE_XFS();
  Restored servers;
  for (int i = 0; i < 3; ++i) {
    servers.write("clone1", 0, 4096);
    (void)servers.snapshot();
  }
  const std::uint64_t before = servers.distinct(servers.primary.path());
  const Outcome outcome = lastword("clone prune --keep 1 " + servers.set);
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(contains(outcome.output, "kept " + servers.first));
  BOOST_TEST(std::ranges::count(outcome.output, '\n') == 3);
  BOOST_TEST(std::ranges::count(lastword("clone snapshots " + servers.set).output, '\n') == 2);
  BOOST_TEST(servers.distinct(servers.primary.path()) < before);
  const Outcome push = servers.push("--json");
  BOOST_TEST(contains(push.output, "\"base_uuid\": \"" + servers.first + "\""));
  // By then another one is the last common.
  BOOST_TEST(lastword("clone prune --keep 1 " + servers.set).status == 0);
  BOOST_TEST(std::ranges::count(lastword("clone snapshots " + servers.set).output, '\n') == 1);
  // And the same there.
  BOOST_TEST(lastword("clone prune --keep 1 " + servers.copy).status == 0);
  BOOST_TEST(std::ranges::count(lastword("clone snapshots " + servers.copy).output, '\n') == 1);
  servers.same();
  BOOST_TEST(lastword("clone prune --keep 0 " + servers.set).status == kExitUsage);
}

BOOST_AUTO_TEST_CASE(promoted_snapshot_can_be_written_and_increments_still_come) {
  REQUIRE_XFS();
  Restored servers;
  const Outcome outcome = lastword("clone promote " + servers.copy + "@" + servers.first);
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(std::ranges::count(outcome.output, '\n') == 5);
  BOOST_TEST(run("cmp " + servers.set + "/gold " + servers.copy + "/gold").status == 0);
  BOOST_TEST(run("printf X | dd conv=notrunc of=" + servers.copy + "/gold").status == 0);
  BOOST_TEST(lastword("clone verify " + servers.copy).status == 0);
  const Outcome twice = lastword("clone promote " + servers.copy + "@" + servers.first);
  BOOST_TEST(twice.status == kExitRefused);
  BOOST_TEST(contains(twice.errors, "is there already"));
  servers.write("clone1", 0, 4096);
  (void)servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.same();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
