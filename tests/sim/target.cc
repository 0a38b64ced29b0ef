#include "tests/sim/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lastword::sim {
namespace {

using fake::Command;

bool changes_reservations(Command command) {
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

std::uint64_t digest_of_status(const Status& answer) {
  return answer ? 0 : 1 + static_cast<std::uint64_t>(answer.error().code);
}

fake::ShelfOptions with_luns(fake::ShelfOptions options, unsigned luns) {
  options.luns = luns;
  return options;
}

}  // namespace

Target::Target(Scheduler& scheduler, Random& random, const ShelfDraw& draw, unsigned luns,
               const Rates& rates, milliseconds io_timeout)
    : scheduler_(scheduler),
      random_(random),
      shelf_(with_luns(draw.options, luns)),
      aborts_for_holder_only_(draw.options.aborts_for_holder_only),
      rates_(rates),
      io_timeout_(io_timeout) {
  for (unsigned lun = 0; lun < luns && !draw.preempt_and_abort; ++lun) {
    shelf_.inject(lun, {.kind = fake::FaultKind::kUnsupported, .only = Command::kPreemptAndAbort});
  }
}

Error Target::error_of(const Flight& flight, Code code) const {
  Error error{.code = code,
              .operation = name_of(flight.order.about.command),
              .disk = fmt::format("lun {}", flight.order.about.lun)};
  if (code == Code::kIo) error.sys_errno = EIO;
  return error;
}

Status Target::send(const ActorPtr& actor, Order order) {
  Fate fate = director != nullptr ? director->fate_of(*actor, order.about)
                                  : draw_fate(rates_, random_, order.about.command, io_timeout_);
  if (on_sent && !actor->service) on_sent(*actor, order.about);
  if (on_change_sent && !actor->service && changes_something(order.about.command)) {
    on_change_sent(*actor);
  }
  const Time until = hung_until(actor->node, order.about.lun);
  const bool hangs = until > scheduler_.now();
  if (hangs) {
    fate.arrives_after = until - scheduler_.now();
    fate.answered = fate.arrives = !order.bounded;
  }
  const bool comes = fate.arrives && fate.answered && fate.executed_after == Time{0} &&
                     fate.arrives_after < io_timeout_;
  const bool times_out = !comes && (order.bounded || !fate.answered);
  const auto flight = std::make_shared<Flight>();
  flight->actor = actor;
  flight->order = std::move(order);
  flight->answers = fate.answered;
  if (hangs && fate.arrives) flight->held_up = fate;
  flight->place = flights_.insert(flights_.end(), flight);
  scheduler_.park([&](const Waiter& waiter) {
    flight->waiter = waiter;
    if (fate.arrives) {
      scheduler_.after(fate.arrives_after, [this, flight, fate, hangs] {
        if (!hangs || flight->held_up) arrive(flight, fate);
      });
    }
    if (!times_out) return;
    scheduler_.after(io_timeout_, [this, flight, arrives = fate.arrives] {
      if (!flight->answer) {
        flight->answer = fail(error_of(*flight, Code::kTimeout));
        scheduler_.wake(flight->waiter);
      }
      if (!arrives && !flight->over) end(flight, *flight->answer);
    });
  });
  if (director != nullptr) director->learnt(*actor, digest_of_status(*flight->answer));
  return *flight->answer;
}

void Target::arrive(const FlightPtr& flight, const Fate& fate) {
  if (flight->over) return;
  flight->held_up.reset();
  if (fate.refusal) return end(flight, fail(error_of(*flight, *fate.refusal)));
  if (fate.executed_after == Time{0} && !is_held(flight, fate)) return execute(flight);
  if (fate.executed_after == Time{0}) return;
  if (flight->order.data &&
      !shelf_.allows_write(flight->actor->initiator, flight->order.about.lun)) {
    return execute(flight);  // refused at once
  }
  flight->accepted = true;
  if (is_held(flight, fate)) return;
  scheduler_.after(fate.executed_after, [this, flight] {
    if (!flight->over) execute(flight);
  });
}

bool Target::is_held(const FlightPtr& flight, const Fate& fate) {
  if (director == nullptr) return false;
  return director->holds(*flight->actor, flight->order.about, !fate.answered, [this, flight] {
    if (!flight->over) execute(flight);
  });
}

void Target::execute(const FlightPtr& flight) {
  Order& order = flight->order;
  const bool awaited = !flight->answer && Scheduler::waits(flight->waiter);
  if (order.only_if_awaited && !awaited) return end(flight, fail(error_of(*flight, Code::kGone)));
  std::vector<fake::Registrant> before;
  std::optional<Reservation> held_before;
  if (changes_reservations(order.about.command)) {
    before = shelf_.registrants(order.about.lun);
    held_before = shelf_.reservation(order.about.lun);
  }
  Status status;
  if (order.data && flight->accepted) {
    shelf_.land(order.about.lun, order.about.offset, *order.data);
  } else {
    status = order.execute();
  }
  order.about.outcome = status;
  const Executed executed{.actor = *flight->actor,
                          .about = order.about,
                          .before = std::move(before),
                          .held_before = held_before,
                          .late = !awaited};
  abort_after(executed);
  if (on_executed) on_executed(executed);
  if (director != nullptr) director->executed(*flight->actor, order.about);
  end(flight, status);
}

void Target::end(const FlightPtr& flight, const Status& answer) {
  if (!std::exchange(flight->over, true)) flights_.erase(flight->place);
  if (flight->answer || !flight->answers) return;
  flight->answer = answer;
  scheduler_.wake(flight->waiter);
}

void Target::abort(const FlightPtr& flight) {
  if (note) {
    note(fmt::format("aborted: {} of {} on lun {}", name_of(flight->order.about.command),
                     flight->actor->process, flight->order.about.lun));
  }
  flight->answers = true;
  end(flight, fail(error_of(*flight, Code::kIo)));
}

// What a target does to commands that it has accepted and not executed (SPC-4 5.13.11.2.6, SAM-5
// LOGICAL UNIT RESET).
void Target::abort_after(const Executed& executed) {
  const fake::CommandTrace& about = executed.about;
  if (!about.outcome->has_value()) return;
  if (about.command == Command::kReset) {
    for (const FlightPtr& flight : flights()) {
      if (flight->accepted && flight->order.about.lun == about.lun) abort(flight);
    }
    return;
  }
  if (about.command != Command::kPreemptAndAbort) return;
  const bool took = executed.held_before && executed.held_before->holder == about.victim;
  if (!took && aborts_for_holder_only_) return;
  const auto after = shelf_.registrants(about.lun);
  for (const fake::Registrant& registrant : executed.before) {
    if (std::ranges::find(after, registrant) != after.end()) continue;
    for (const FlightPtr& flight : flights()) {
      if (flight->accepted && flight->order.about.lun == about.lun &&
          flight->actor->initiator == registrant.initiator) {
        abort(flight);
      }
    }
  }
}

bool Target::may_change(unsigned lun) const {
  return std::ranges::any_of(flights_, [lun](const FlightPtr& flight) {
    return flight->order.about.lun == lun && changes_something(flight->order.about.command);
  });
}

void Target::node_died(std::uint8_t node, unsigned boot) {
  for (const FlightPtr& flight : flights()) {
    if (flight->actor->node != node || flight->actor->boot != boot || flight->accepted) continue;
    if (director != nullptr ? director->loses_commands_of(node) : random_.one_in(2)) {
      end(flight, fail(error_of(*flight, Code::kGone)));
    }
  }
}

void Target::logs_in(const std::string& initiator) {
  for (const FlightPtr& flight : flights()) {
    if (flight->actor->initiator != initiator || flight->accepted) continue;
    end(flight, fail(error_of(*flight, Code::kGone)));
  }
}

void Target::lose_power() {
  for (const FlightPtr& flight : flights()) {
    flight->answers = true;
    end(flight, fail(error_of(*flight, Code::kIo)));
  }
  shelf_.lose_power([this](std::uint64_t) {
    return random_.one_in(2) ? 0U : random_.pick(fake::kSectorsPerBlock + 1);
  });
}

void Target::abort_writes(const std::string& initiator, unsigned lun) {
  for (const FlightPtr& flight : flights()) {
    if (flight->order.data && flight->actor->initiator == initiator &&
        flight->order.about.lun == lun) {
      flight->answers = true;
      end(flight, fail(error_of(*flight, Code::kIo)));
    }
  }
}

void Target::calm() {
  rates_ = {};
  for (auto& node : hung_until_) node.fill(scheduler_.now());
  for (const FlightPtr& flight : flights()) {
    if (flight->accepted) execute(flight);
    if (const auto fate = flight->held_up) arrive(flight, *fate);
  }
}

}  // namespace lastword::sim
