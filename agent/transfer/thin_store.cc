#include "agent/transfer/thin_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/transfer/stream_head.h"
#include "agent/transfer/thin_lock.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

std::vector<std::string> whole_names(const ThinPlace& place,
                                     const std::vector<std::string>& names) {
  std::vector<std::string> result;
  result.reserve(names.size());
  for (const std::string& name : names) result.push_back(whole_name(place, name));
  return result;
}

Status run_lvm(LvmCommands& commands, std::vector<std::string> words,
               const std::vector<std::string>& more = {}) {
  words.insert(words.end(), more.begin(), more.end());
  const auto done = commands.lvm(words);
  return done ? Status{} : fail(done.error());
}

tl::unexpected<Error> refused_snapshot(const std::string& volume, std::string_view why) {
  return fail({.code = Code::kRefused,
               .operation = "check snapshot",
               .disk = volume,
               .detail = format_text("{}; nothing was changed", why)});
}

const LvmVolume* find_volume(const LvmPool& pool, const std::string& name) {
  const auto volume = std::ranges::find(pool.volumes, name, &LvmVolume::name);
  return volume == pool.volumes.end() ? nullptr : &*volume;
}

}  // namespace

Status remove_volumes(LvmCommands& commands, const ThinPlace& place,
                      const std::vector<std::string>& names) {
  if (names.empty()) return {};
  return run_lvm(commands, {"lvremove", "-y", "-f", "-q"}, whole_names(place, names));
}

Result<bool> sweep_thin_pool(LvmCommands& commands, const LvmPool& pool) {
  const auto names = left_over(pool);
  if (Status status = remove_volumes(commands, pool.place, names); !status) {
    return fail(status.error());
  }
  return !names.empty();
}

Result<ActiveVolumes> ActiveVolumes::of(LvmCommands& commands, const LvmPool& pool,
                                        const std::vector<std::string>& names) {
  ActiveVolumes active(commands, pool.place);
  for (const std::string& name : names) {
    const LvmVolume* const volume = find_volume(pool, name);
    if (volume == nullptr || !volume->active) active.activated_.push_back(name);
  }
  if (active.activated_.empty()) return active;
  const Status done = run_lvm(commands, {"lvchange", "-q", "-ay", "-K"},
                              whole_names(pool.place, active.activated_));
  if (!done) return fail(done.error());
  return active;
}

ActiveVolumes::ActiveVolumes(ActiveVolumes&& other) noexcept
    : commands_(other.commands_),
      place_(std::move(other.place_)),
      activated_(std::exchange(other.activated_, {})) {}

ActiveVolumes::~ActiveVolumes() {
  if (activated_.empty()) return;
  (void)run_lvm(*commands_, {"lvchange", "-q", "-an"}, whole_names(place_, activated_));
}

Result<ThinSnapshot> load_thin_snapshot(LvmCommands& commands, const LvmPool& pool,
                                        const std::string& uuid) {
  const auto whole = whole_snapshots(pool);
  if (std::ranges::find(whole, uuid, &ThinSnapshotName::uuid) == whole.end()) {
    return fail({.code = Code::kRefused,
                 .operation = "find snapshot",
                 .disk = to_string(pool.place),
                 .detail = format_text("has no snapshot {}", uuid).view()});
  }
  const std::string name = record_name(uuid);
  const LvmVolume* const volume = find_volume(pool, name);
  if (volume == nullptr) return refused_snapshot(name, "the record of this snapshot is gone");
  ThinSnapshot snapshot{.record = {}, .members = {}, .record_volume = *volume};
  {
    const auto active = ActiveVolumes::of(commands, pool, {name});
    if (!active) return fail(active.error());
    const auto file = ThinFile::open(commands.device(pool.place, name), ThinFile::For::kReading);
    if (!file) return fail(file.error());
    auto record = read_record(*file, volume->size);
    if (!record) return fail(record.error());
    snapshot.record = std::move(*record);
  }
  const pb::CloneSnapshot& what = snapshot.record.snapshot();
  if (what.uuid() != uuid) return refused_snapshot(name, "is the record of another snapshot");
  for (int i = 0; i < what.volumes_size(); ++i) {
    const std::string member = member_name(uuid, static_cast<std::size_t>(i));
    const LvmVolume* const found = find_volume(pool, member);
    if (found == nullptr) return refused_snapshot(member, "is gone from this snapshot");
    if (found->size < what.volumes(i).size()) return refused_snapshot(member, "was made smaller");
    snapshot.members.push_back(*found);
  }
  return snapshot;
}

std::string map_digest(const ThinDevice& device) {
  return to_string(hash_of_bytes(std::as_bytes(std::span(device.runs))));
}

Status check_unmodified(const ThinSnapshot& snapshot, const ThinPoolMaps& maps) {
  for (std::size_t i = 0; i < snapshot.members.size(); ++i) {
    const LvmVolume& member = snapshot.members[i];
    const auto device = maps.devices.find(member.id);
    if (device == maps.devices.end()) return refused_snapshot(member.name, "is not in the pool");
    const auto& recorded = snapshot.record.snapshot().volumes(static_cast<int>(i));
    if (map_digest(device->second) != recorded.map()) {
      return refused_snapshot(member.name, "was modified since the snapshot");
    }
  }
  return {};
}

Status create_record(LvmCommands& commands, const LvmPool& pool,
                     const pb::CloneThinRecord& record) {
  const pb::CloneSnapshot& snapshot = record.snapshot();
  const std::string name = record_name(snapshot.uuid());
  const std::uint64_t size = record_bytes(snapshot);
  if (Status status =
          run_lvm(commands, {"lvcreate", "-y", "-q", "-V", std::to_string(size) + "b", "--thinpool",
                             pool.place.pool, "-n", name, "-ky", "-K", "-ay", "--addtag",
                             std::string(kSnapshotTag) + snapshot.uuid(), pool.place.group});
      !status) {
    return status;
  }
  const auto now = examine_thin_pool(commands, pool.place);
  if (!now) return fail(now.error());
  const LvmVolume* const volume = find_volume(*now, name);
  if (volume == nullptr) return refused_snapshot(name, "is not there");
  auto file = ThinFile::open(commands.device(pool.place, name), ThinFile::For::kWriting);
  if (!file) return fail(file.error());
  if (Status status = write_record(*file, volume->size, RecordSlot::kFirst, record); !status) {
    return status;
  }
  file = fail(Error{});  // closed
  return run_lvm(commands, {"lvchange", "-q", "-an", whole_name(pool.place, name)});
}

void put_tables(pb::CloneThinRecord& record, std::span<const RangeTable> tables) {
  record.clear_tables();
  for (std::size_t i = 0; i < tables.size(); ++i) {
    pb::CloneVolume& volume = *record.mutable_snapshot()->mutable_volumes(static_cast<int>(i));
    volume.set_root(to_string(root_of(volume.size(), tables[i])));
    record.add_tables(tables[i].data(), tables[i].size() * sizeof(Hash128));
  }
}

std::vector<RangeTable> tables_of(const pb::CloneThinRecord& record) {
  std::vector<RangeTable> tables;
  for (const std::string& bytes : record.tables()) {
    RangeTable& table = tables.emplace_back(bytes.size() / sizeof(Hash128));
    std::memcpy(table.data(), bytes.data(), bytes.size());
  }
  return tables;
}

Status save_thin_tables(LvmCommands& commands, const LvmPool& pool, ThinSnapshot& snapshot,
                        std::span<const RangeTable> tables) {
  put_tables(snapshot.record, tables);
  const std::string& name = snapshot.record_volume.name;
  const auto active = ActiveVolumes::of(commands, pool, {name});
  if (!active) return fail(active.error());
  auto file = ThinFile::open(commands.device(pool.place, name), ThinFile::For::kWriting);
  if (!file) return fail(file.error());
  return write_record(*file, snapshot.record_volume.size, RecordSlot::kSecond, snapshot.record);
}

Result<RangeTable> hash_volume(const ThinFile& file, std::uint64_t size) {
  AlignedBuffer buffer(kRangeBytes);
  RangeTable table(range_count(size));
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    const auto content = buffer.span().first(range_length(size, i));
    if (Status status = file.read(i * kRangeBytes, content); !status) return fail(status.error());
    table[i] = hash_of_range(content);
  }
  return table;
}

Status publish_thin(LvmCommands& commands, const LvmPool& pool, const pb::CloneSnapshot& snapshot,
                    Published how) {
  std::vector<std::string> words{"lvchange", "-y", "-q", "--addtag",
                                 has_tag(snapshot.uuid(), snapshot.taken_utc())};
  if (tag_value(pool.tags, kSetTag).empty()) {
    words.insert(words.end(), {"--addtag", std::string(kSetTag) + snapshot.set_uuid()});
  }
  if (how == Published::kReceived) {
    const auto common = note_common_words(pool, "sender", snapshot.uuid());
    words.insert(words.end(), common.begin(), common.end());
  }
  return run_lvm(commands, std::move(words), {whole_name(pool.place, pool.place.pool)});
}

Status note_thin_common(LvmCommands& commands, const ThinPlace& place, const std::string& peer,
                        const std::string& uuid) {
  const auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  auto words = note_common_words(*pool, peer, uuid);
  if (words.empty()) return {};
  words.insert(words.begin(), {"lvchange", "-y", "-q"});
  return run_lvm(commands, std::move(words), {whole_name(place, place.pool)});
}

Result<PrunePlan> prune_thin(LvmCommands& commands, const ThinPlace& place, std::size_t keep,
                             bool force) {
  const auto lock = lock_thin_pool(commands, place);
  if (!lock) return fail(lock.error());
  const auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  std::vector<pb::CloneSnapshot> snapshots;
  for (const ThinSnapshotName& one : whole_snapshots(*pool)) {
    snapshots.emplace_back().set_uuid(one.uuid);
    snapshots.back().set_taken_utc(one.taken_utc);
  }
  const std::string latest = snapshots.empty() ? "" : snapshots.back().uuid();
  PrunePlan plan = plan_prune(snapshots, keep, latest, common_snapshots(*pool), force);
  if (plan.remove.empty()) return plan;
  for (const LvmVolume& volume : pool->volumes) {
    const std::string of = tag_value(volume.tags, kSnapshotTag);
    const bool goes = std::ranges::find(plan.remove, of) != plan.remove.end();
    if (goes && volume.open) return refused_snapshot(volume.name, "is in use");
  }
  auto words = forget_words(*pool, plan.remove);
  words.insert(words.begin(), {"lvchange", "-y", "-q"});
  if (Status status = run_lvm(commands, std::move(words), {whole_name(place, place.pool)});
      !status) {
    return fail(status.error());
  }
  const auto now = examine_thin_pool(commands, place);
  if (!now) return fail(now.error());
  if (const auto swept = sweep_thin_pool(commands, *now); !swept) return fail(swept.error());
  return plan;
}

}  // namespace lastword
