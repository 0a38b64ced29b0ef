// Keeps this node's other commands off a disk while one goes that must be alone there: PREEMPT AND
// ABORT, LOGICAL UNIT RESET. SPC-4 5.12.11.2.6 lets the first abort the commands of the preempted
// nexuses only. LIO (Linux 6.1 drivers/target/target_core_pr.c, target_scsi3_pr_reservation_check)
// marks each command, whoever sent it, with the key of the disk's holder, and aborts what has the
// victim's mark. It waits for that in the thread that receives from the initiator, and an iSCSI
// command ends only with what that thread would receive next: the session stands still until it is
// given up, after 15 s or so, with all its disks.
//
// An agreement among the threads and programs of lastword on one machine. What others read of the
// disk at that moment (multipathd, blkid) it does not keep off.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/block/file_descriptor.h"

namespace lastword {

// May be used by several threads.
class DiskTurn {
 public:
  enum class Kind : bool { kBeside, kAlone };
  // Given back when it ends, on any thread; it shares in the turn that it is of.
  using Held = std::shared_ptr<void>;

  // The one of the disk that `fd` is open on. Null: an image, or a disk without an entry in sysfs.
  // Opens one descriptor for each disk, whoever asks.
  [[nodiscard]] static std::shared_ptr<DiskTurn> of(int fd);
  // By what flock(2) is taken on; tests have a file. Null: it cannot be opened.
  [[nodiscard]] static std::shared_ptr<DiskTurn> on(const std::string& path);

  explicit DiskTurn(FileDescriptor file) : file_(std::move(file)) {}

  // Null: not to be had now, or by `end`. Who was promised nothing goes on without: a command that
  // hangs on a sick disk must keep nobody from taking it, or from reading it.
  [[nodiscard]] static Held take(const std::shared_ptr<DiskTurn>& turn, Kind kind);
  [[nodiscard]] static Held wait(const std::shared_ptr<DiskTurn>& turn, Kind kind,
                                 std::chrono::steady_clock::time_point end);
  // Waits as long as is usual: kPatienceBeside, kPatienceAlone.
  [[nodiscard]] static Held wait(const std::shared_ptr<DiskTurn>& turn, Kind kind);

 private:
  [[nodiscard]] bool enter(Kind kind);
  void leave(Kind kind);

  FileDescriptor file_;
  std::mutex mutex_;
  std::size_t beside_ = 0;
  bool alone_ = false;
};

}  // namespace lastword
