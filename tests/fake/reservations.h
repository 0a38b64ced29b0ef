// Persistent reservations of one logical unit, as SPC-4 (T10/1731-D) 5.13 has them. Pure: no I/O,
// no clock. The fake shelf asks it what each command does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "storage/reserve/scsi_lun.h"

namespace lastword::fake {

using NexusId = unsigned;

// Additional sense code and qualifier of a unit attention.
struct Attention {
  std::uint8_t asc = 0;
  std::uint8_t ascq = 0;
  auto operator<=>(const Attention&) const = default;
};
inline constexpr Attention kPowerOn{0x29, 0x00};
inline constexpr Attention kDeviceReset{0x29, 0x03};
inline constexpr Attention kReservationsPreempted{0x2a, 0x03};  // by CLEAR only
inline constexpr Attention kReservationsReleased{0x2a, 0x04};
inline constexpr Attention kRegistrationsPreempted{0x2a, 0x05};
inline constexpr Attention kCommandsCleared{0x2f, 0x00};

class PersistentReservations {
 public:
  enum class Outcome { kGood, kConflict, kInvalidField, kInvalidRelease, kNotKept };
  // What a command did beyond its own answer.
  struct Effect {
    Outcome outcome = Outcome::kGood;
    std::vector<std::pair<NexusId, Attention>> attentions = {};
    std::vector<NexusId> preempted = {};  // lost their registration to a preempt
    bool took_reservation = false;        // the preempt hit the reservation's holder
  };

  [[nodiscard]] Effect register_ignoring_existing(NexusId nexus, ReservationKey key, bool aptpl);
  [[nodiscard]] Effect reserve(NexusId nexus, ReservationKey own, PrType type);
  [[nodiscard]] Effect release(NexusId nexus, ReservationKey own, PrType type);
  [[nodiscard]] Effect preempt(NexusId nexus, ReservationKey own, ReservationKey victim,
                               PrType type);
  [[nodiscard]] Effect clear(NexusId nexus, ReservationKey own);
  // Keeps everything if the last registration asked for it (APTPL), nothing otherwise.
  void lose_power();

  [[nodiscard]] bool allows_read(NexusId nexus) const;
  [[nodiscard]] bool allows_write(NexusId nexus) const;
  [[nodiscard]] Registrations registrations() const;
  [[nodiscard]] const std::map<NexusId, ReservationKey>& registered() const { return registered_; }
  [[nodiscard]] std::optional<Reservation> reservation() const;

 private:
  struct Held {
    NexusId holder = 0;  // without meaning for the all-registrants types
    PrType type = kOwnerType;
  };

  [[nodiscard]] bool is_registered(NexusId nexus) const { return registered_.contains(nexus); }
  [[nodiscard]] bool is_registered_as(NexusId nexus, ReservationKey key) const;
  [[nodiscard]] bool is_holder(NexusId nexus) const;
  [[nodiscard]] Effect unregister(NexusId nexus);
  [[nodiscard]] Effect remove_registrations(NexusId nexus, ReservationKey victim);
  [[nodiscard]] Effect take_reservation(NexusId nexus, ReservationKey victim, PrType type);
  void tell_others(NexusId nexus, Attention attention, Effect& effect) const;

  std::map<NexusId, ReservationKey> registered_;
  std::optional<Held> held_;
  std::uint32_t generation_ = 0;
  bool aptpl_ = false;
};

}  // namespace lastword::fake
