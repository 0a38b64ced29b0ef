// A thin pool of LVM and its volumes, as lvs(8) tells of them, and the names and tags that clones
// have there. Pure.
//
// What belongs to lastword has a tag that begins with "lastword."; all else is a volume of the set,
// which is the pool.
//
//   pool    lastword.set=UUID             the set; made with its first snapshot
//           lastword.has=UUID=TIME        this snapshot is whole; TIME is when it was taken
//           lastword.common=PEER=UUID     the newest one that another server has too
//   volume  lastword.snapshot=UUID        of this snapshot; nobody's where the pool does not have
//   it
//           lastword.staged=UUID          of a transfer; nobody's when that is over
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/error.h"

namespace lastword {

struct ThinPlace {
  std::string group;
  std::string pool;
};
// "lvm:VG/POOL". std::nullopt: it does not begin so. kUsage: it does, and is none.
[[nodiscard]] std::optional<Result<ThinPlace>> thin_place(std::string_view text);
[[nodiscard]] std::string to_string(const ThinPlace& place);

struct LvmVolume {
  std::string name;
  std::uint64_t size = 0;  // bytes
  std::uint32_t id = 0;    // dev_id in the pool
  bool active = false;
  bool open = false;  // somebody has its device open
  bool writable = true;
  // Name of the volume that it is a snapshot of, while that is there, or of a volume outside of the
  // pool that it reads where the pool has no block for it.
  std::string origin = {};
  std::vector<std::string> tags = {};
};

struct LvmPool {
  ThinPlace place;
  std::string device_uuid;      // of the pool's device
  std::string metadata_device;  // path
  std::uint64_t block_bytes = 0;
  std::uint64_t extent_bytes = 0;  // sizes of volumes are multiples of it
  bool active = false;
  bool zeroes = true;  // a new block is zero where nothing is written
  std::vector<std::string> tags;
  std::vector<LvmVolume> volumes;  // by name
};

// Words after "lvs" that make the report which is parsed here.
[[nodiscard]] std::vector<std::string> lvs_words(const ThinPlace& place);
// kCorrupt: not what lvs writes. kNotFound: no thin pool of that name.
[[nodiscard]] Result<LvmPool> parse_lvs(const std::string& report, const ThinPlace& place);

// The rest of the first tag that begins with `key`; empty: there is none.
[[nodiscard]] std::string tag_value(const std::vector<std::string>& tags, std::string_view key);
inline constexpr std::string_view kSetTag = "lastword.set=";
inline constexpr std::string_view kHasTag = "lastword.has=";
inline constexpr std::string_view kCommonTag = "lastword.common=";
inline constexpr std::string_view kSnapshotTag = "lastword.snapshot=";
inline constexpr std::string_view kStagedTag = "lastword.staged=";

// Not lastword's own.
[[nodiscard]] bool is_volume(const LvmVolume& volume);

// Name of the volume outside of the pool (LVM: external origin) that this one reads where the pool
// has no block for it; a snapshot of such a one reads it too. Empty: none. What the pool says of
// such a volume is not all that it holds.
[[nodiscard]] std::string external_origin(const LvmPool& pool, const LvmVolume& volume);
// kRefused with the name of the first that has one; `remedy` is a sentence.
[[nodiscard]] Status check_external_origins(const LvmPool& pool,
                                            const std::vector<LvmVolume>& volumes,
                                            std::string_view operation, std::string_view remedy);

struct ThinSnapshotName {
  std::string uuid;
  std::string taken_utc;
};
// Those that the pool has whole, the newest one last.
[[nodiscard]] std::vector<ThinSnapshotName> whole_snapshots(const LvmPool& pool);
[[nodiscard]] std::string has_tag(const std::string& uuid, const std::string& taken_utc);
// UUIDs of the newest ones that other servers have too.
[[nodiscard]] std::vector<std::string> common_snapshots(const LvmPool& pool);
// Words of lvchange: `peer` ("HOST:POOL", "pipe", "sender") has that one now.
[[nodiscard]] std::vector<std::string> note_common_words(const LvmPool& pool,
                                                         const std::string& peer,
                                                         const std::string& uuid);
// Words of lvchange: the pool has these snapshots no more.
[[nodiscard]] std::vector<std::string> forget_words(const LvmPool& pool,
                                                    const std::vector<std::string>& uuids);
// Names of volumes that belong to no whole snapshot and, while no transfer runs, to nobody.
[[nodiscard]] std::vector<std::string> left_over(const LvmPool& pool);

// Names of logical volumes.
[[nodiscard]] std::string member_name(const std::string& snapshot_uuid, std::size_t index);
[[nodiscard]] std::string staged_name(const std::string& snapshot_uuid, std::size_t index);
[[nodiscard]] std::string record_name(const std::string& snapshot_uuid);
// VG/LV, and the path of its device.
[[nodiscard]] std::string whole_name(const ThinPlace& place, const std::string& volume);
[[nodiscard]] std::string device_of(const ThinPlace& place, const std::string& volume);

}  // namespace lastword
