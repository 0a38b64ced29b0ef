// A dm-thin pool in use, read at one moment: a metadata snapshot is reserved, dumped and released.
// The commands are behind a seam (lvm_commands.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "agent/transfer/thin_dump.h"
#include "proto/error.h"

namespace lastword {

class ThinCommands {
 public:
  virtual ~ThinCommands() = default;
  // `dmsetup status POOL`: its line. `pool` is the UUID of its device, here and below.
  [[nodiscard]] virtual Result<std::string> status(const std::string& pool) = 0;
  // `dmsetup message POOL 0 MESSAGE`.
  [[nodiscard]] virtual Status message(const std::string& pool, const std::string& message) = 0;
  // `thin_dump --metadata-snap DEVICE`: its output, piece by piece; an error of `take` ends it.
  [[nodiscard]] virtual Status dump(const std::string& metadata_device,
                                    const std::function<Status(std::span<const char>)>& take) = 0;
};

inline constexpr std::uint64_t kMetadataBlockBytes = 4096;
struct ThinPoolUse {
  std::uint64_t metadata_used = 0;  // blocks of kMetadataBlockBytes
  std::uint64_t metadata_all = 0;
  std::uint64_t data_used = 0;  // data blocks
  std::uint64_t data_all = 0;
  bool held = false;  // somebody has reserved a metadata snapshot
  bool writes = true;
  bool discards = true;
};
// The line of `dmsetup status`. kRefused: it is no pool's, or says that the pool has failed.
[[nodiscard]] Result<ThinPoolUse> parse_thin_status(const std::string& line,
                                                    const std::string& pool);

// Blocks of metadata that have to stay free: 4 MiB, or a quarter where that is less. Where less is
// free a pool is nearly full: the kernel calls for more (drivers/md/dm-thin.c,
// calc_metadata_threshold(): ample for whatever it does), and LVM makes no volumes any more
// (lib/metadata/thin_manip.c, pool_metadata_min_threshold()). Without free metadata a pool fails,
// and takes no writes of anybody until it has been repaired.
[[nodiscard]] std::uint64_t metadata_reserve(const ThinPoolUse& use);
// kNoSpace: the pool is nearly full, or would be with `needed` blocks more; says how full it is,
// and how to enlarge it. `pool` is VG/POOL. For all that writes metadata and does not free any.
[[nodiscard]] Status check_metadata(const ThinPoolUse& use, const std::string& pool,
                                    std::uint64_t needed = 0);

struct ThinPoolDevice {
  std::string name;  // VG/POOL
  std::string uuid;
  std::string metadata_device;  // path
};

inline constexpr std::string_view kSomebodyElsesSnapshot =
    "somebody else has reserved its metadata snapshot; lastword never releases one that is not "
    "its own";
// kRefused: somebody else has reserved a metadata snapshot (a pool has one at most), or the pool
// has failed; kNoSpace: see check_metadata(), for a metadata snapshot takes some, and so does each
// block that is written while it is there. Nothing was done then. Ours is released in any case; an
// error that it was not says how to.
[[nodiscard]] Result<ThinPoolMaps> read_thin_pool(ThinCommands& commands,
                                                  const ThinPoolDevice& pool);

}  // namespace lastword
