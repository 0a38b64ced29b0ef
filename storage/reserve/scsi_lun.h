// The SCSI commands lastword sends, each on one nexus to one logical unit. Clauses are SPC-4
// (T10/1731-D) unless named otherwise. NVMe reservations (NVM Express Base Specification, clause
// Reservations) would come as another implementation of this interface, beside sg_lun.h.
//
// No policy and no retries here: a unit attention comes back as kUnitAttention, a conflict as
// kConflict, an unknown command or action as kUnsupported. Otherwise kTimeout, kGone or kIo; an
// answer that contradicts itself is kCorrupt. After kTimeout the command may still be executed.
#pragma once

#include <optional>
#include <string_view>

#include "proto/error.h"
#include "proto/reservation.h"

namespace lastword {

class ScsiLun {
 public:
  virtual ~ScsiLun() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  [[nodiscard]] virtual Status test_unit_ready() = 0;
  [[nodiscard]] virtual Result<Registrations> read_keys() = 0;
  [[nodiscard]] virtual Result<std::optional<Reservation>> read_reservation() = 0;
  [[nodiscard]] virtual Result<PrCapabilities> report_capabilities() = 0;

  // REGISTER AND IGNORE EXISTING KEY. `key` 0 unregisters this nexus, and with it releases a
  // reservation that it holds (5.13.11.2.3).
  [[nodiscard]] virtual Status register_ignoring_existing(ReservationKey key, bool aptpl) = 0;
  [[nodiscard]] virtual Status reserve(ReservationKey own, PrType type) = 0;
  [[nodiscard]] virtual Status release(ReservationKey own, PrType type) = 0;

  // Removes every registration with the victim's key; when the victim held the reservation, this
  // nexus holds it afterwards (5.13.11.2.6). Commands of the victim that the target had accepted
  // before may still be executed after a plain PREEMPT.
  [[nodiscard]] virtual Status preempt(ReservationKey own, ReservationKey victim, PrType type) = 0;
  [[nodiscard]] virtual Status preempt_and_abort(ReservationKey own, ReservationKey victim,
                                                 PrType type) = 0;
  // SAM-5 LOGICAL UNIT RESET: aborts every command of every nexus on this logical unit.
  [[nodiscard]] virtual Status logical_unit_reset() = 0;
};

}  // namespace lastword
