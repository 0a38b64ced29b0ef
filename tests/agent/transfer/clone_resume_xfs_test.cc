// Pushes that are interrupted, on real XFS file systems, by the program itself: what is sent again,
// and what is kept, refused and removed.
#include "tests/agent/transfer/servers.h"

namespace lastword::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

struct Resumed : Servers {
  std::uint64_t sent = 0;  // bytes of stream, in all pushes

  // A note is made at 32 MiB.
  void make_large_tree() {
    write("boot", 0, 3 * kMiB);
    write("gold", 0, 48 * kMiB);
    clone("gold", "clone1");
    write("clone1", 20 * kMiB, 8192);
    write("sparse", 300 * kMiB, 4096);
  }
  static constexpr std::uint64_t kContent = 51 * kMiB + 3 * 4096;
  // A push that ends early, and whether the receiver has kept something then.
  bool interrupted(Fault fault, std::uint64_t after) {
    set_fault(fault, after);
    const Outcome outcome = push("--codec none");
    BOOST_TEST(outcome.status != 0);
    BOOST_TEST(!std::filesystem::exists(copy + "/snapshots/latest"));
    sent += after;
    set_fault(Fault::kNone);
    // What stands for ssh outlives a sender that was killed.
    Outcome kept = lastword("clone staged " + secondary.path());
    for (int i = 0; i < 100 && kept.status == kExitRefused; ++i) {
      kept = run("sleep 0.1; " LASTWORD_PROGRAM " clone staged " + secondary.path());
    }
    return !kept.output.empty();
  }
  std::uint64_t stream_bytes(const Outcome& outcome) {
    const std::string key = "\"stream_bytes\": ";
    const auto at = outcome.output.find(key);
    BOOST_REQUIRE(at != std::string::npos);
    return std::stoull(outcome.output.substr(at + key.size()));
  }
  // Goes on, arrives, and sends nothing that was sent but 64 MiB for each interruption.
  void goes_on(std::uint64_t interruptions) {
    const Outcome outcome = push("--codec none --json");
    BOOST_TEST(outcome.status == 0);
    sent += stream_bytes(outcome);
    BOOST_TEST(sent < kContent * 102 / 100 + interruptions * 64 * kMiB);
    same();
    BOOST_TEST(staged().empty());
    BOOST_TEST(!std::filesystem::exists(copy + "/snapshots/latest/.progress.json"));
    BOOST_TEST(!std::filesystem::exists(copy + "/snapshots/latest/.progress.hashes"));
    BOOST_TEST(distinct(secondary.path()) == distinct(primary.path()));
  }
  std::string incoming(const std::string& uuid) {
    return secondary.path() + "/.lastword/incoming-" + uuid;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_resume_xfs)

BOOST_AUTO_TEST_CASE(killed_and_cut_at_many_places_it_arrives) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  (void)servers.snapshot();
  using Fault = Servers::Fault;
  for (const Fault fault : {Fault::kReceiverKilled, Fault::kLinkCut, Fault::kSenderKilled}) {
    const std::string before = servers.staged();
    // The first one past a note; the others end in order, and lose no range.
    const std::uint64_t after = fault == Fault::kReceiverKilled ? 34 * kMiB : 4 * kMiB;
    BOOST_TEST(servers.interrupted(fault, after + servers.random() % (4 * kMiB)));
    BOOST_TEST(servers.staged() != before);
  }
  servers.goes_on(1);
}

BOOST_AUTO_TEST_CASE(power_cut_on_the_receiver_loses_only_what_was_not_noted) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  (void)servers.snapshot();
  BOOST_TEST(servers.interrupted(Servers::Fault::kReceiverKilled, 45 * kMiB));
  BOOST_REQUIRE(run("xfs_io -x -c shutdown " + servers.secondary.path()).status == 0);
  BOOST_REQUIRE(servers.secondary.remount());
  servers.goes_on(1);
}

BOOST_AUTO_TEST_CASE(partner_that_took_the_disk_goes_on) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  (void)servers.snapshot();
  BOOST_TEST(servers.interrupted(Servers::Fault::kSenderKilled, 20 * kMiB));
  BOOST_REQUIRE(servers.primary.remount());
  servers.goes_on(1);
}

BOOST_AUTO_TEST_CASE(increment_goes_on_from_its_base) {
  REQUIRE_XFS();
  Resumed servers;
  servers.write("vm", 0, 4 * kMiB);
  const std::string first = servers.snapshot();
  BOOST_TEST(servers.push().status == 0);
  servers.write("vm", 2 * kMiB, 60 * kMiB);
  const std::string second = servers.snapshot();
  servers.set_fault(Servers::Fault::kLinkCut, 40 * kMiB);
  BOOST_TEST(servers.push("--codec none").status != 0);
  servers.set_fault(Servers::Fault::kNone);
  BOOST_TEST(servers.staged().ends_with(" " + first + "\n"), servers.staged());
  // Another snapshot meanwhile: what was begun is finished, and is its base.
  servers.write("vm", 0, 4096);
  (void)servers.snapshot();
  const Outcome outcome = servers.push("--codec none --json");
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(contains(outcome.output, "\"base_uuid\": \"" + second + "\""));
  BOOST_TEST(servers.stream_bytes(outcome) < 25 * kMiB);
  servers.same();
  BOOST_TEST(lastword("clone verify " + servers.copy + "@" + second).status == 0);
}

// By hand, without push.
BOOST_AUTO_TEST_CASE(send_resumes_where_staged_says) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  const std::string uuid = servers.snapshot();
  const std::string stream = servers.send("--codec none");
  const std::string receive =
      LASTWORD_PROGRAM " clone receive --resumable " + servers.secondary.path();
  BOOST_TEST(run("head -c 40000000 " + stream + " | " + receive).status == kExitCorrupt);
  const std::string line = servers.staged();
  const std::string place = line.substr(37, line.find('\n') - 37);
  BOOST_TEST(line.starts_with(uuid));
  BOOST_TEST(
      run(LASTWORD_PROGRAM " clone send --resume 0:5 " + servers.set + " | cat").output.empty());
  // Elsewhere than it ended: refused, and kept.
  const Outcome elsewhere =
      run(LASTWORD_PROGRAM " clone send --resume 0:1048576 " + servers.set + " | " + receive);
  BOOST_TEST(elsewhere.status == kExitRefused);
  BOOST_TEST(contains(elsewhere.errors, "begins elsewhere than this ends"));
  BOOST_TEST(servers.staged() == line);
  const Outcome rest =
      run(LASTWORD_PROGRAM " clone send --resume " + place + " " + servers.set + " | " + receive);
  BOOST_TEST(rest.status == 0);
  servers.same();
}

BOOST_AUTO_TEST_CASE(changed_staging_file_or_record_is_refused_and_begun_anew) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  const std::string uuid = servers.snapshot();
  const std::string staged = servers.incoming(uuid);
  const auto change = [](const std::string& file) {
    return "printf X | dd conv=notrunc bs=1 seek=33 of=" + file;
  };
  // boot was whole then, and clone1 in work.
  for (const auto& [what, why] : std::initializer_list<std::pair<std::string, std::string>>{
           {change(staged + "/boot"), "has been changed since"},
           {change(staged + "/clone1"), "has been changed since"},
           {change(staged + "/sparse"), ""},  // behind what counts: cut off
           {"touch " + staged + "/boot " + staged + "/clone1", ""},
           {change(staged + "/.progress.hashes"), "its hashes were changed"},
           {"sed -i s/4096/8192/ " + staged + "/.progress.json", "is of another stream"}}) {
    BOOST_TEST(run("chattr -R -i " + servers.copy + "; rm -rf " + servers.copy).status == 0);
    BOOST_TEST(servers.interrupted(Servers::Fault::kReceiverKilled, 40 * kMiB));
    BOOST_REQUIRE(run(what).status == 0);
    const Outcome outcome = servers.push("--codec none --json");
    BOOST_TEST(outcome.status == 0);
    const bool anew = servers.stream_bytes(outcome) > Resumed::kContent;
    BOOST_TEST(anew == !why.empty(), what);
    BOOST_TEST(contains(outcome.errors, why), outcome.errors);
    servers.same();
  }
}

BOOST_AUTO_TEST_CASE(killed_while_it_sealed_volumes_it_goes_on) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  const std::string uuid = servers.snapshot();
  BOOST_TEST(servers.interrupted(Servers::Fault::kLinkCut, Resumed::kContent));
  BOOST_REQUIRE(
      run("cd " + servers.incoming(uuid) + " && chmod 0400 clone1 gold && chattr +i clone1 gold")
          .status == 0);
  servers.goes_on(1);
}

BOOST_AUTO_TEST_CASE(abort_and_a_stream_from_the_beginning_remove_what_was_kept) {
  REQUIRE_XFS();
  Resumed servers;
  servers.make_large_tree();
  (void)servers.snapshot();
  BOOST_TEST(servers.interrupted(Servers::Fault::kLinkCut, 10 * kMiB));
  BOOST_TEST(contains(lastword("clone abort " + servers.secondary.path()).output, "is removed"));
  BOOST_TEST(servers.staged().empty());
  BOOST_TEST(servers.distinct(servers.secondary.path()) == 0U);

  BOOST_TEST(servers.interrupted(Servers::Fault::kLinkCut, 10 * kMiB));
  // Another set goes its way, and leaves alone what was kept of this one.
  const std::string other = servers.primary.path() + "/other";
  std::filesystem::create_directories(other);
  BOOST_REQUIRE(run("echo 1 > " + other + "/vm && " LASTWORD_PROGRAM " clone snapshot " + other +
                    " && " LASTWORD_PROGRAM " clone send " + other +
                    " | " LASTWORD_PROGRAM " clone receive " + servers.secondary.path())
                    .status == 0);
  BOOST_TEST(!servers.staged().empty());
  BOOST_TEST(servers.receive(servers.send()).status == 0);
  BOOST_TEST(servers.staged().empty());
  servers.same();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
