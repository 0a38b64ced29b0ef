#include "agent/protocol/disk_view.h"

#include <algorithm>

namespace lastword {

void update_header(DiskView& disk, const SeenHeader& seen) {
  if (!seen.header) {
    disk.problem = seen.header.error();
    return;
  }
  disk.problem.reset();
  if (seen.sequence < disk.header_sequence) return;  // the newer slot was not read whole
  disk.header_is_newer |= seen.sequence > disk.header_sequence;
  disk.header = *seen.header;
  disk.header_sequence = seen.sequence;
}

void keep_newer_headers(Survey& fresh, const Survey& known) {
  for (DiskView& disk : fresh.disks) {
    for (const DiskView& before : known.disks) {
      if (disk.header_sequence < before.header_sequence && disk.info.path == before.info.path &&
          disk.label && before.label && disk.label->disk_uuid() == before.label->disk_uuid()) {
        disk.header = before.header;
        disk.header_sequence = before.header_sequence;
      }
    }
  }
}

bool in_cluster(const DiskView& disk, const Config& config) {
  return disk.label && disk.label->cluster_uuid() == config.cluster_uuid;
}

namespace {

// 0: not a key of this cluster's.
std::uint8_t node_of(ReservationKey key, const Config& config) {
  const auto parts = parse_key(key);
  return parts && parts->cluster == cluster_key_bits(config.cluster_uuid) ? parts->node : 0;
}

}  // namespace

std::uint8_t holder_node(const DiskView& disk, const Config& config) {
  return disk.reservation ? node_of(disk.reservation->holder, config) : 0;
}

bool is_registered(const DiskView& disk, ReservationKey key) {
  return std::find(disk.keys.begin(), disk.keys.end(), key) != disk.keys.end();
}

bool is_registered(const DiskView& disk, const Config& config, std::uint8_t node) {
  return std::any_of(disk.keys.begin(), disk.keys.end(),
                     [&](ReservationKey key) { return node_of(key, config) == node; });
}

std::vector<ReservationKey> foreign_registrants(const DiskView& disk, const Config& config) {
  std::vector<ReservationKey> foreign;
  for (const ReservationKey key : disk.keys) {
    const std::uint8_t node = node_of(key, config);
    if (node == config.self.id || node == config.partner.id) continue;
    if (std::ranges::find(foreign, key) == foreign.end()) foreign.push_back(key);
  }
  return foreign;
}

namespace {

std::uint32_t latest_on(const DiskView& disk, const Config& config, std::uint8_t node) {
  std::uint32_t latest = 0;
  const pb::Label& label = *disk.label;
  if (label.home_node() == node) latest = std::max(latest, label.home_generation());
  if (label.owner_node() == node) latest = std::max(latest, label.owner_generation());
  if (disk.header.node() == node) latest = std::max(latest, disk.header.boot_generation());
  for (const ReservationKey key : disk.keys) {
    if (node_of(key, config) == node) latest = std::max(latest, parse_key(key)->boot_generation);
  }
  return latest;
}

}  // namespace

std::uint32_t latest_generation(const Survey& survey, const Config& config, std::uint8_t node) {
  std::uint32_t latest = 0;
  for (const DiskView& disk : survey.disks) {
    if (in_cluster(disk, config)) latest = std::max(latest, latest_on(disk, config, node));
  }
  return latest;
}

std::uint32_t latest_serving_generation(const Survey& survey, const Config& config,
                                        std::uint8_t node) {
  std::uint32_t latest = 0;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || disk.label->role() == pb::MAILBOX) continue;
    latest = std::max(latest, latest_on(disk, config, node));
  }
  return latest;
}

std::vector<std::size_t> disks_with_uuid(const Survey& survey, const Config& config,
                                         std::string_view uuid) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (in_cluster(disk, config) && disk.label->disk_uuid() == uuid) found.push_back(i);
  }
  return found;
}

}  // namespace lastword
