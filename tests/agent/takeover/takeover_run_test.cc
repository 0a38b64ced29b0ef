// A whole takeover on the fake shelf, in one thread on a virtual clock: takeover_plan, seize_plan,
// late disks, records and reservations, all as they are.
#include "agent/takeover/takeover_run.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kCrashed = 7;  // alpha's life
constexpr std::uint32_t kOwn = 4;      // beta's
constexpr unsigned kLuns = 6;
enum Lun : unsigned { kFirst, kSecond, kSpare, kDump, kArmed, kMailbox };

using Lines = std::vector<std::string>;

struct HookRun {
  Instant begun;
  Instant ended;
  HookInput input;
};

// alpha owns all of it and has panicked; its capture kernel dumps to kDump. beta takes over.
class Panic {
 public:
  Panic() {
    std::swap(config.self, config.partner);
    state.mailbox_disks = {uuid_of(kMailbox)};
    for (const auto& [lun, role] : {std::pair{kFirst, pb::SERVICE},
                                    {kSecond, pb::SERVICE},
                                    {kSpare, pb::SPARE},
                                    {kDump, pb::SPARE},
                                    {kArmed, pb::SPARE}}) {
      pb::Label label = make_label(lun, role);
      label.set_owner_node(kAlpha);
      label.set_owner_generation(kCrashed);
      label.set_home_generation(kCrashed);
      plant(shelf, lun, label);
      join(alpha, lun, key_of(kAlpha, kCrashed));
      BOOST_TEST_REQUIRE(fake::ok(alpha.lun(lun)->reserve(key_of(kAlpha, kCrashed), kOwnerType)));
    }
    plant(shelf, kMailbox, make_label(kMailbox, pb::MAILBOX, 0));
    join(alpha, kMailbox, key_of(kAlpha, kCrashed));
    join(beta, kMailbox, state.key);
    put_header(kDump, pb::IN_PROGRESS);
    put_header(kArmed, pb::ARMED);
    shelf.set_hook([this](const fake::CommandTrace& trace) { on_command(trace); });
  }

  Result<TakeoverReport> run() {
    auto look = surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    shelf.clear_trace();
    return take_over(work, {.look = std::move(*look), .generation = kCrashed});
  }

  void put_header(unsigned lun, pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(kAlpha);
    header.set_boot_generation(kCrashed);
    header.set_crash_id("c");
    plant(shelf, lun, header);
  }

  [[nodiscard]] std::uint8_t holder(unsigned lun) const {
    const auto reservation = shelf.reservation(lun);
    return reservation ? parse_key(reservation->holder)->node : std::uint8_t{0};
  }
  [[nodiscard]] std::ptrdiff_t place_of(const std::string& event) const {
    const auto found = std::find_if(events.begin(), events.end(), [&](const std::string& line) {
      return line.find(event) != std::string::npos;
    });
    return found == events.end() ? -1 : found - events.begin();
  }

  // With the time of each.
  [[nodiscard]] Lines announcements() const {
    Lines lines;
    std::ranges::copy_if(events, std::back_inserter(lines), [](const std::string& line) {
      return line.find(" service-taken ") != std::string::npos;
    });
    return lines;
  }

  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kLuns, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, kLuns};
  Surveyor surveyor{config, view, executor};
  NodeState state{.boot_generation = kOwn, .key = key_of(kBeta, kOwn)};
  Lines events;  // with the time of each
  Lines recovered;
  std::vector<HookRun> hooks;
  milliseconds hook_takes{500};
  Instant dump_ends{3000};
  std::optional<Instant> sick_until;  // of kSecond, for beta
  TakeoverWork work{.config = config,
                    .state = state,
                    .surveyor = surveyor,
                    .events =
                        [this](const Event& event) {
                          events.push_back(std::to_string(executor.now().count()) + " " +
                                           event.name + " " + event.disk + " " + event.detail);
                        },
                    .run_hook =
                        [this](const HookInput& input) {
                          hooks.push_back({.begun = executor.now(), .ended = {}, .input = input});
                          executor.sleep(hook_takes);
                          hooks.back().ended = executor.now();
                          return Status{};
                        },
                    .recover = [this](const DiskView& disk) -> Result<std::string> {
                      executor.sleep(milliseconds(2000));
                      recovered.push_back(disk.info.path);
                      return "/var/crash/alpha/1";
                    }};

 private:
  static void join(const fake::Nexus& nexus, unsigned lun, ReservationKey key) {
    BOOST_TEST_REQUIRE(fake::ok(nexus.lun(lun)->register_ignoring_existing(key, false)));
  }
  // The clock, the dump writer, and a disk that heals.
  void on_command(const fake::CommandTrace&) {
    executor.sleep(milliseconds(1));
    if (!dump_over_ && executor.now() >= dump_ends) {
      dump_over_ = true;
      put_header(kDump, pb::COMPLETED);
    }
    if (sick_until && executor.now() >= *sick_until) {
      sick_until.reset();
      shelf.heal(kSecond);
    }
  }
  bool dump_over_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(takeover_run)

BOOST_AUTO_TEST_CASE(service_comes_at_once_and_the_dump_disk_when_the_dump_is_over) {
  Panic panic;
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{panic.holder(lun)} == unsigned{kBeta});
    BOOST_TEST(label_on(panic.shelf, lun).owner_node() == unsigned{kBeta});
  }
  BOOST_TEST(panic.recovered == Lines{path_of(kDump)}, boost::test_tools::per_element());
  const auto service = panic.place_of("service-taken");
  const auto claimed = panic.place_of("dump-disk-claimed");
  BOOST_TEST_REQUIRE(service >= 0);
  BOOST_TEST_REQUIRE(claimed > service);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(service)]) < 1000);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(claimed)]) >= 3000);
}

BOOST_AUTO_TEST_CASE(the_same_happens_at_the_same_times_in_every_run) {
  Panic first;
  Panic second;
  BOOST_TEST(first.run().has_value());
  BOOST_TEST(second.run().has_value());
  BOOST_TEST(first.events.size() > 8U);
  BOOST_TEST(first.events == second.events, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(armed_spare_is_not_taken_before_the_dump_has_ended) {
  Panic panic;
  BOOST_TEST(panic.run().has_value());
  const auto armed = panic.place_of("take-started " + path_of(kArmed));
  BOOST_TEST_REQUIRE(armed >= 0);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(armed)]) >= 3000);
}

BOOST_AUTO_TEST_CASE(dump_whose_writer_stalls_is_ended_and_an_armed_spare_disarmed) {
  Panic panic;
  panic.dump_ends = Instant::max();
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  const pb::CoredumpHeader dump = header_on(panic.shelf, kDump);
  BOOST_TEST(dump.attribute() == pb::ABORTED);
  BOOST_TEST(dump.reason() == pb::STALLED);
  BOOST_TEST(header_on(panic.shelf, kArmed).attribute() == pb::INACTIVE);
  const auto claimed = panic.place_of("dump-disk-claimed");
  BOOST_TEST_REQUIRE(claimed >= 0);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(claimed)]) >=
             panic.config.timing.stall().count());
}

BOOST_AUTO_TEST_CASE(service_disk_that_is_sick_at_first_is_taken_late_and_announced) {
  Panic panic;
  panic.sick_until = Instant{8000};
  panic.shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST(unsigned{panic.holder(kSecond)} == unsigned{kBeta});
  unsigned announced = 0;
  for (const std::string& line : panic.events) {
    announced += line.find("service-taken") != std::string::npos ? 1U : 0U;
  }
  BOOST_TEST(announced == 2U);
}

BOOST_AUTO_TEST_CASE(service_disk_whose_first_preempt_times_out_is_announced_when_it_comes) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta",
                               .times = 1});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.announcements().size() == 2U);
  BOOST_TEST(panic.announcements()[0].ends_with("1 disk, new: /dev/sda, still without: /dev/sdb"));
  BOOST_TEST(panic.announcements()[1].ends_with("2 disks, new: /dev/sdb"));
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  const HookInput& first = panic.hooks[0].input;
  BOOST_TEST(first.disks == Lines{path_of(kFirst)}, boost::test_tools::per_element());
  BOOST_TEST(first.missing_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  const HookInput& second = panic.hooks[1].input;
  BOOST_TEST(second.disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  BOOST_TEST(second.new_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(second.missing_disks.empty());
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_taken_keeps_no_registration_of_the_taker) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta"});
  BOOST_TEST(panic.run().has_value());
  for (const ReservationKey key : panic.shelf.registrations(kSecond).keys) {
    BOOST_TEST((key != panic.state.key));
  }
}

BOOST_AUTO_TEST_CASE(registrant_of_neither_node_is_removed_and_named) {
  constexpr ReservationKey kStranger{0xdeadbeef};
  for (const bool refuse : {false, true}) {
    Panic panic;
    if (refuse) panic.config.foreign_registrants = ForeignRegistrants::kRefuse;
    const fake::Nexus third = panic.shelf.connect("third");
    BOOST_TEST_REQUIRE(fake::ok(third.lun(kFirst)->register_ignoring_existing(kStranger, false)));
    const auto report = panic.run();
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(report->complete == !refuse);
    BOOST_TEST((panic.shelf.registrations(kFirst).keys ==
                (refuse ? std::vector{key_of(kAlpha, kCrashed), kStranger}
                        : std::vector{panic.state.key})));
    const auto event = panic.place_of("foreign-registrant-removed " + path_of(kFirst));
    BOOST_TEST((event >= 0) == !refuse);
    if (!refuse) {
      BOOST_TEST(panic.events[static_cast<std::size_t>(event)].find(to_string(kStranger)) !=
                 std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(second_announcement_waits_for_the_hook_of_the_first) {
  Panic panic;
  panic.hook_takes = milliseconds(40'000);
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta",
                               .times = 1});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  BOOST_TEST(panic.hooks[1].begun.count() >= panic.hooks[0].ended.count());
  BOOST_TEST(panic.executor.now().count() >= panic.hooks[1].ended.count());
}

BOOST_AUTO_TEST_CASE(disk_that_is_announced_as_missing_and_never_comes_makes_it_incomplete) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 1U);
  BOOST_TEST(panic.hooks[0].input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(service_is_not_announced_before_one_of_its_disks_is_held) {
  Panic panic;
  for (const unsigned lun : {kFirst, kSecond}) {
    panic.shelf.inject(lun, {.kind = fake::FaultKind::kIoError,
                             .only = fake::Command::kPreemptAndAbort,
                             .initiator = "beta",
                             .times = 1});
  }
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  for (const std::string& line : panic.announcements()) {
    BOOST_TEST(std::stoi(line) >= panic.config.timing.settings.io_timeout.count());
  }
}

BOOST_AUTO_TEST_CASE(lost_vote_touches_no_disk_but_the_mailbox) {
  Panic panic;
  BOOST_TEST_REQUIRE(fake::ok(
      panic.alpha.lun(kMailbox)->preempt(key_of(kAlpha, kCrashed), panic.state.key, kOwnerType)));
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(!report.has_value());
  BOOST_TEST((report.error().code == Code::kFenced));
  for (const fake::CommandTrace& trace : panic.shelf.trace()) {
    BOOST_TEST(trace.lun == unsigned{kMailbox});
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
