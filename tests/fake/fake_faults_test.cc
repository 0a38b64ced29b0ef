// The fake shelf's blocks, faults, hook and trace: what the other tests rely on.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <future>
#include <thread>

#include "storage/block/aligned_buffer.h"
#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"

namespace {

using namespace lastword;
using namespace lastword::fake;

constexpr ReservationKey kAlphaKey{0xa1};
constexpr ReservationKey kBetaKey{0xb1};

struct Disk {
  Disk() { old_content(); }
  void old_content() {
    fill(0x11);
    BOOST_TEST_REQUIRE(ok(device->write(0, buffer.span())));
    BOOST_TEST_REQUIRE(ok(device->flush()));
    fill(0x22);
  }
  void fill(int value) { std::ranges::fill(buffer.span(), static_cast<std::byte>(value)); }
  // Number of leading bytes that are new (0x22); the rest must be old.
  [[nodiscard]] std::size_t new_bytes() const {
    AlignedBuffer found(kBytes);
    shelf.peek(0, 0, found.span());
    const auto end = std::ranges::find(found.span(), std::byte{0x11});
    BOOST_TEST(std::all_of(end, found.span().end(),
                           [](std::byte byte) { return byte == std::byte{0x11}; }));
    return static_cast<std::size_t>(end - found.span().begin());
  }

  static constexpr std::size_t kBytes = 3 * kBlockBytes;
  FakeShelf shelf{{.luns = 2, .power_on_attention = false}};
  Nexus alpha = shelf.connect("alpha");
  Nexus beta = shelf.connect("beta");
  std::unique_ptr<BlockDevice> device = alpha.device(0);
  std::unique_ptr<ScsiLun> lun = alpha.lun(0);
  AlignedBuffer buffer{kBytes};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(blocks, Disk)

BOOST_AUTO_TEST_CASE(are_seen_by_every_nexus_at_once) {
  BOOST_TEST(ok(device->write(0, buffer.span())));
  AlignedBuffer found(kBytes);
  BOOST_TEST(ok(beta.device(0)->read(0, found.span())));
  BOOST_TEST(std::ranges::equal(found.span(), buffer.span()));
  BOOST_TEST(ok(beta.device(1)->read(0, found.span())));
  BOOST_TEST((found.span()[0] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(misaligned_access_is_refused_before_any_command) {
  shelf.clear_trace();
  BOOST_TEST(fails(device->write(512, buffer.span()), Code::kRefused));
  BOOST_TEST(fails(device->read(0, buffer.span().first(512)), Code::kRefused));
  BOOST_TEST(fails(device->read(0, buffer.span().subspan(8, kBlockBytes)), Code::kRefused));
  BOOST_TEST(fails(device->write(device->size_bytes(), buffer.span()), Code::kRefused));
  BOOST_TEST(
      fails(device->write(device->size_bytes() - kBlockBytes, buffer.span()), Code::kRefused));
  BOOST_TEST(shelf.trace().empty());
}

BOOST_AUTO_TEST_CASE(unsynced_ones_are_lost_with_the_power) {
  BOOST_TEST(ok(device->write(0, buffer.span())));
  BOOST_TEST(new_bytes() == kBytes);
  shelf.lose_power();
  BOOST_TEST(new_bytes() == 0);
}

BOOST_AUTO_TEST_CASE(synced_ones_survive_it) {
  BOOST_TEST(ok(device->write(0, buffer.span())));
  BOOST_TEST(ok(device->flush()));
  shelf.lose_power();
  BOOST_TEST(new_bytes() == kBytes);
}

BOOST_AUTO_TEST_CASE(unsynced_ones_may_survive_in_part) {
  BOOST_TEST(ok(device->write(0, buffer.span())));
  shelf.lose_power([](std::uint64_t offset) { return offset == 0 ? 3U : 0U; });
  BOOST_TEST(new_bytes() == 3 * kSectorBytes);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(fault, Disk)

BOOST_AUTO_TEST_CASE(io_error_writes_nothing) {
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite});
  const Status status = device->write(0, buffer.span());
  BOOST_TEST(fails(status, Code::kIo));
  BOOST_TEST(status.error().disk.view() == device->name());
  BOOST_TEST(status.error().offset == 0U);
  BOOST_TEST(ok(device->flush()));
  BOOST_TEST(new_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(short_write_leaves_whole_blocks) {
  shelf.inject(0, {.kind = FaultKind::kShortWrite, .argument = 2});
  BOOST_TEST(fails(device->write(0, buffer.span()), Code::kIo));
  BOOST_TEST(new_bytes() == 2 * kBlockBytes);
}

BOOST_AUTO_TEST_CASE(torn_block_leaves_leading_sectors) {
  shelf.inject(0, {.kind = FaultKind::kTornBlock, .argument = 5});
  BOOST_TEST(fails(device->write(0, buffer.span()), Code::kIo));
  BOOST_TEST(new_bytes() == 2 * kBlockBytes + 5 * kSectorBytes);
}

BOOST_AUTO_TEST_CASE(conflict_strikes_at_will) {
  shelf.inject(0, {.kind = FaultKind::kConflict});
  BOOST_TEST(fails(device->write(0, buffer.span()), Code::kConflict));
  BOOST_TEST(fails(lun->read_keys(), Code::kConflict));
}

BOOST_AUTO_TEST_CASE(strikes_the_chosen_command_nexus_and_count) {
  shelf.inject(0, {.kind = FaultKind::kIoError,
                   .only = Command::kReadKeys,
                   .initiator = "alpha",
                   .skip = 1,
                   .times = 2});
  BOOST_TEST(ok(beta.lun(0)->read_keys()));
  BOOST_TEST(ok(lun->read_reservation()));
  BOOST_TEST(ok(alpha.lun(1)->read_keys()));
  BOOST_TEST(ok(lun->read_keys()));
  BOOST_TEST(fails(lun->read_keys(), Code::kIo));
  BOOST_TEST(fails(lun->read_keys(), Code::kIo));
  BOOST_TEST(ok(lun->read_keys()));
}

BOOST_AUTO_TEST_CASE(gone_lun_answers_nobody_until_healed) {
  shelf.inject(0, {.kind = FaultKind::kGone});
  BOOST_TEST(fails(device->read(0, buffer.span()), Code::kGone));
  BOOST_TEST(fails(beta.lun(0)->test_unit_ready(), Code::kGone));
  BOOST_TEST(ok(alpha.lun(1)->test_unit_ready()));
  shelf.heal(0);
  BOOST_TEST(ok(lun->test_unit_ready()));
}

BOOST_AUTO_TEST_CASE(unsupported_preempt_and_abort_changes_nothing) {
  shelf.inject(0, {.kind = FaultKind::kUnsupported, .only = Command::kPreemptAndAbort});
  BOOST_TEST(ok(lun->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(ok(beta.lun(0)->register_ignoring_existing(kBetaKey, false)));
  const Status status = lun->preempt_and_abort(kAlphaKey, kBetaKey, kOwnerType);
  BOOST_TEST(fails(status, Code::kUnsupported));
  BOOST_TEST(status.error().sense.asc == 0x20);
  BOOST_TEST(shelf.registrations(0).keys.size() == 2U);
  BOOST_TEST(ok(lun->preempt(kAlphaKey, kBetaKey, kOwnerType)));
}

BOOST_AUTO_TEST_CASE(timed_out_write_lands_later) {
  shelf.inject(0, {.kind = FaultKind::kTimeout, .times = 1});
  BOOST_TEST(fails(device->write(0, buffer.span()), Code::kTimeout));
  BOOST_TEST(new_bytes() == 0U);
  BOOST_TEST(shelf.execute_queued(0) == 1U);
  BOOST_TEST(new_bytes() == kBytes);
}

BOOST_AUTO_TEST_CASE(timed_out_command_is_not_executed) {
  shelf.inject(0, {.kind = FaultKind::kTimeout, .times = 1});
  BOOST_TEST(fails(lun->register_ignoring_existing(kAlphaKey, false), Code::kTimeout));
  BOOST_TEST(shelf.registrations(0).keys.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(hanging_command, Disk)

BOOST_AUTO_TEST_CASE(goes_on_when_released) {
  shelf.inject(0, {.kind = FaultKind::kHang, .times = 2});
  auto registering = std::async(
      std::launch::async, [this] { return lun->register_ignoring_existing(kAlphaKey, false); });
  auto writing = std::async(std::launch::async, [this] { return device->write(0, buffer.span()); });
  shelf.wait_for_hung(0, 2);
  BOOST_TEST(shelf.registrations(0).keys.empty());
  BOOST_TEST(new_bytes() == 0U);
  BOOST_TEST(ok(alpha.lun(1)->test_unit_ready()));
  shelf.release_hung(0);
  BOOST_TEST(ok(registering.get()));
  BOOST_TEST(ok(writing.get()));
  BOOST_TEST(new_bytes() == kBytes);
}

BOOST_AUTO_TEST_CASE(write_is_lost_when_its_owner_is_preempted_and_aborted) {
  BOOST_TEST(ok(lun->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(ok(lun->reserve(kAlphaKey, kOwnerType)));
  shelf.inject(0, {.kind = FaultKind::kHang, .only = Command::kWrite});
  auto writing = std::async(std::launch::async, [this] { return device->write(0, buffer.span()); });
  shelf.wait_for_hung(0, 1);
  const auto b = beta.lun(0);
  BOOST_TEST(ok(b->register_ignoring_existing(kBetaKey, false)));
  BOOST_TEST(ok(b->preempt_and_abort(kBetaKey, kAlphaKey, kOwnerType)));
  BOOST_TEST(fails(writing.get(), Code::kIo));
  BOOST_TEST(new_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(ends_with_the_shelf) {
  auto other = std::make_unique<FakeShelf>();
  const auto hung = other->connect("alpha").lun(0);
  other->inject(0, {.kind = FaultKind::kHang});
  auto waiting = std::async(std::launch::async, [&] { return hung->test_unit_ready(); });
  other->wait_for_hung(0, 1);
  other.reset();
  BOOST_TEST(fails(waiting.get(), Code::kGone));
  BOOST_TEST(fails(hung->test_unit_ready(), Code::kGone));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(hook_and_trace, Disk)

BOOST_AUTO_TEST_CASE(trace_names_command_and_outcome) {
  shelf.clear_trace();
  BOOST_TEST(ok(lun->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(fails(lun->preempt(kAlphaKey, kBetaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(ok(beta.device(1)->read(kBlockBytes, buffer.span())));
  const auto trace = shelf.trace();
  BOOST_TEST_REQUIRE(trace.size() == 3U);
  BOOST_TEST((trace[0].command == Command::kRegister && trace[0].own == kAlphaKey));
  BOOST_TEST((trace[1].command == Command::kPreempt && trace[1].victim == kBetaKey));
  BOOST_TEST(fails(*trace[1].outcome, Code::kConflict));
  BOOST_TEST((trace[2].command == Command::kRead && trace[2].initiator == "beta"));
  BOOST_TEST((trace[2].lun == 1 && trace[2].offset == kBlockBytes));
}

BOOST_AUTO_TEST_CASE(hook_comes_before_the_command_and_may_send_others) {
  bool once = false;
  shelf.set_hook([&](const CommandTrace& command) {
    if (command.command != Command::kReserve || once) return;
    once = true;
    BOOST_TEST(!shelf.reservation(0));
    const auto b = beta.lun(0);
    BOOST_TEST(ok(b->register_ignoring_existing(kBetaKey, false)));
    BOOST_TEST(ok(b->reserve(kBetaKey, kOwnerType)));
  });
  BOOST_TEST(ok(lun->register_ignoring_existing(kAlphaKey, false)));
  BOOST_TEST(fails(lun->reserve(kAlphaKey, kOwnerType), Code::kConflict));
  BOOST_TEST(once);
}

BOOST_AUTO_TEST_CASE(hook_may_kill_the_caller_before_the_command) {
  struct Killed {};
  shelf.set_hook([](const CommandTrace& command) {
    if (command.command == Command::kWrite) throw Killed{};
  });
  BOOST_CHECK_THROW((void)device->write(0, buffer.span()), Killed);
  BOOST_TEST(new_bytes() == 0U);
  BOOST_TEST(ok(device->read(0, buffer.span())));
}

BOOST_AUTO_TEST_CASE(many_threads_lose_no_command) {
  shelf.clear_trace();
  constexpr unsigned kThreads = 8;
  constexpr unsigned kRounds = 200;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const auto mine = shelf.connect("node " + std::to_string(i)).lun(i % 2);
      for (unsigned round = 1; round <= kRounds; ++round) {
        (void)mine->register_ignoring_existing({i * kRounds + round}, false);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(shelf.trace().size() == kThreads * kRounds);
  BOOST_TEST(shelf.registrations(0).generation + shelf.registrations(1).generation ==
             kThreads * kRounds);
  BOOST_TEST(shelf.registrations(0).keys.size() == kThreads / 2);
}

BOOST_AUTO_TEST_SUITE_END()
