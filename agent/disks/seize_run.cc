#include "agent/disks/seize_run.h"

#include "proto/unit_attention.h"

namespace lastword {
namespace {

SeizeReply send(ScsiLun& lun, const SeizeGoal& goal, SeizeCommand command, ReservationKey victim) {
  SeizeReply reply;
  switch (command) {
    case SeizeCommand::kTestUnitReady:
      reply.status = lun.test_unit_ready();
      break;
    case SeizeCommand::kReadKeys:
      if (auto keys = lun.read_keys()) {
        reply.registrations = std::move(*keys);
      } else {
        reply.status = fail(keys.error());
      }
      break;
    case SeizeCommand::kReadReservation:
      if (auto reservation = lun.read_reservation()) {
        reply.reservation = *reservation;
      } else {
        reply.status = fail(reservation.error());
      }
      break;
    case SeizeCommand::kRegister:
      reply.status =
          lun.register_ignoring_existing(goal.own, goal.aptpl ? *goal.aptpl : tries_aptpl(lun));
      break;
    case SeizeCommand::kRegisterVolatile:
      reply.status = lun.register_ignoring_existing(goal.own, false);
      break;
    case SeizeCommand::kPreemptAndAbort:
      reply.status = lun.preempt_and_abort(goal.own, victim, kOwnerType);
      break;
    case SeizeCommand::kPreempt:
      reply.status = lun.preempt(goal.own, victim, kOwnerType);
      break;
    case SeizeCommand::kLogicalUnitReset:
      reply.status = lun.logical_unit_reset();
      break;
    case SeizeCommand::kReserve:
      reply.status = lun.reserve(goal.own, kOwnerType);
      break;
    case SeizeCommand::kUnregister:
      reply.status = unregister(lun);
      break;
  }
  return reply;
}

}  // namespace

bool tries_aptpl(ScsiLun& lun) {
  const auto capabilities = past_unit_attentions([&] { return lun.report_capabilities(); });
  return capabilities ? capabilities->aptpl : capabilities.error().code != Code::kUnsupported;
}

Status seize(ScsiLun& lun, const SeizeGoal& goal, SeizeNotes* notes, std::optional<SeizeView> seen,
             const std::function<void()>& on_giving_up) {
  Seize machine(goal, std::move(seen));
  bool told = false;
  while (const auto command = machine.next()) {
    if (machine.giving_up() && !told && on_giving_up) on_giving_up();
    told = machine.giving_up();
    machine.reply(send(lun, goal, *command, machine.victim()));
  }
  if (notes != nullptr) {
    *notes = {.used_reset = machine.used_reset(),
              .preempted = machine.preempted(),
              .found_held = machine.found_held(),
              .was_reset = machine.was_reset(),
              .aptpl_refused = machine.aptpl_refused(),
              .foreign_removed = machine.foreign_removed()};
  }
  if (machine.result()) return {};
  Error error = machine.result().error();
  if (error.disk.empty()) error.disk = lun.name();
  return fail(error);
}

Status unregister(ScsiLun& lun) {
  const auto with = [&lun](bool aptpl) {
    return past_unit_attentions(
        [&] { return lun.register_ignoring_existing(ReservationKey{0}, aptpl); });
  };
  if (!tries_aptpl(lun)) return with(false);
  const Status status = with(true);
  if (!status && refuses_aptpl(status.error())) return with(false);
  return status;
}

}  // namespace lastword
