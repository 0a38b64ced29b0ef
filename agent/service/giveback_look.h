// What a giveback sees of the partner and its disks, from one look to the next.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "agent/disks/survey.h"
#include "agent/protocol/giveback_plan.h"

namespace lastword {

class GivebackLook {
 public:
  using Uuids = std::vector<std::string>;
  using Disks = std::vector<std::size_t>;  // indices into survey()

  // `config` and `surveyor` outlive this. `own`: this node's key.
  GivebackLook(const Config& config, Surveyor& surveyor, ReservationKey own)
      : config_(config), surveyor_(surveyor), own_(own) {}

  // The partner's life, as an operator says: it is not listened to.
  void believe(std::uint32_t told_life) { word_.told_life = told_life; }
  // An error leaves the last look as it is.
  [[nodiscard]] Status again();
  // Looks until the partner is heard, or would have been if it lived.
  [[nodiscard]] Status listen();
  // The partner's life that the disks go to: what follows asks about that one.
  void set_life(std::uint32_t life) { life_ = life; }

  [[nodiscard]] const Survey& survey() const { return look_.survey; }
  [[nodiscard]] const PartnerWord& word() const { return word_; }
  // Empty: that life lives, waits and speaks.
  [[nodiscard]] std::string why_partner_ended() const;

  [[nodiscard]] Uuids uuids_of(const Disks& disks) const;
  [[nodiscard]] std::vector<std::string> paths_of(const Disks& disks) const;
  // Of these disks of the partner's, those that are there.
  [[nodiscard]] Disks that_are(const Uuids& uuids, std::initializer_list<Whereabouts> there) const;
  [[nodiscard]] Disks still_here(const Uuids& uuids) const;
  [[nodiscard]] Disks not_returned(const Uuids& uuids) const;
  [[nodiscard]] bool are_returned(const Uuids& uuids) const;
  // The partner has got a disk back in a later life than `victim`, or is about to.
  [[nodiscard]] bool something_is_gone(std::uint32_t victim) const;

 private:
  const Config& config_;
  Surveyor& surveyor_;
  ReservationKey own_;
  std::uint32_t life_ = 0;
  Look look_;
  PartnerWord word_;
  Instant last_heard_{};
};

}  // namespace lastword
