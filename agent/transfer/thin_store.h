// Snapshots in a thin pool: whole ones, read-only volumes and a record of them (lvm_pool.h has the
// names). What is not whole is removed by whoever comes next with the pool's lock.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/lvm_commands.h"
#include "agent/transfer/prune_plan.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/thin_file.h"
#include "agent/transfer/thin_record.h"

namespace lastword {

// Removes what is left over. The caller holds the lock. True: there was something.
[[nodiscard]] Result<bool> sweep_thin_pool(LvmCommands& commands, const LvmPool& pool);
[[nodiscard]] Status remove_volumes(LvmCommands& commands, const ThinPlace& place,
                                    const std::vector<std::string>& names);

// Volumes that are made active as far as they are not, and inactive again when this is destroyed.
class ActiveVolumes {
 public:
  [[nodiscard]] static Result<ActiveVolumes> of(LvmCommands& commands, const LvmPool& pool,
                                                const std::vector<std::string>& names);
  ~ActiveVolumes();
  ActiveVolumes(ActiveVolumes&& other) noexcept;
  ActiveVolumes& operator=(ActiveVolumes&&) = delete;

 private:
  ActiveVolumes(LvmCommands& commands, ThinPlace place)
      : commands_(&commands), place_(std::move(place)) {}
  LvmCommands* commands_;
  ThinPlace place_;
  std::vector<std::string> activated_;
};

struct ThinSnapshot {
  pb::CloneThinRecord record;
  std::vector<LvmVolume> members;  // as the volumes of record.snapshot
  LvmVolume record_volume;
};
// kRefused: the pool has no such whole snapshot. kCorrupt: it is damaged.
[[nodiscard]] Result<ThinSnapshot> load_thin_snapshot(LvmCommands& commands, const LvmPool& pool,
                                                      const std::string& uuid);

// Of a block map: another one where anything was written or discarded. What lastword publishes is
// a snapshot, so that a block that is written is a new one.
[[nodiscard]] std::string map_digest(const ThinDevice& device);
// Is each volume what it was? kRefused with its name, and what is wrong.
[[nodiscard]] Status check_unmodified(const ThinSnapshot& snapshot, const ThinPoolMaps& maps);

// A new record volume of the snapshot, with this in its first slot.
[[nodiscard]] Status create_record(LvmCommands& commands, const LvmPool& pool,
                                   const pb::CloneThinRecord& record);
// Tables into the second slot of the one that is there, and roots into the snapshot.
[[nodiscard]] Status save_thin_tables(LvmCommands& commands, const LvmPool& pool,
                                      ThinSnapshot& snapshot, std::span<const RangeTable> tables);
void put_tables(pb::CloneThinRecord& record, std::span<const RangeTable> tables);
// Of the record; empty: not known.
[[nodiscard]] std::vector<RangeTable> tables_of(const pb::CloneThinRecord& record);
[[nodiscard]] Result<RangeTable> hash_volume(const ThinFile& file, std::uint64_t size);

// From now on the pool has the snapshot: one that was taken, and the set where it had none; or one
// that its sender has too. One commit of LVM.
enum class Published : std::uint8_t { kTaken, kReceived };
[[nodiscard]] Status publish_thin(LvmCommands& commands, const LvmPool& pool,
                                  const pb::CloneSnapshot& snapshot, Published how);
// See note_common_words().
[[nodiscard]] Status note_thin_common(LvmCommands& commands, const ThinPlace& place,
                                      const std::string& peer, const std::string& uuid);
// prune_set() of a thin pool.
[[nodiscard]] Result<PrunePlan> prune_thin(LvmCommands& commands, const ThinPlace& place,
                                           std::size_t keep, bool force);

}  // namespace lastword
