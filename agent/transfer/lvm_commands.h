// What clones of thin volumes are made with: the programs of LVM and of dm-thin, which are lvm(8),
// dmsetup(8) and thin_dump(8); devices of volumes, and locks of this machine.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/transfer/lvm_pool.h"
#include "agent/transfer/thin_pool.h"

namespace lastword {

class LvmCommands : public ThinCommands {
 public:
  // "lvs", "lvcreate" and so on with these words: what it prints.
  [[nodiscard]] virtual Result<std::string> lvm(const std::vector<std::string>& words) = 0;
  // `dmsetup suspend DEVICE`, which freezes a file system on it, and `dmsetup resume DEVICE`.
  [[nodiscard]] virtual Status suspend(const std::string& device) = 0;
  [[nodiscard]] virtual Status resume(const std::string& device) = 0;
  // Path of the device of a volume, and of the directory of locks.
  [[nodiscard]] virtual std::string device(const ThinPlace& place, const std::string& volume) = 0;
  [[nodiscard]] virtual std::string lock_directory() = 0;
  virtual void pause(std::chrono::milliseconds time) = 0;
};
[[nodiscard]] LvmCommands& real_lvm();

// The pool and its volumes now; made active where it is not. Errors of parse_lvs().
[[nodiscard]] Result<LvmPool> examine_thin_pool(LvmCommands& commands, const ThinPlace& place);
// Errors of read_thin_pool(); another lastword that does the same is waited for (thin_lock.h).
[[nodiscard]] Result<ThinPoolMaps> read_maps(LvmCommands& commands, const LvmPool& pool);
// Has somebody else reserved its metadata snapshot? Not asked while another lastword has.
[[nodiscard]] Result<bool> is_held(LvmCommands& commands, const LvmPool& pool);
[[nodiscard]] Result<ThinPoolUse> use_of_pool(LvmCommands& commands, const LvmPool& pool);

}  // namespace lastword
