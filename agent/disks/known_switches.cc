#include "agent/disks/known_switches.h"

#include "agent/node/switches_file.h"

namespace lastword {

KnownSwitches read_switches(const Config& config, const Survey& survey) {
  KnownSwitches known;
  known.switches = {.own = switches_on_disks(survey, config, config.self.id),
                    .peer = switches_on_disks(survey, config, config.partner.id)};
  const auto here = load_switches(config);
  if (here) {
    known.switches.own = newer(known.switches.own, *here);
  } else if (here.error().code != Code::kNotFound) {
    known.problem = here.error();
  }
  return known;
}

}  // namespace lastword
