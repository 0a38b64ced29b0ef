#include "tests/sim/faults.h"

#include <algorithm>

namespace lastword::sim {
namespace {

using fake::Command;

bool is_reservation_command(Command command) {
  switch (command) {
    case Command::kRegister:
    case Command::kReserve:
    case Command::kRelease:
    case Command::kPreempt:
    case Command::kPreemptAndAbort:
      return true;
    default:
      return false;
  }
}

bool is_block_io(Command command) {
  return command == Command::kRead || command == Command::kWrite || command == Command::kFlush;
}

unsigned draw_rate(Random& random, unsigned least) {
  return random.one_in(2) ? 0 : least + random.pick(10 * least);
}

}  // namespace

bool changes_something(Command command) {
  return is_reservation_command(command) || command == Command::kWrite;
}

Rates draw_rates(Random& random) {
  Rates rates{.slow = draw_rate(random, 10),
              .lost = draw_rate(random, 60),
              .answer_lost = draw_rate(random, 60),
              .late = draw_rate(random, 30),
              .queued = draw_rate(random, 10),
              .attention = draw_rate(random, 30),
              .conflict = draw_rate(random, 20),
              .node_fault_ms = 1500 + random.pick(8000),
              .shelf_fault_ms = 4000 + random.pick(15'000),
              .operator_ms = 2000 + random.pick(8000)};
  if (random.one_in(2)) rates.at_command = 10 + random.pick(120);
  rates.kills = random.one_in(2);
  rates.panics = random.pick(4) != 0;
  rates.pauses = random.one_in(3);
  rates.hangs = random.one_in(3);
  rates.unseen = random.one_in(4);
  rates.wipes_run = random.one_in(8);
  rates.power = random.one_in(3);
  rates.orders = random.one_in(2);
  rates.stops = random.one_in(3);
  rates.graceful = random.one_in(3);
  rates.switches = random.one_in(6);
  rates.wipes_var = random.one_in(10);
  rates.clocks = random.one_in(8);
  rates.more_mailboxes = random.one_in(8);
  rates.relabels = random.one_in(4);
  rates.fenced_panics = random.one_in(2);
  if (random.one_in(4)) rates.hanging_hook = 2 + random.pick(6);
  if (random.one_in(4)) rates.killed_in_hook = 2 + random.pick(6);
  return rates;
}

ShelfDraw draw_shelf(Random& random) {
  ShelfDraw draw;
  draw.options.lun_bytes = 64 << 20;
  draw.options.aptpl_capable = random.one_in(2);
  draw.options.aptpl_store_missing = draw.options.aptpl_capable && random.one_in(6);
  draw.options.aborts_for_holder_only = random.one_in(3);
  draw.options.power_on_attention = true;
  draw.options.keeps_trace = false;
  constexpr unsigned kMailboxes[]{0, 1, 1, 3};
  draw.mailboxes = kMailboxes[random.pick(4)];
  draw.preempt_and_abort = !random.one_in(6);
  return draw;
}

Fate draw_fate(const Rates& rates, Random& random, Command command, milliseconds io_timeout) {
  Fate fate;
  fate.arrives_after = random.between(Time(40), Time(random.one_in(8) ? 8000 : 400));
  if (random.one_in(rates.slow)) fate.arrives_after = random.between(Time(0), io_timeout / 2);
  if (command == Command::kTestUnitReady && random.one_in(rates.conflict)) {
    fate.refusal = Code::kConflict;
  }
  if (!is_block_io(command) && random.one_in(rates.attention)) fate.refusal = Code::kUnitAttention;
  if (random.one_in(rates.lost)) {
    fate.arrives = fate.answered = false;
  } else if (random.one_in(rates.answer_lost)) {
    fate.answered = false;
  } else if (changes_something(command) && random.one_in(rates.late)) {
    fate.answered = false;
    fate.executed_after = random.between(Time(io_timeout) / 2, Time(20'000'000));
  } else if (command == Command::kWrite && random.one_in(rates.queued)) {
    fate.executed_after = random.between(Time(1000), Time(4'000'000));
  }
  return fate;
}

}  // namespace lastword::sim
