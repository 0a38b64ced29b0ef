// What a giveback sees of the partner and its disks, from one look to the next.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "agent/protocol/giveback_plan.h"
#include "agent/service/partner_look.h"

namespace lastword {

class GivebackLook : public PartnerLook {
 public:
  // `config` and `surveyor` outlive this. `own`: this node's key.
  GivebackLook(const Config& config, Surveyor& surveyor, ReservationKey own)
      : PartnerLook(config, surveyor), own_(own) {}

  // Of these disks of the partner's, those that are there.
  [[nodiscard]] Disks that_are(const Uuids& uuids, std::initializer_list<Whereabouts> there) const;
  // Of these, those that the look did not find, or could not read.
  [[nodiscard]] Uuids out_of_sight(const Uuids& uuids) const;
  [[nodiscard]] Disks still_here(const Uuids& uuids) const;
  [[nodiscard]] Disks not_returned(const Uuids& uuids) const;
  [[nodiscard]] bool are_returned(const Uuids& uuids) const;
  // The partner has got a disk back in a later life than `victim`, or is about to.
  [[nodiscard]] bool something_is_gone(std::uint32_t victim) const;

 private:
  ReservationKey own_;
};

}  // namespace lastword
