#include "agent/service/giveback_look.h"

#include <algorithm>

namespace lastword {

GivebackLook::Disks GivebackLook::that_are(const Uuids& uuids,
                                           std::initializer_list<Whereabouts> there) const {
  Disks disks;
  for (const std::size_t disk : disks_of_partner(survey(), config())) {
    const DiskView& view = survey().disks[disk];
    if (std::ranges::count(uuids, view.label->disk_uuid()) == 0) continue;
    if (std::ranges::count(there, whereabouts(view, config(), own_, life())) == 0) continue;
    disks.push_back(disk);
  }
  return disks;
}

GivebackLook::Uuids GivebackLook::out_of_sight(const Uuids& uuids) const {
  Uuids hidden = uuids;
  for (const std::size_t disk : disks_of_partner(survey(), config())) {
    std::erase(hidden, survey().disks[disk].label->disk_uuid());
  }
  return hidden;
}

GivebackLook::Disks GivebackLook::still_here(const Uuids& uuids) const {
  return that_are(uuids, {Whereabouts::kHere, Whereabouts::kPromised});
}

GivebackLook::Disks GivebackLook::not_returned(const Uuids& uuids) const {
  return that_are(uuids, {Whereabouts::kHere, Whereabouts::kPromised, Whereabouts::kOnItsWay,
                          Whereabouts::kAstray});
}

// A disk that is out of sight is not known to be returned.
bool GivebackLook::are_returned(const Uuids& uuids) const {
  return that_are(uuids, {Whereabouts::kReturned}).size() == uuids.size();
}

bool GivebackLook::something_is_gone(std::uint32_t victim) const {
  return std::ranges::any_of(disks_of_partner(survey(), config()), [&](std::size_t disk) {
    return has_gone(survey().disks[disk], config(), victim);
  });
}

}  // namespace lastword
