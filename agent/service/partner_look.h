// What a giveback or a handover sees of the partner, from one look at the disks to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/disks/survey.h"
#include "agent/protocol/partner_word.h"

namespace lastword {

// Who waits for the partner looks so often.
inline constexpr milliseconds kPauseBetweenLooks{500};

class PartnerLook {
 public:
  using Uuids = std::vector<std::string>;
  using Disks = std::vector<std::size_t>;  // indices into survey()

  // `config` and `surveyor` outlive this.
  PartnerLook(const Config& config, Surveyor& surveyor) : config_(config), surveyor_(surveyor) {}

  // The partner's life, as an operator says: it is not listened to.
  void believe(std::uint32_t told_life) { word_.told_life = told_life; }
  // An error leaves the last look as it is.
  [[nodiscard]] Status again();
  // Looks until the partner is heard, or would have been if it lived.
  [[nodiscard]] Status listen();
  // The partner's life that the work is about: what follows asks about that one.
  void set_life(std::uint32_t life) { life_ = life; }

  [[nodiscard]] const Survey& survey() const { return look_.survey; }
  [[nodiscard]] const PartnerWord& word() const { return word_; }
  // Empty: that life lives and speaks.
  [[nodiscard]] std::string why_partner_ended() const;

  [[nodiscard]] Uuids uuids_of(const Disks& disks) const;
  [[nodiscard]] std::vector<std::string> paths_of(const Disks& disks) const;

 protected:
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] std::uint32_t life() const { return life_; }

 private:
  const Config& config_;
  Surveyor& surveyor_;
  std::uint32_t life_ = 0;
  Look look_;
  PartnerWord word_;
  Instant last_heard_{};
};

}  // namespace lastword
