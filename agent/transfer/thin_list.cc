#include "agent/transfer/thin_list.h"

#include <algorithm>

#include "agent/transfer/list_run.h"

namespace lastword {
namespace {

pb::CloneListed listed_volume(const LvmPool& pool, const LvmVolume& volume) {
  pb::CloneListed listed;
  const std::string snapshot = tag_value(volume.tags, kSnapshotTag);
  listed.set_path(whole_name(pool.place, volume.name));
  listed.set_size(volume.size);
  listed.set_snapshot_uuid(snapshot);
  const std::string outside = external_origin(pool, volume);
  if (!outside.empty()) listed.set_external_origin(whole_name(pool.place, outside));
  if (is_volume(volume)) {
    listed.set_kind("volume");
  } else if (snapshot.empty()) {
    listed.set_kind("staged");
  } else {
    listed.set_kind(volume.name == record_name(snapshot) ? "record" : "snapshot");
  }
  return listed;
}

}  // namespace

Result<pb::CloneList> list_thin_pool(LvmCommands& commands, const ThinPlace& place) {
  const auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  auto maps = read_maps(commands, *pool);
  if (!maps) return fail(maps.error());
  const auto use = use_of_pool(commands, *pool);
  if (!use) return fail(use.error());
  ThinBlockMap blocks(std::move(*maps));
  std::vector<pb::CloneListed> listed;
  std::vector<ListedVolume> mapped;
  for (const auto& [id, device] : blocks.pool().devices) {
    const auto known = std::ranges::find(pool->volumes, id, &LvmVolume::id);
    pb::CloneListed& one = listed.emplace_back();
    if (known != pool->volumes.end()) {
      one = listed_volume(*pool, *known);
    } else {
      one.set_path(whole_name(place, place.pool) + ":" + std::to_string(id));
      one.set_kind("unknown");
    }
    auto map = blocks.map(std::to_string(id));
    if (!map) return fail(map.error());
    // LVM counts the numbers up, so that of two of one time the second is younger.
    mapped.push_back(
        {.born_ns = (std::int64_t{device.created} << 24) + id, .mappings = std::move(*map)});
  }
  pb::CloneList list = arrange_list(std::move(listed), mapped);
  list.set_pool_used_bytes(use->data_used * pool->block_bytes);
  list.set_pool_free_bytes((use->data_all - use->data_used) * pool->block_bytes);
  return list;
}

}  // namespace lastword
