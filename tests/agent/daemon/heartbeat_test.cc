// Heartbeats on several mailbox disks: what is written where, and what one sick disk costs. On the
// fake shelf and a virtual clock.
#include "agent/daemon/heartbeat.h"

#include <boost/test/unit_test.hpp>

#include "agent/disks/own_slot.h"
#include "agent/node/state_files.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/check_seal.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr unsigned kDisks = 3;
constexpr std::uint32_t kOwn = 4;

// Keeps what is sent; nothing arrives.
class KeepingPort final : public LinkPort {
 public:
  explicit KeepingPort(std::vector<std::vector<std::byte>>& sent) : sent_(sent) {}
  Status send(Bytes datagram) override {
    sent_.emplace_back(datagram.begin(), datagram.end());
    return {};
  }
  Result<std::optional<std::vector<std::byte>>> receive() override {
    return std::optional<std::vector<std::byte>>();
  }

 private:
  std::vector<std::vector<std::byte>>& sent_;
};

Config config_of_beta() {
  Config config = cluster_config();
  std::swap(config.self, config.partner);
  return config;
}

class Mailboxes {
 public:
  Mailboxes() {
    config.state_directory = folder.file("run");
    for (unsigned lun = 0; lun < kDisks; ++lun) {
      plant(shelf, lun, make_label(lun, pb::MAILBOX, 0));
      BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
      state.mailbox_disks.push_back(uuid_of(lun));
    }
    std::ranges::sort(state.mailbox_disks);
    state.mailbox_joined = state.mailbox_disks;
    shelf.set_hook([this](const fake::CommandTrace& trace) {
      executor.sleep(milliseconds(1));
      if (trace.lun == slow_lun) executor.sleep(slow_by);
    });
  }
  void follow() {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    heartbeat.follow(*look, state);
  }
  void pass(milliseconds time) {
    for (const Instant end = executor.now() + time; executor.now() < end;) {
      heartbeat.tick();
      executor.sleep(kPollInterval);
    }
  }
  [[nodiscard]] pb::MailboxSlot slot(unsigned lun) {
    Medium medium(shelf, lun);
    pb::MailboxSlot slot;
    const auto found = RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot);
    return found ? slot : pb::MailboxSlot();
  }
  void use_link() {
    config.links = {{.name = "direct", .address = "10.0.0.2", .peer = "10.0.0.1"}};
    heartbeat.use(std::make_unique<Links>(
        config, check_seal(),
        [this](const LinkConfig&) -> Result<std::unique_ptr<LinkPort>> {
          return std::make_unique<KeepingPort>(sent);
        },
        [this](const Event& event) { events.push_back(event); }, executor.now()));
  }
  // The last that the partner would get.
  [[nodiscard]] pb::MailboxSlot last_sent() const {
    const LinkEnds alpha{
        .cluster = *parse_uuid(config.cluster_uuid), .self = kAlpha, .partner = kBeta};
    BOOST_TEST_REQUIRE(!sent.empty());
    const auto opened = open_datagram(alpha, sent.back(), check_seal());
    BOOST_TEST_REQUIRE(opened.has_value());
    return opened->slot;
  }
  // alpha lives for that long, and hears nothing.
  void hear_alpha_for(milliseconds time) {
    for (const Instant end = executor.now() + time; executor.now() < end;) {
      Medium medium(shelf, 0);
      const Beat beat{.machine = "alpha", .timing = config.timing};
      const auto next = slot_with_beat(alpha_slot, alpha_member, beat);
      BOOST_TEST_REQUIRE(fake::ok(next));
      alpha_slot = *next;
      BOOST_TEST_REQUIRE(
          fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, alpha_slot)));
      pass(milliseconds(1000));
    }
  }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::count(events, name, &Event::name));
  }

  TestFolder folder;
  Config config = config_of_beta();
  NodeState state{.boot_generation = kOwn, .key = key_of(kBeta, kOwn)};
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kDisks, .power_on_attention = false}};
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, kDisks};
  Surveyor surveyor{config, view, executor};
  std::vector<Event> events;
  std::vector<std::vector<std::byte>> sent;  // by the link
  Heartbeat heartbeat{config, view, executor,
                      [this](const Event& event) { events.push_back(event); }, "beta"};
  pb::MailboxSlot alpha_slot;
  const MailboxMember alpha_member{
      .self = {.node = kAlpha, .boot_generation = 7, .key = key_of(kAlpha, 7)},
      .place = RecordPlace::kMailboxLow,
      .mailbox_set = mailbox_set(state.mailbox_disks)};
  unsigned slow_lun = kDisks;
  milliseconds slow_by{0};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(heartbeat, Mailboxes)

BOOST_AUTO_TEST_CASE(each_disk_gets_one_heartbeat_after_the_other) {
  follow();
  pass(milliseconds(10'000));
  for (unsigned lun = 0; lun < kDisks; ++lun) {
    BOOST_TEST(slot(lun).sequence() >= 9U);
    BOOST_TEST(slot(lun).sequence() <= 11U);
    BOOST_TEST(slot(lun).presence() == pb::WATCHING);
  }
  BOOST_TEST(events.empty());
}

// The pulse of the agent's thread calls tick() from wherever that waits.
BOOST_AUTO_TEST_CASE(tick_within_a_tick_sends_nothing_and_none_follows_the_last_word) {
  follow();
  unsigned ticks = 0;
  heartbeat.at_each_tick([&] {
    BOOST_TEST_REQUIRE(++ticks < 100U);
    heartbeat.tick();
  });
  pass(milliseconds(1000));
  BOOST_TEST(slot(0).presence() == pb::WATCHING);
  heartbeat.leave();
  pass(milliseconds(3000));
  BOOST_TEST(slot(0).presence() == pb::AWAY);
}

BOOST_AUTO_TEST_CASE(slow_disk_delays_no_other_and_has_one_heartbeat_under_way) {
  slow_lun = 1;
  slow_by = milliseconds(1000);
  follow();
  slow_by = milliseconds(4000);
  pass(milliseconds(30'000));
  BOOST_TEST(slot(0).sequence() >= 27U);
  BOOST_TEST(slot(2).sequence() >= 27U);
  BOOST_TEST(slot(1).sequence() < 27U);
  const auto trace = shelf.trace();
  BOOST_TEST(std::ranges::count_if(trace, [](const fake::CommandTrace& one) {
               return one.lun == 1 && one.command == fake::Command::kWrite;
             }) <= 2);
}

BOOST_AUTO_TEST_CASE(disk_that_hangs_is_told_once_and_so_is_its_end) {
  follow();
  slow_lun = 1;
  slow_by = milliseconds(20'000);
  pass(milliseconds(1000));
  slow_by = milliseconds(0);
  BOOST_TEST(count("heartbeat-problem") == 0U);
  pass(config.timing.settings.io_timeout + milliseconds(1000));
  BOOST_TEST_REQUIRE(count("heartbeat-problem") == 1U);
  BOOST_TEST(events.back().disk == path_of(1));
  BOOST_TEST(heartbeat.paths()[1].problem == events.back().detail);
  BOOST_TEST(count("heartbeat-works") == 0U);
  pass(milliseconds(400'000));
  BOOST_TEST(count("heartbeat-problem") == 1U);
  BOOST_TEST(count("heartbeat-works") == 1U);
  BOOST_TEST(heartbeat.paths()[1].problem.empty());
}

// The disk was restored from a copy, and nobody writes there.
BOOST_AUTO_TEST_CASE(slot_that_goes_back_is_told_once_each_time_and_believed_in_nothing) {
  follow();
  hear_alpha_for(milliseconds(5000));
  const pb::MailboxSlot newest = alpha_slot;
  for (const std::size_t times : {1U, 2U}) {
    hear_alpha_for(milliseconds(5000));
    pb::MailboxSlot old = newest;
    old.set_sequence(newest.sequence() - 1);
    Medium medium(shelf, 0);
    BOOST_TEST_REQUIRE(
        fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, old)));
    pass(milliseconds(10'000));
    BOOST_TEST(count("slot-went-back") == times);
    BOOST_TEST(heartbeat.peer().newest()->sequence() == alpha_slot.sequence());
  }
  const auto told = std::ranges::find(events, "slot-went-back", &Event::name);
  BOOST_TEST(told->disk == path_of(0));
  BOOST_TEST(told->detail.find("systemctl restart lastword-agent") != std::string::npos);
}

// A time-out each time, whatever command has it.
BOOST_AUTO_TEST_CASE(disk_whose_commands_time_out_is_told_once) {
  follow();
  shelf.inject(1, {.kind = fake::FaultKind::kTimeout, .only = fake::Command::kWrite});
  slow_lun = 1;
  slow_by = config.timing.settings.io_timeout;
  pass(milliseconds(60'000));
  BOOST_TEST(count("heartbeat-problem") == 1U);
  BOOST_TEST(count("heartbeat-works") == 0U);
}

BOOST_AUTO_TEST_CASE(problem_that_comes_and_goes_is_told_once) {
  MailboxTrouble trouble;
  const Error error{.code = Code::kIo, .operation = "write"};
  BOOST_CHECK(trouble.came_back(error) == MailboxTrouble::News::kProblem);
  for (int i = 0; i < 3; ++i) {
    BOOST_CHECK(trouble.came_back({}) == MailboxTrouble::News::kNothing);
    BOOST_CHECK(trouble.came_back(error) == MailboxTrouble::News::kNothing);
  }
  const Error other{.code = Code::kGone, .operation = "write"};
  BOOST_CHECK(trouble.came_back(other) == MailboxTrouble::News::kProblem);
  BOOST_CHECK(trouble.came_back({}) == MailboxTrouble::News::kNothing);
  BOOST_CHECK(trouble.came_back({}) == MailboxTrouble::News::kNothing);
  BOOST_CHECK(trouble.came_back({}) == MailboxTrouble::News::kOver);
  BOOST_TEST(trouble.problem().empty());
}

BOOST_AUTO_TEST_CASE(set_that_the_partner_counts_by_is_kept_for_orders) {
  Heartbeat listener(
      config, view, executor, [](const Event&) {}, "beta");
  const auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  listener.follow(*look, state);
  const auto listen = [&](milliseconds time) {
    for (const Instant end = executor.now() + time; executor.now() < end;) {
      listener.tick();
      executor.sleep(kPollInterval);
    }
  };
  listen(milliseconds(2000));
  BOOST_TEST(!load_partner_seen(config).has_value());
  pb::MailboxSlot partner;
  partner.set_node(kAlpha);
  partner.set_generation(7);
  partner.set_sequence(1);
  partner.set_mailbox_set(mailbox_set({uuid_of(0)}));
  Medium medium(shelf, 0);
  BOOST_TEST_REQUIRE(
      fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, partner)));
  listen(milliseconds(2000));
  const auto seen = load_partner_seen(config);
  BOOST_TEST_REQUIRE(fake::ok(seen));
  BOOST_TEST(seen->mailbox_set() == mailbox_set({uuid_of(0)}));
  BOOST_TEST(seen->newest().generation() == 7U);
}

BOOST_AUTO_TEST_CASE(disk_that_this_node_is_not_registered_on_is_not_written_and_told_once) {
  BOOST_TEST_REQUIRE(fake::ok(beta.lun(2)->register_ignoring_existing(ReservationKey{0}, false)));
  follow();
  pass(milliseconds(5000));
  BOOST_TEST(slot(2).sequence() == 0U);
  BOOST_TEST(slot(0).sequence() >= 4U);
  BOOST_TEST(count("heartbeat-problem") == 1U);
}

BOOST_AUTO_TEST_CASE(sequence_goes_on_over_a_restart_of_the_agent) {
  follow();
  pass(milliseconds(5000));
  const std::uint64_t before = slot(0).sequence();
  Heartbeat again(
      config, view, executor, [](const Event&) {}, "beta");
  const auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  again.follow(*look, state);
  again.tick();
  executor.sleep(milliseconds(100));
  again.tick();
  BOOST_TEST(slot(0).sequence() > before);
}

BOOST_AUTO_TEST_CASE(link_carries_the_heartbeat_of_the_disks) {
  use_link();
  follow();
  pass(milliseconds(10'000));
  BOOST_TEST(sent.size() >= 9U);
  BOOST_TEST(sent.size() <= 11U);
  BOOST_TEST(last_sent().generation() == kOwn);
  BOOST_TEST(last_sent().sequence() == slot(0).sequence());
  BOOST_TEST(last_sent().mailbox_set() == slot(0).mailbox_set());
  BOOST_TEST(last_sent().settings().SerializeAsString() == slot(0).settings().SerializeAsString());
  const auto paths = heartbeat.paths();
  BOOST_TEST_REQUIRE(paths.size() == kDisks + 1U);
  BOOST_TEST(paths.front().name == uuid_of(0));
  BOOST_TEST((paths.back().kind == PathReport::Kind::kLink));
}

BOOST_AUTO_TEST_CASE(link_goes_on_where_no_disk_can_be_written) {
  use_link();
  for (unsigned lun = 0; lun < kDisks; ++lun) {
    BOOST_TEST_REQUIRE(
        fake::ok(beta.lun(lun)->register_ignoring_existing(ReservationKey{0}, false)));
  }
  follow();
  pass(milliseconds(5000));
  const std::uint64_t before = last_sent().sequence();
  pass(milliseconds(5000));
  BOOST_TEST(last_sent().sequence() > before);
}

BOOST_AUTO_TEST_CASE(partner_that_lives_and_hears_nothing_is_told_as_deaf) {
  use_link();
  follow();
  hear_alpha_for(config.timing.peer_silence());
  BOOST_TEST(count("partner-heard") == 1U);
  BOOST_TEST(count("partner-deaf") == 1U);
  BOOST_TEST(count("link-quiet") == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_is_expected_of_a_partner_that_is_taken_over) {
  use_link();
  follow();
  hear_alpha_for(milliseconds(1000));
  heartbeat.set_phase(pb::PHASE_TAKING);
  hear_alpha_for(config.timing.peer_silence());
  BOOST_TEST(count("partner-heard") == 1U);
  BOOST_TEST(count("partner-deaf") == 0U);
  BOOST_TEST(count("link-quiet") == 0U);
}

BOOST_AUTO_TEST_CASE(agent_that_leaves_says_so_by_the_link) {
  use_link();
  follow();
  pass(milliseconds(3000));
  heartbeat.leave();
  BOOST_TEST(last_sent().presence() == pb::AWAY);
  BOOST_TEST(last_sent().sequence() >= slot(0).sequence());
}

// `lastword stop` beside the agent: what it wrote is newer than whatever the link had, and nothing
// follows.
BOOST_AUTO_TEST_CASE(life_that_a_command_has_ended_says_nothing_more_by_the_link) {
  use_link();
  follow();
  pass(milliseconds(5000));
  for (unsigned lun = 0; lun < kDisks; ++lun) {
    Medium medium(shelf, lun);
    const SlotWriter writer = slot_writer(config, kOwn, state.mailbox_disks, executor);
    BOOST_TEST_REQUIRE(fake::ok(say_gone({medium, kMetadataOffset, uuid_of(lun)}, writer)));
  }
  BOOST_TEST(slot(0).sequence() > last_sent().sequence());
  pass(milliseconds(2000));
  const std::size_t until = sent.size();
  pass(milliseconds(5000));
  BOOST_TEST(sent.size() == until);
}

BOOST_AUTO_TEST_CASE(life_that_was_stopped_writes_nothing) {
  state.stopped = true;
  follow();
  pass(milliseconds(5000));
  BOOST_TEST(slot(0).sequence() == 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_goes_out_of_sight_and_comes_back_gets_heartbeats_again) {
  follow();
  pass(milliseconds(3000));
  heartbeat.follow(Look{}, state);
  pass(milliseconds(3000));
  follow();
  pass(milliseconds(3000));
  BOOST_TEST(slot(0).sequence() >= 8U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
