// What spoils the dump or the takeover, and what clones are taken for.
#include "tests/agent/arm/check_ready.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(check, Ready)

BOOST_AUTO_TEST_CASE(ready_node_would_be_dumped_and_taken_over) {
  const auto report = check_node(facts);
  BOOST_TEST(problems_of(report) == "");
  BOOST_TEST(report.would_dump());
  BOOST_TEST(report.would_be_taken_over());
  BOOST_REQUIRE(report.candidates_size() == 2);
  BOOST_TEST(report.candidates(0).disk() == "/dev/sdb");
  BOOST_TEST(report.candidates(0).valid());
  BOOST_TEST(report.candidates(0).fit() == "raw");
  BOOST_TEST(report.service_disks_in_service() == 1U);
}

BOOST_AUTO_TEST_CASE(newest_dump_of_this_node_that_began_late_is_noted) {
  const auto dumped = [this](std::size_t index, std::uint32_t node, std::int64_t started,
                             std::uint64_t began_after) {
    pb::CoredumpHeader& header = disk(index).header;
    header.set_node(node);
    header.set_started_unix_ms(started);
    header.set_began_after_ms(began_after);
  };
  const auto noted = [this](const std::string& part) {
    const auto report = check_node(facts);
    BOOST_TEST(report.would_dump());
    return std::ranges::any_of(report.notes(), [&](const std::string& note) {
      return note.find(part) != std::string::npos;
    });
  };
  const std::uint32_t self = config.self.id;
  config.timing.settings.grace = std::chrono::seconds(10);
  BOOST_TEST(!noted("the dump began"));
  dumped(0, self, 1'700'000'000'000, 5'999);  // half of grace, to the second
  BOOST_TEST(!noted("the dump began"));
  dumped(0, self, 1'700'000'000'000, 12'000);
  BOOST_TEST(noted("the dump began 12s after the panic, and grace is 10s"));
  BOOST_TEST(noted("grace 24s or more"));
  BOOST_TEST(noted(disk(0).info.path + ", of 2023-11-14"));
  dumped(1, self, 1'600'000'000'000, 30'000);  // an older one
  BOOST_TEST(noted("12s after the panic"));
  dumped(1, config.partner.id, 1'800'000'000'000, 30'000);
  BOOST_TEST(noted("12s after the panic"));
  dumped(1, self, 1'800'000'000'000, 4'000);  // what was done helped
  BOOST_TEST(!noted("the dump began"));
}

BOOST_AUTO_TEST_CASE(each_thing_that_spoils_the_dump_is_a_problem) {
  struct Case {
    const char* name;
    std::function<void(Ready&)> change;
    const char* problem;
  };
  const Case cases[] = {
      {"nothing loaded", [](Ready& r) { r.facts.crash_kernel_loaded = false; },
       "no capture image is loaded"},
      {"loaded by somebody else", [](Ready& r) { r.facts.armed = fail({.code = Code::kNotFound}); },
       "that `lastword arm` of this boot did not load"},
      {"state damaged",
       [](Ready& r) { r.facts.armed = fail({.code = Code::kCorrupt, .operation = "read state"}); },
       "read state: corrupt"},
      {"no reserve", [](Ready& r) { r.situation.policy.memory.reserved_bytes = 0; },
       "crashkernel=128M"},
      {"not started",
       [](Ready& r) {
         r.situation.state.reset();
         r.situation.policy.key.reset();
       },
       "not in service since boot"},
      {"other kernel configured",
       [](Ready& r) { r.facts.capture_kernel->path = "/boot/vmlinuz-s"; },
       "the configuration says /boot/vmlinuz-s"},
      {"capture kernel gone",
       [](Ready& r) {
         r.facts.capture_kernel = fail({.code = Code::kNotFound, .disk = "/boot/vmlinuz-r"});
       },
       "/boot/vmlinuz-r"},
      {"plan of another kernel", [](Ready& r) { r.facts.running_release = "other"; },
       "this is other"},
      {"program replaced", [](Ready& r) { r.facts.dump_program_crc32c = 43U; }, "was replaced"},
      {"program gone",
       [](Ready& r) {
         r.facts.dump_program_crc32c = fail({.code = Code::kNotFound, .disk = "lastword-dump"});
       },
       "install lastword-dump"},
      {"modules changed",
       [](Ready& r) { r.facts.modules->push_back({.path = "/lib/modules/r/virtio_scsi.ko"}); },
       "other kernel modules"},
      {"options changed", [](Ready& r) { r.facts.modules->front().options = "x=1"; },
       "other kernel modules"},
      {"modules unknown", [](Ready& r) { r.facts.modules = fail({.code = Code::kUnsupported}); },
       "not supported"},
      {"generation moved on", [](Ready& r) { r.situation.state->boot_generation = 8; },
       "the plan is of life 7, this is 8"},
      {"limit changed", [](Ready& r) { r.config.timing.settings.dump_limit = milliseconds(1000); },
       "configuration was changed"},
      {"grace changed", [](Ready& r) { r.config.timing.settings.grace = milliseconds(1000); },
       "configuration was changed"},
      {"I/O time-out changed",
       [](Ready& r) { r.config.timing.settings.io_timeout = milliseconds(1); },
       "configuration was changed"},
      {"what follows the dump changed", [](Ready& r) { r.config.after = pb::POWER_OFF; },
       "configuration was changed"},
      {"engine changed", [](Ready& r) { r.config.engine = pb::LIBAIO; },
       "configuration was changed"},
      {"excluded pages changed", [](Ready& r) { r.config.exclude = "zero"; },
       "configuration was changed"},
      {"codec changed", [](Ready& r) { r.config.codec = "zstd"; }, "configuration was changed"},
      {"dumps that may be lost changed", [](Ready& r) { r.config.keep_latest = true; },
       "configuration was changed"},
      {"processors changed", [](Ready& r) { r.config.capture_processors = 2; },
       "configuration was changed"},
      {"command line changed", [](Ready& r) { r.config.capture_command_line = "debug"; },
       "configuration was changed"},
      {"all disks lost",
       [](Ready& r) {
         r.disk(1).reservation->holder = key_of(kBeta, 9);
         r.disk(2).header.Clear();
       },
       "no disk of the plan would be accepted"},
      {"arm interrupted", [](Ready& r) { r.disk(1).header.add_plan_nonces("another"); },
       "was interrupted"},
      {"file system made since",
       [](Ready& r) { r.situation.examined[2].signature = "ext4 file system"; },
       "would overwrite ext4 file system on /dev/sdc"},
      {"memory outgrew the armed disks",
       [](Ready& r) {
         r.situation.policy.memory.in_use_bytes = r.situation.policy.memory.raw_bytes = 3000 * kMiB;
         r.situation.survey.disks.push_back(in_service(5, pb::SPARE, kGeneration));
         r.situation.survey.disks.back().label->set_data_length_bytes(9000 * kMiB);
         r.situation.examined.emplace_back();
       },
       "but it fits /dev/sdf"},
      {"clone of an armed disk", [](Ready& r) { r.add_clone(1); },
       "/dev/sdb and /dev/sdf carry the same label"},
  };
  for (const Case& one : cases) {
    Ready fresh;
    one.change(fresh);
    const auto report = check_node(fresh.facts);
    BOOST_TEST_CONTEXT(one.name << ": " << problems_of(report)) {
      BOOST_TEST(!report.would_dump());
      BOOST_TEST(problems_of(report).find(one.problem) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(node_that_waits_is_told_of_the_giveback_and_not_to_arm) {
  Ready ready;
  ready.situation.state->waiting = true;
  ready.disk(0).label->set_owner_node(kBeta);
  ready.facts.armed = fail({.code = Code::kNotFound});
  ready.facts.crash_kernel_loaded = false;
  const auto report = check_node(ready.facts);
  const std::string said = problems_of(report);
  BOOST_TEST(!report.would_dump());
  BOOST_TEST(!report.would_be_taken_over());
  BOOST_TEST(said.find("-> `lastword giveback` on beta") != std::string::npos, said);
  BOOST_TEST(said.find("taken over by beta -> stay off it") != std::string::npos, said);
  BOOST_TEST(said.find("lastword arm") == std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(clone_is_not_taken_for_the_armed_disk_in_either_order) {
  const Ready ready;
  const pb::Plan& plan = ready.facts.armed->plan();
  const DiskView& armed = ready.situation.survey.disks[1];
  DiskView clone = armed;
  clone.reservation.reset();
  for (const bool clone_first : {true, false}) {
    Survey survey;
    survey.disks = clone_first ? std::vector{clone, armed} : std::vector{armed, clone};
    BOOST_TEST(find_plan_disks(plan, survey)[0].value() == (clone_first ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(clone_of_a_service_disk_is_not_one_more_service_disk) {
  Ready ready;
  ready.add_clone(0);
  const auto report = check_node(ready.facts);
  BOOST_TEST(report.service_disks() == 1U);
  BOOST_TEST(problems_of(report).find("/dev/sdf is not") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_whose_agent_does_not_watch_would_not_take_over) {
  for (const pb::Presence presence : {pb::PRESENCE_UNKNOWN, pb::AWAY, pb::GONE}) {
    Ready ready;
    ready.disk(3).mailbox[1].set_presence(presence);
    const auto report = check_node(ready.facts);
    const std::string said = problems_of(report);
    BOOST_TEST(report.would_dump());
    BOOST_TEST(!report.would_be_taken_over());
    BOOST_TEST(said.find("beta's agent does not watch") != std::string::npos, said);
    // After `halt` its unit is active still, and a start would do nothing.
    const std::string way = presence == pb::GONE ? "-> `systemctl restart lastword` on beta"
                                                 : "-> `systemctl start lastword-agent` on beta";
    BOOST_TEST(said.find(way) != std::string::npos, said);
  }
}

BOOST_AUTO_TEST_CASE(each_thing_that_spoils_the_takeover_is_a_problem) {
  struct Case {
    const char* name;
    std::function<void(Ready&)> change;
    const char* problem;
  };
  const Case cases[] = {
      {"reservation lost", [](Ready& r) { r.disk(0).reservation.reset(); },
       "/dev/sda is not reserved"},
      {"taken over", [](Ready& r) { r.disk(0).label->set_owner_node(kBeta); },
       "/dev/sda has been taken over by beta -> stop the service here, and reboot"},
      {"taken from an earlier life",
       [](Ready& r) {
         r.disk(0).label->set_owner_node(kBeta);
         r.disk(0).label->set_home_generation(kGeneration - 1);
       },
       "/dev/sda has been taken over by beta -> `lastword halt`, then `lastword start`"},
      {"taken over this moment", [](Ready& r) { r.disk(0).reservation->holder = key_of(kBeta, 9); },
       "/dev/sda has been taken over by beta -> stop the service here, and reboot"},
      {"borrowed disk open to both",
       [](Ready& r) {
         DiskView borrowed = surveyed(5, pb::SERVICE, kBeta);
         borrowed.label->set_owner_node(kAlpha);
         r.situation.survey.disks.push_back(borrowed);
         r.situation.examined.emplace_back();
       },
       "/dev/sdf, taken from beta, is not reserved by this node -> run `lastword takeover`"},
      {"mailbox disks that an earlier start saw",
       [](Ready& r) {
         r.situation.state->mailbox_disks = {"a", "b", "c"};
       },
       "this node is registered on 1 of 3 mailbox disks"},
      {"takeover switched off here",
       [](Ready& r) { r.facts.switches.switches.own.mutable_disable()->set_on(true); },
       "no node takes over by itself, as `lastword disable` on this node says -> `lastword enable` "
       "when it may again"},
      {"takeover switched off there",
       [](Ready& r) { r.facts.switches.switches.peer.mutable_disable()->set_on(true); },
       "as `lastword disable` on beta says -> `lastword enable` on beta"},
      {"partner kept from it until a time",
       [](Ready& r) {
         r.facts.switches.switches.own.mutable_no_takeover()->set_on(true);
         r.facts.switches.switches.own.mutable_no_takeover()->set_until_unix_ms(86'400'000);
       },
       "keeps the partner from it until 1970-01-02T00:00:00Z -> `lastword no-takeover --off`"},
      {"hook that does not run",
       [](Ready& r) {
         r.facts.hook = "/nonexistent";
         r.facts.hook_problem = "No such file or directory";
       },
       "the hook /nonexistent cannot be run: No such file"},
      {"label of an earlier boot", [](Ready& r) { r.disk(0).label->set_owner_generation(6); },
       "/dev/sda is not owned"},
      {"no majority here", [](Ready& r) { r.disk(3).keys = {key_of(kBeta, 9)}; },
       "this node is registered on 0 of 1 mailbox disks"},
      {"only an older key here",
       [](Ready& r) {
         r.disk(3).keys = {key_of(kBeta, 9), key_of(kAlpha, 6)};
       },
       "this node is registered on 0 of 1 mailbox disks"},
      {"clone of a service disk", [](Ready& r) { r.add_clone(0); },
       "/dev/sda and /dev/sdf carry the same label"},
      {"clone of a mailbox disk", [](Ready& r) { r.add_clone(3); },
       "/dev/sdd and /dev/sdf carry the same label"},
      {"third host registered on a service disk",
       [](Ready& r) { r.disk(0).keys.push_back(ReservationKey{0xdeadbeef}); },
       "0x00000000deadbeef is registered on /dev/sda, a key of neither node"},
      {"takeover interrupted before it preempted",
       [](Ready& r) { r.disk(0).keys.push_back(key_of(kBeta, 9)); },
       "beta is registered on /dev/sda too, and could write there"},
      {"takeover interrupted on a spare",
       [](Ready& r) { r.disk(2).keys.push_back(key_of(kBeta, 9)); },
       "beta is registered on /dev/sdc too, and could write there"},
      {"registration left on a disk of the partner",
       [](Ready& r) {
         DiskView theirs = surveyed(5, pb::SPARE, kBeta);
         theirs.label->set_owner_node(kBeta);
         theirs.keys = {key_of(kBeta, 9), key_of(kAlpha, 3)};
         theirs.reservation = Reservation{.holder = key_of(kBeta, 9), .type = kOwnerType};
         r.situation.survey.disks.push_back(theirs);
         r.situation.examined.emplace_back();
       },
       "this node is registered on /dev/sdf, a disk of beta, and could write there"},
      {"label of a disk in service damaged",
       [](Ready& r) { r.add_unreadable(Code::kCorrupt, key_of(kAlpha, kGeneration)); },
       "/dev/sdf, reserved by this node, cannot be read: /dev/sdf: read label: corrupt -> "
       "`lastword inspect /dev/sdf`"},
      {"disk that does not answer", [](Ready& r) { r.add_unreadable(Code::kTimeout, {}); },
       "/dev/sdf may be a disk of this node's, and cannot be read: /dev/sdf: read label: time-out "
       "-> look at the disk, the adapter and the cabling; where it is of no service of this "
       "cluster, take it away"},
      {"no majority there", [](Ready& r) { r.disk(3).keys = {key_of(kAlpha, kGeneration)}; },
       "run `lastword start` on beta"},
  };
  for (const Case& one : cases) {
    Ready fresh;
    one.change(fresh);
    const auto report = check_node(fresh.facts);
    BOOST_TEST_CONTEXT(one.name << ": " << problems_of(report)) {
      BOOST_TEST(!report.would_be_taken_over());
      BOOST_TEST(report.would_dump());
      BOOST_TEST(problems_of(report).find(one.problem) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(unreadable_disk_that_this_node_does_not_hold_is_a_problem_and_no_answer) {
  struct Case {
    ReservationKey holder;  // zero: nobody
    const char* said;
  };
  const Case cases[] = {
      {{}, "/dev/sdf may be a disk of this node's, and cannot be read: /dev/sdf: read label"},
      {ReservationKey{0xdeadbeef}, "take it away from this node"},
      {key_of(kBeta, 9), "/dev/sdf, reserved by beta, cannot be read: /dev/sdf: read label"},
  };
  for (const Case& one : cases) {
    Ready ready;
    ready.add_unreadable(Code::kIo, one.holder);
    const auto report = check_node(ready.facts);
    const std::string said = problems_of(report);
    BOOST_TEST(said.find(one.said) != std::string::npos, said);
    BOOST_TEST(report.would_dump());
    BOOST_TEST(report.would_be_taken_over());
  }
}

BOOST_AUTO_TEST_CASE(disk_without_a_label_that_can_be_read_is_no_problem) {
  situation.survey.disks.emplace_back().info.path = "/dev/sdf";
  situation.examined.emplace_back();
  BOOST_TEST(problems_of(check_node(facts)) == "");
}

BOOST_AUTO_TEST_CASE(watchdog_that_is_not_armed_is_a_problem_and_spoils_nothing_else) {
  config.watchdog_device = "/dev/watchdog";
  facts.watchdog_idle = "no program has armed it";
  const auto report = check_node(facts);
  BOOST_TEST(problems_of(report).find("/dev/watchdog does not watch this node: no program") !=
             std::string::npos);
  BOOST_TEST(report.would_dump());
  BOOST_TEST(report.would_be_taken_over());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
