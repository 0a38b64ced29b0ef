// What came back from one SCSI command, and what it means for lastword. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// SAM-5 5.3 status bytes.
inline constexpr std::uint8_t kStatusGood = 0x00;
inline constexpr std::uint8_t kStatusCheckCondition = 0x02;
inline constexpr std::uint8_t kStatusReservationConflict = 0x18;
inline constexpr std::uint8_t kStatusTaskAborted = 0x40;

// Linux include/scsi/scsi_status.h, enum scsi_host_status.
inline constexpr int kHostNoConnect = 0x01;
inline constexpr int kHostTimeOut = 0x03;
inline constexpr int kHostBadTarget = 0x04;

struct CommandOutcome {
  int sys_errno = 0;                         // of the ioctl; 0: the command was sent
  int host_status = 0;                       // DID_*
  std::uint8_t scsi_status = kStatusGood;    // from the target
  std::span<const std::uint8_t> sense = {};  // fixed or descriptor format
};

// Success: GOOD, or CHECK CONDITION with NO SENSE or RECOVERED ERROR. Errors, with `operation`,
// `disk` and the sense data: kConflict, kUnitAttention (TASK ABORTED too: the other node's PREEMPT AND
// ABORT or reset took this command with it, whatever it was, and it may be sent again), kUnsupported, kTimeout, kGone; kRefused,
// RELEASE of a reservation of another type or scope; otherwise kIo.
[[nodiscard]] Status judge(const CommandOutcome& outcome, std::string_view operation,
                           std::string_view disk);

}  // namespace lastword
