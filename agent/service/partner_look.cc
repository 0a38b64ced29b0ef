#include "agent/service/partner_look.h"

#include <fmt/format.h>

#include <utility>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/peer_watch.h"

namespace lastword {

Status PartnerLook::again() {
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

Status PartnerLook::listen() {
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

std::string PartnerLook::why_partner_ended() const {
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

PartnerLook::Uuids PartnerLook::uuids_of(const Disks& disks) const {
  Uuids uuids;
  for (const std::size_t disk : disks) uuids.push_back(survey().disks[disk].label->disk_uuid());
  return uuids;
}

std::vector<std::string> PartnerLook::paths_of(const Disks& disks) const {
  std::vector<std::string> paths;
  for (const std::size_t disk : disks) paths.push_back(survey().disks[disk].info.path);
  return paths;
}

}  // namespace lastword
