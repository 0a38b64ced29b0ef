#include "agent/transfer/thin_snapshot.h"

#include <algorithm>
#include <string_view>

#include "agent/base/utc.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/thin_lock.h"
#include "agent/transfer/thin_space.h"
#include "agent/transfer/thin_store.h"
#include "agent/transfer/without_interruption.h"
#include "proto/format_text.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

tl::unexpected<Error> refused_at(const ThinPlace& place, std::string_view why) {
  return fail({.code = Code::kRefused,
               .operation = "take snapshot",
               .disk = to_string(place),
               .detail = why});
}

// Volumes in use stand still; a file system on one is frozen.
class Suspended {
 public:
  explicit Suspended(LvmCommands& commands) : commands_(commands) {}
  ~Suspended() { (void)resume(); }
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;

  Status suspend(const std::string& device) {
    if (Status status = commands_.suspend(device); !status) return status;
    devices_.push_back(device);
    return {};
  }
  Status resume() {
    Status result;
    for (const std::string& device : devices_) {
      if (const Status status = commands_.resume(device); !status) {
        Error stays = status.error();
        stays.detail = format_text(
                           "{} STAYS SUSPENDED, and what uses it stands still: dmsetup "
                           "resume {}",
                           device, device)
                           .view();
        result = fail(stays);
      }
    }
    devices_.clear();
    return result;
  }

 private:
  LvmCommands& commands_;
  std::vector<std::string> devices_;
};

Result<std::vector<LvmVolume>> members_in(const LvmPool& pool, const std::string& uuid,
                                          std::size_t count) {
  std::vector<LvmVolume> members;
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = std::ranges::find(pool.volumes, member_name(uuid, i), &LvmVolume::name);
    if (found == pool.volumes.end()) return refused_at(pool.place, "LVM lost what it made");
    members.push_back(*found);
  }
  return members;
}

Status describe_volumes(pb::CloneSnapshot& snapshot, const std::vector<LvmVolume>& volumes,
                        const std::vector<LvmVolume>& members, const ThinPoolMaps& maps,
                        const ThinPlace& place) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const auto device = maps.devices.find(members[i].id);
    if (device == maps.devices.end())
      return refused_at(place, "LVM made a volume without a device");
    pb::CloneVolume& volume = *snapshot.add_volumes();
    volume.set_uuid(to_string(random_uuid()));
    volume.set_name(volumes[i].name);
    volume.set_size(members[i].size);
    volume.set_map(map_digest(device->second));
    all += volume.size();
    if (volume.size() > kMaxVolumeBytes || all > kMaxSetBytes) {
      return refused_at(place, "a volume of more than 16 TiB, or a set of more than 64 TiB");
    }
  }
  return {};
}

}  // namespace

Status make_one_moment(LvmCommands& commands, const LvmPool& pool,
                       const std::vector<LvmVolume>& volumes,
                       const std::vector<LvmVolume>& members) {
  const auto message = [&](const std::string& text) {
    return commands.message(pool.device_uuid, text);
  };
  const WithoutInterruption uninterrupted;  // or volumes stay suspended
  for (const LvmVolume& member : members) {
    if (Status status = message("delete " + std::to_string(member.id)); !status) return status;
  }
  Suspended suspended(commands);
  const auto make_all = [&]() -> Status {
    for (const LvmVolume& volume : volumes) {
      if (!volume.active) continue;
      if (Status status = suspended.suspend(commands.device(pool.place, volume.name)); !status) {
        return status;
      }
    }
    for (std::size_t i = 0; i < volumes.size(); ++i) {
      if (Status status = message("create_snap " + std::to_string(members[i].id) + " " +
                                  std::to_string(volumes[i].id));
          !status) {
        return status;
      }
    }
    return {};
  };
  const Status made = make_all();
  const Status resumed = suspended.resume();
  return resumed ? made : resumed;  // the worse news
}

Result<pb::CloneSnapshot> take_thin_snapshot(LvmCommands& commands, const ThinPlace& place,
                                             Executor& executor) {
  const auto lock = lock_thin_pool(commands, place);
  if (!lock) return fail(lock.error());
  auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  std::vector<LvmVolume> volumes;
  std::ranges::copy_if(pool->volumes, std::back_inserter(volumes), is_volume);
  if (volumes.empty()) return refused_at(place, "it has no volumes");
  if (volumes.size() > kMaxCloneVolumes) return refused_at(place, "more than 1024 volumes");
  if (Status status =
          check_external_origins(*pool, volumes, "take snapshot",
                                 "Copy it into a new thin volume (lvcreate -V, dd), and remove it");
      !status) {
    return fail(status.error());
  }
  if (const auto swept = sweep_thin_pool(commands, *pool); !swept) return fail(swept.error());
  // Whether they can be read at all is found out before anything is made.
  if (const auto maps = read_maps(commands, *pool); !maps) return fail(maps.error());
  const auto use = use_of_pool(commands, *pool);
  if (!use) return fail(use.error());
  if (!use->writes || use->data_used == use->data_all) {
    return refused_at(place, "the pool is full, or takes no writes");
  }
  // Else it is found out when they are made.
  if (Status status = check_metadata(*use, whole_name(place, place.pool),
                                     metadata_of_snapshots(volumes.size()));
      !status) {
    return fail(status.error());
  }

  pb::CloneSnapshot snapshot;
  snapshot.set_uuid(to_string(random_uuid()));
  snapshot.set_set_name(place.pool);
  const std::string set = tag_value(pool->tags, kSetTag);
  snapshot.set_set_uuid(is_canonical_uuid(set) ? set : to_string(random_uuid()));
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    if (Status name = check_clone_name(volumes[i].name); !name) return fail(name.error());
    const auto made = commands.lvm({"lvcreate", "-y", "-q", "-s", "-an", "-ky", "-pr", "-n",
                                    member_name(snapshot.uuid(), i), "--addtag",
                                    std::string(kSnapshotTag) + snapshot.uuid(),
                                    whole_name(place, volumes[i].name)});
    if (!made) return fail(made.error());
  }
  pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  // One that was activated meanwhile is to be suspended.
  for (LvmVolume& volume : volumes) {
    const auto now = std::ranges::find(pool->volumes, volume.name, &LvmVolume::name);
    if (now == pool->volumes.end() || now->id != volume.id) {
      return refused_at(place, "a volume was removed, or made anew, meanwhile; take it again");
    }
    volume = *now;
  }
  const auto members = members_in(*pool, snapshot.uuid(), volumes.size());
  if (!members) return fail(members.error());
  snapshot.set_taken_utc(utc_time_with_ms(executor.unix_ms()));
  if (volumes.size() > 1) {
    if (Status status = make_one_moment(commands, *pool, volumes, *members); !status) {
      return fail(status.error());
    }
  }
  snapshot.set_at_one_point(true);
  const auto maps = read_maps(commands, *pool);
  if (!maps) return fail(maps.error());
  if (Status status = describe_volumes(snapshot, volumes, *members, *maps, place); !status) {
    return fail(status.error());
  }
  pb::CloneThinRecord record;
  *record.mutable_snapshot() = snapshot;
  if (Status status = create_record(commands, *pool, record); !status) return fail(status.error());
  if (Status status = publish_thin(commands, *pool, snapshot, Published::kTaken); !status) {
    return fail(status.error());
  }
  return snapshot;
}

}  // namespace lastword
