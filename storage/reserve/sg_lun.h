// ScsiLun over the kernel's SG_IO on a disk node. The descriptor is opened O_RDONLY: root passes
// the kernel's command filter by CAP_SYS_RAWIO (Linux 6.1 drivers/scsi/scsi_ioctl.c,
// scsi_cmd_allowed), and closing a writable descriptor would start udev's probing.
//
// Commands are built here and sent by libsgutils2's pass-through: its own functions for persistent
// reservations (sg_ll_persistent_reserve_in, _out) take no time-out and wait a minute.
//
// PREEMPT AND ABORT and LOGICAL UNIT RESET go alone, and what others of this node send to the disk
// waits for them, and they for it: see disk_turn.h. That adds at most kPatienceAlone, or
// kPatienceBeside.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "storage/block/disk_turn.h"
#include "storage/block/file_descriptor.h"
#include "storage/reserve/pr_wire.h"
#include "storage/reserve/scsi_lun.h"

struct sg_pt_base;

namespace lastword {

class SgLun final : public ScsiLun {
 public:
  // `io_timeout` bounds each command, but not below seven seconds: the kernel raises what is less
  // (BLK_MIN_SG_TIMEOUT), and then spends time of its own on aborting the command. A caller that
  // cannot wait that long sends the command from its own thread. Errors: kGone, no such disk;
  // otherwise what code_of_errno() makes of the errno.
  [[nodiscard]] static Result<std::unique_ptr<SgLun>> open(const std::string& path,
                                                           std::chrono::milliseconds io_timeout);
  ~SgLun() override;

  // In place of the disk's own, which open() has found.
  void use(std::shared_ptr<DiskTurn> turn) { turn_ = std::move(turn); }

  [[nodiscard]] std::string_view name() const override { return path_; }
  [[nodiscard]] Status test_unit_ready() override;
  [[nodiscard]] Result<Registrations> read_keys() override;
  [[nodiscard]] Result<std::optional<Reservation>> read_reservation() override;
  [[nodiscard]] Result<PrCapabilities> report_capabilities() override;
  [[nodiscard]] Status register_ignoring_existing(ReservationKey key, bool aptpl) override;
  [[nodiscard]] Status reserve(ReservationKey own, PrType type) override;
  [[nodiscard]] Status release(ReservationKey own, PrType type) override;
  [[nodiscard]] Status preempt(ReservationKey own, ReservationKey victim, PrType type) override;
  [[nodiscard]] Status preempt_and_abort(ReservationKey own, ReservationKey victim,
                                         PrType type) override;
  // Does not escalate to a reset of the target or the host, which would hit other disks.
  [[nodiscard]] Status logical_unit_reset() override;

  // WRITE (10) or (16), SBC-3 5.32 and 5.34: whole blocks of `block_bytes` from `lba` on.
  [[nodiscard]] Status write_blocks(std::uint64_t lba, std::uint32_t block_bytes,
                                    std::span<const std::byte> data);
  // SYNCHRONIZE CACHE (10) of these blocks, SBC-3 5.21; of 0 blocks: all from `lba` on. May take
  // kLongestFlush, whatever `io_timeout` is.
  [[nodiscard]] Status synchronize_cache(std::uint64_t lba, std::uint32_t blocks);

 private:
  struct Command {
    std::string_view operation;
    std::span<const std::uint8_t> cdb;
    std::span<std::uint8_t> data_in = {};
    std::span<const std::uint8_t> data_out = {};
    int timeout_s = 0;  // 0: the usual one
    DiskTurn::Kind turn = DiskTurn::Kind::kBeside;
  };
  SgLun(std::string path, FileDescriptor fd, sg_pt_base* pass_through, int timeout_s);
  // Number of bytes that came in.
  [[nodiscard]] Result<std::size_t> execute(const Command& command);
  [[nodiscard]] Result<std::span<const std::uint8_t>> reserve_in(PrInAction action,
                                                                 std::span<std::uint8_t> data);
  [[nodiscard]] Status reserve_out(PrOutAction action, std::optional<PrType> type,
                                   const PrOutParameters& parameters,
                                   DiskTurn::Kind turn = DiskTurn::Kind::kBeside);
  // Names the disk in an error of a parser.
  [[nodiscard]] Error with_disk(Error error) const;

  std::string path_;
  FileDescriptor fd_;
  std::shared_ptr<DiskTurn> turn_;
  sg_pt_base* pass_through_;  // owned; libsgutils2's
  int timeout_s_;
};

}  // namespace lastword
