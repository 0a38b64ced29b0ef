// A dm-thin pool in use, read at one moment: a metadata snapshot is reserved, dumped and released.
// The commands are behind a seam. Only the fake of the tests implements it so far.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "agent/transfer/thin_dump.h"
#include "proto/error.h"

namespace lastword {

class ThinCommands {
 public:
  virtual ~ThinCommands() = default;
  // `dmsetup status POOL`: its line.
  [[nodiscard]] virtual Result<std::string> status(const std::string& pool) = 0;
  // `dmsetup message POOL 0 MESSAGE`.
  [[nodiscard]] virtual Status message(const std::string& pool, const std::string& message) = 0;
  // `thin_dump --metadata-snap DEVICE`: its output, piece by piece; an error of `take` ends it.
  [[nodiscard]] virtual Status dump(const std::string& metadata_device,
                                    const std::function<Status(std::span<const char>)>& take) = 0;
};

// kRefused: somebody else has reserved a metadata snapshot (a pool has one at most), and nothing
// was done; or the pool has failed. Ours is released in any case; an error that it was not says how
// to.
[[nodiscard]] Result<ThinPoolMaps> read_thin_pool(ThinCommands& commands, const std::string& pool,
                                                  const std::string& metadata_device);

}  // namespace lastword
