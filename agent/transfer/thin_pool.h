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

struct ThinPoolUse {
  std::uint64_t metadata_used = 0;  // blocks of 4 KiB
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

inline constexpr std::string_view kSomebodyElsesSnapshot =
    "somebody else has reserved its metadata snapshot; lastword never releases one that is not "
    "its own";
// kRefused: somebody else has reserved a metadata snapshot (a pool has one at most), and nothing
// was done; or the pool has failed. Ours is released in any case; an error that it was not says how
// to.
[[nodiscard]] Result<ThinPoolMaps> read_thin_pool(ThinCommands& commands, const std::string& pool,
                                                  const std::string& metadata_device);

}  // namespace lastword
