#include "tests/fake/reservations.h"

namespace lastword::fake {
namespace {

bool is_all_registrants(PrType type) {
  return type == PrType::kWriteExclusiveAllRegistrants ||
         type == PrType::kExclusiveAccessAllRegistrants;
}

bool is_registrants_only(PrType type) {
  return type == PrType::kWriteExclusiveRegistrantsOnly ||
         type == PrType::kExclusiveAccessRegistrantsOnly;
}

bool is_write_exclusive(PrType type) {
  return type == PrType::kWriteExclusive || type == PrType::kWriteExclusiveRegistrantsOnly ||
         type == PrType::kWriteExclusiveAllRegistrants;
}

PersistentReservations::Effect only(PersistentReservations::Outcome outcome) {
  return {.outcome = outcome};
}

}  // namespace

using Effect = PersistentReservations::Effect;

bool PersistentReservations::is_registered_as(NexusId nexus, ReservationKey key) const {
  const auto found = registered_.find(nexus);
  return found != registered_.end() && found->second == key;
}

bool PersistentReservations::is_holder(NexusId nexus) const {
  if (!held_) return false;
  return is_all_registrants(held_->type) ? is_registered(nexus) : held_->holder == nexus;
}

void PersistentReservations::tell_others(NexusId nexus, Attention attention, Effect& effect) const {
  for (const auto& [other, key] : registered_) {
    if (other != nexus) effect.attentions.emplace_back(other, attention);
  }
}

// 5.13.7
Effect PersistentReservations::register_ignoring_existing(NexusId nexus, ReservationKey key,
                                                          bool aptpl) {
  ++generation_;
  aptpl_ = aptpl;
  if (key.value == 0) return unregister(nexus);
  registered_[nexus] = key;
  return {};
}

// 5.13.11.2.3
Effect PersistentReservations::unregister(NexusId nexus) {
  const bool was_holder = is_holder(nexus);
  registered_.erase(nexus);
  if (!was_holder) return {};
  if (is_all_registrants(held_->type) && !registered_.empty()) return {};
  Effect effect;
  if (is_registrants_only(held_->type)) tell_others(nexus, kReservationsReleased, effect);
  held_.reset();
  return effect;
}

// 5.13.9
Effect PersistentReservations::reserve(NexusId nexus, ReservationKey own, PrType type) {
  if (!is_registered_as(nexus, own)) return only(Outcome::kConflict);
  if (held_ && !(is_holder(nexus) && held_->type == type)) return only(Outcome::kConflict);
  if (!held_) held_ = Held{.holder = nexus, .type = type};
  return {};
}

// 5.13.11.2.2
Effect PersistentReservations::release(NexusId nexus, ReservationKey own, PrType type) {
  if (!is_registered_as(nexus, own)) return only(Outcome::kConflict);
  if (!is_holder(nexus)) return {};
  if (held_->type != type) return only(Outcome::kInvalidRelease);
  Effect effect;
  if (is_registrants_only(type) || is_all_registrants(type)) {
    tell_others(nexus, kReservationsReleased, effect);
  }
  held_.reset();
  return effect;
}

// 5.13.11.2.4, which of the two a PREEMPT is
Effect PersistentReservations::preempt(NexusId nexus, ReservationKey own, ReservationKey victim,
                                       PrType type) {
  if (!is_registered_as(nexus, own)) return only(Outcome::kConflict);
  const bool all_registrants = held_ && is_all_registrants(held_->type);
  if (victim.value == 0) {
    if (!all_registrants) return only(Outcome::kInvalidField);
    return take_reservation(nexus, victim, type);
  }
  if (held_ && !all_registrants && is_registered_as(held_->holder, victim)) {
    return take_reservation(nexus, victim, type);
  }
  return remove_registrations(nexus, victim);
}

// 5.13.11.2.5: the preempting nexus loses its own registration too if the key is its own.
Effect PersistentReservations::remove_registrations(NexusId nexus, ReservationKey victim) {
  Effect effect;
  std::erase_if(registered_, [&](const auto& registration) {
    if (registration.second != victim) return false;
    effect.preempted.push_back(registration.first);
    if (registration.first != nexus) {
      effect.attentions.emplace_back(registration.first, kRegistrationsPreempted);
    }
    return true;
  });
  if (effect.preempted.empty()) return only(Outcome::kConflict);
  ++generation_;
  if (held_ && is_all_registrants(held_->type) && registered_.empty()) held_.reset();
  return effect;
}

// 5.13.11.2.6: the preempting nexus keeps its own registration. Victim 0: all others'.
Effect PersistentReservations::take_reservation(NexusId nexus, ReservationKey victim, PrType type) {
  ++generation_;
  Effect effect{.took_reservation = true};
  const bool type_changed = held_->type != type;
  std::erase_if(registered_, [&](const auto& registration) {
    const bool hit =
        registration.first != nexus && (victim.value == 0 || registration.second == victim);
    if (hit) {
      effect.preempted.push_back(registration.first);
      effect.attentions.emplace_back(registration.first, kRegistrationsPreempted);
    }
    return hit;
  });
  held_ = Held{.holder = nexus, .type = type};
  if (type_changed) tell_others(nexus, kReservationsReleased, effect);
  return effect;
}

// 5.13.11.2.8
Effect PersistentReservations::clear(NexusId nexus, ReservationKey own) {
  if (!is_registered_as(nexus, own)) return only(Outcome::kConflict);
  ++generation_;
  Effect effect;
  tell_others(nexus, kReservationsPreempted, effect);
  registered_.clear();
  held_.reset();
  return effect;
}

void PersistentReservations::lose_power() {
  generation_ = 0;
  if (aptpl_) return;
  registered_.clear();
  held_.reset();
}

// SBC-3 4.17: READ, then WRITE and SYNCHRONIZE CACHE.
bool PersistentReservations::allows_read(NexusId nexus) const {
  return !held_ || is_write_exclusive(held_->type) || allows_write(nexus);
}

bool PersistentReservations::allows_write(NexusId nexus) const {
  if (!held_ || is_holder(nexus)) return true;
  return is_registrants_only(held_->type) && is_registered(nexus);
}

Registrations PersistentReservations::registrations() const {
  Registrations all{.generation = generation_, .keys = {}};
  for (const auto& [nexus, key] : registered_) all.keys.push_back(key);
  return all;
}

std::optional<Reservation> PersistentReservations::reservation() const {
  if (!held_) return std::nullopt;
  if (is_all_registrants(held_->type)) return Reservation{.holder = {}, .type = held_->type};
  return Reservation{.holder = registered_.at(held_->holder), .type = held_->type};
}

}  // namespace lastword::fake
