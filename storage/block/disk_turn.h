// Keeps the other commands of lastword on this machine off a disk while one goes that is to be
// alone there.
//
// PREEMPT AND ABORT: SPC-4 5.13.11.2 ("Preempting and aborting") lets it abort the commands of the
// preempted nexuses only. LIO marks each command, whoever sent it, with the key of the disk's
// holder (target_scsi3_pr_reservation_check in drivers/target/target_core_pr.c, Linux 6.1), and
// aborts what has the victim's mark: where the victim is the holder, commands of this node too. It
// waits for their end in the thread that receives from the initiator, and an iSCSI command ends
// only with what that thread would receive next. The session stands still, with all its disks,
// until the initiator gives it up after 10 to 15 s.
// LOGICAL UNIT RESET: aborts all commands of all nodes (SAM-5), this node's too.
//
// The agreement holds among all that goes through ScsiLun, BlockDevice and read_slots(). It does
// not hold for what goes past them: reads by libblkid and libfdisk (open_for_tables()), the write
// engines, and other programs (multipathd, blkid).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "storage/block/file_descriptor.h"

namespace lastword {

// May be used by several threads. Allocates nothing once it is open: the dump writer uses it too.
class DiskTurn {
 public:
  enum class Kind : std::uint8_t { kBeside, kAlone };

  // Given back by its destructor, on any thread. Empty: the turn was not free in time, or there is
  // none. The caller sends its command all the same: a command that hangs must not keep others from
  // the disk for good.
  class Held {
   public:
    Held() = default;
    Held(std::shared_ptr<DiskTurn> turn, Kind kind) : turn_(std::move(turn)), kind_(kind) {}
    Held(Held&&) = default;
    Held& operator=(Held&& other) noexcept {
      give_back();
      turn_ = std::move(other.turn_);
      kind_ = other.kind_;
      return *this;
    }
    ~Held() { give_back(); }
    explicit operator bool() const { return turn_ != nullptr; }
    void give_back() {
      if (turn_ != nullptr) std::exchange(turn_, nullptr)->leave(kind_);
    }

   private:
    std::shared_ptr<DiskTurn> turn_;
    Kind kind_ = Kind::kBeside;
  };

  // The one of the disk that `fd` is open on, for all of this program. Null: an image, or there is
  // no place for the lock (kFolder). Opens one descriptor for each disk.
  [[nodiscard]] static std::shared_ptr<DiskTurn> of(int fd);
  // `path`: the file that flock(2) locks. Null: it cannot be opened.
  [[nodiscard]] static std::shared_ptr<DiskTurn> on(const std::string& path);
  // Of root alone, with a file for each disk: "8:0". Not the disk's node: flock(2) there is udev's,
  // and a program that formats a disk holds it for long.
  static constexpr const char* kFolder = "/run/lastword-turns";

  explicit DiskTurn(FileDescriptor file) : file_(std::move(file)) {}

  [[nodiscard]] static Held take(const std::shared_ptr<DiskTurn>& turn, Kind kind);
  // Tries until `end`. Where the last wait was in vain it tries once, until a try succeeds: a
  // command that hangs is waited for once, not by each that follows.
  // Who waits to be alone keeps newcomers of this program off.
  [[nodiscard]] static Held wait(const std::shared_ptr<DiskTurn>& turn, Kind kind,
                                 std::chrono::steady_clock::time_point end);
  // As long as is usual: kPatienceBeside, kPatienceAlone.
  [[nodiscard]] static Held wait(const std::shared_ptr<DiskTurn>& turn, Kind kind);

  // For tests: the last wait of this kind ended without the turn.
  [[nodiscard]] bool was_in_vain(Kind kind);

 private:
  [[nodiscard]] bool enter(Kind kind);
  void leave(Kind kind);
  [[nodiscard]] bool begin_wait(Kind kind);
  void end_wait(Kind kind, bool in_vain);

  FileDescriptor file_;
  std::mutex mutex_;
  std::size_t beside_ = 0;
  bool alone_ = false;
  std::size_t wait_alone_ = 0;
  std::array<bool, 2> in_vain_{};  // by Kind
};

}  // namespace lastword
