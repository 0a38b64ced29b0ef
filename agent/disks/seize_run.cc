#include "agent/disks/seize_run.h"

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
    case SeizeCommand::kRegister: {
      const auto capable = [&lun] {
        const auto capabilities = lun.report_capabilities();
        return capabilities && capabilities->aptpl;
      };
      const bool aptpl = goal.aptpl ? *goal.aptpl : capable();
      reply.status = lun.register_ignoring_existing(goal.own, aptpl);
      break;
    }
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
      reply.status = lun.register_ignoring_existing(ReservationKey{0}, false);
      break;
  }
  return reply;
}

}  // namespace

Status seize(ScsiLun& lun, const SeizeGoal& goal, SeizeNotes* notes,
             std::optional<SeizeView> seen) {
  Seize machine(goal, std::move(seen));
  while (const auto command = machine.next()) {
    machine.reply(send(lun, goal, *command, machine.victim()));
  }
  if (notes != nullptr) *notes = {machine.used_reset(), machine.preempted()};
  if (machine.result()) return {};
  Error error = machine.result().error();
  if (error.disk.empty()) error.disk = lun.name();
  return fail(error);
}

}  // namespace lastword
