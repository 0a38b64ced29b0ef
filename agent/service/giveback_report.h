// What a giveback did, or what it would do now (`lastword giveback --dry-run`). Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/protocol/giveback_plan.h"

namespace lastword {

struct GivebackReport {
  struct Disk {
    std::string path;
    std::string uuid;
    pb::Role role = pb::SERVICE;
    std::string outcome;  // "returned", "kept", ...; forecast: "first", "with the service", ...
    std::string detail;
  };
  struct Objection {
    std::string disk;  // path; empty: none in particular
    std::string reason;
    std::string remedy;
    std::string flag;  // that overrides it; empty: nothing does
  };
  std::vector<Disk> disks;
  std::vector<Objection> vetoes;  // not empty: nothing was touched
  std::string problem;            // why it has not come to its end, and what follows
  bool complete = false;          // each disk is the partner's; forecast: nothing known against it
};

// The rows of all disks whose home is the partner, as they are now.
[[nodiscard]] std::vector<GivebackReport::Disk> giveback_rows(const Survey& survey,
                                                              const Config& config,
                                                              ReservationKey own,
                                                              std::uint32_t life);
[[nodiscard]] std::vector<GivebackReport::Objection> objections(const Survey& survey,
                                                                const std::vector<Veto>& vetoes);
// What give_back() (giveback_run.h) would do first, and whether it could.
[[nodiscard]] GivebackReport forecast_giveback(const Survey& survey, const Config& config,
                                               ReservationKey own, const GivebackPlan& plan);

}  // namespace lastword
