#include "agent/service/giveback_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/peer_watch.h"

namespace lastword {

Status GivebackLook::again() {
  auto look = surveyor_.look();
  if (!look) return fail(look.error());
  look_ = std::move(*look);
  auto newest = newest_of_partner(survey(), config_);
  if (!newest || (word_.slot && !is_newer(*newest, *word_.slot))) return {};
  word_.heard = word_.slot.has_value();  // what is found first may be old
  word_.slot = std::move(newest);
  last_heard_ = surveyor_.executor().now();
  return {};
}

Status GivebackLook::listen() {
  if (Status looked = again(); !looked) return looked;
  Executor& executor = surveyor_.executor();
  const Timing& timing = config_.timing;
  const Instant end = executor.now() + timing.freshness() + 2 * timing.settings.io_timeout;
  while (word_.told_life == 0 && word_.slot && !word_.heard && executor.now() < end) {
    executor.sleep(timing.settings.heartbeat / 2);
    if (Status looked = again(); !looked) return looked;
  }
  return {};
}

std::string GivebackLook::why_partner_ended() const {
  if (std::string why = why_life_ended(survey(), config_, life_); !why.empty()) return why;
  if (word_.told_life != 0) return {};
  const bool stopped =
      word_.slot && word_.slot->generation() == life_ && word_.slot->presence() == pb::GONE;
  if (stopped) return fmt::format("`lastword stop` has ended {}'s life", config_.partner.name);
  const milliseconds quiet = surveyor_.executor().now() - last_heard_;
  if (quiet < config_.timing.peer_silence()) return {};
  return fmt::format("{} has not been heard for {:g} s", config_.partner.name,
                     static_cast<double>(quiet.count()) / 1000);
}

GivebackLook::Uuids GivebackLook::uuids_of(const Disks& disks) const {
  Uuids uuids;
  for (const std::size_t disk : disks) uuids.push_back(survey().disks[disk].label->disk_uuid());
  return uuids;
}

std::vector<std::string> GivebackLook::paths_of(const Disks& disks) const {
  std::vector<std::string> paths;
  for (const std::size_t disk : disks) paths.push_back(survey().disks[disk].info.path);
  return paths;
}

GivebackLook::Disks GivebackLook::that_are(const Uuids& uuids,
                                           std::initializer_list<Whereabouts> there) const {
  Disks disks;
  for (const std::size_t disk : disks_of_partner(survey(), config_)) {
    const DiskView& view = survey().disks[disk];
    if (std::ranges::count(uuids, view.label->disk_uuid()) == 0) continue;
    if (std::ranges::count(there, whereabouts(view, config_, own_, life_)) == 0) continue;
    disks.push_back(disk);
  }
  return disks;
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
  return std::ranges::any_of(disks_of_partner(survey(), config_), [&](std::size_t disk) {
    return has_gone(survey().disks[disk], config_, victim);
  });
}

}  // namespace lastword
