#include "storage/reserve/scsi_outcome.h"

#include <fmt/format.h>
#include <scsi/sg_lib.h>

#include "storage/block/io_error.h"

namespace lastword {
namespace {

constexpr std::uint8_t kNoSense = 0x0;
constexpr std::uint8_t kRecoveredError = 0x1;
constexpr std::uint8_t kIllegalRequest = 0x5;
constexpr std::uint8_t kUnitAttentionKey = 0x6;
constexpr std::uint8_t kDataProtect = 0x7;

// SPC-4 annex D.2, additional sense codes.
constexpr std::uint8_t kInvalidOpcode = 0x20;
constexpr std::uint8_t kInvalidFieldInCdb = 0x24;
constexpr std::uint8_t kLogicalUnitNotSupported = 0x25;
constexpr std::uint8_t kInvalidFieldInList = 0x26;
constexpr std::uint8_t kInvalidRelease = 0x04;  // qualifier of 0x26
constexpr std::uint8_t kWriteProtected = 0x27;
constexpr std::uint8_t kSpaceAllocationFailed = 0x07;  // qualifier of 0x27

Sense decode(const CommandOutcome& outcome) {
  Sense sense{.status = outcome.scsi_status};
  sg_scsi_sense_hdr header{};
  if (sg_scsi_normalize_sense(outcome.sense.data(), static_cast<int>(outcome.sense.size()),
                              &header)) {
    sense.key = header.sense_key;
    sense.asc = header.asc;
    sense.ascq = header.ascq;
  }
  return sense;
}

Code code_of(const Sense& sense) {
  if (sense.key == kUnitAttentionKey) return Code::kUnitAttention;
  if (sense.key == kIllegalRequest) {
    switch (sense.asc) {
      case kInvalidOpcode:
      case kInvalidFieldInCdb:
        return Code::kUnsupported;
      case kInvalidFieldInList:
        return sense.ascq == kInvalidRelease ? Code::kRefused : Code::kUnsupported;
      case kLogicalUnitNotSupported:
        return Code::kGone;
      default:
        return Code::kIo;
    }
  }
  if (sense.key == kDataProtect && sense.asc == kWriteProtected &&
      sense.ascq == kSpaceAllocationFailed) {
    return Code::kNoSpace;
  }
  return Code::kIo;
}

// SPC-4 4.5.6, DATA PROTECT.
std::string_view why_protected(const Sense& sense) {
  if (sense.key != kDataProtect) return {};
  if (sense.asc == kWriteProtected && sense.ascq == kSpaceAllocationFailed) {
    return "the target has no space left for it (a thin pool that is full)";
  }
  return "the disk is write-protected";
}

Code code_of_host(int host_status) {
  switch (host_status) {
    case kHostNoConnect:
    case kHostBadTarget:
      return Code::kGone;
    case kHostTimeOut:
      return Code::kTimeout;
    default:
      return Code::kIo;
  }
}

}  // namespace

Status judge(const CommandOutcome& outcome, std::string_view operation, std::string_view disk) {
  if (outcome.sys_errno != 0) {
    Error error = io_error(operation, disk, kNoOffset, outcome.sys_errno);
    if (outcome.sys_errno == EPERM || outcome.sys_errno == EACCES) {
      error.detail = "SCSI commands need CAP_SYS_RAWIO";
    }
    return fail(error);
  }
  Error error{.sense = decode(outcome), .operation = operation, .disk = disk};
  // Before the host status: kernels before 6.1 add DID_NEXUS_FAILURE to a conflict.
  if (outcome.scsi_status == kStatusReservationConflict) {
    error.code = Code::kConflict;
    return fail(error);
  }
  if (outcome.host_status != 0) {
    error.code = code_of_host(outcome.host_status);
    char text[64];
    const auto end =
        fmt::format_to_n(text, sizeof text, "host status 0x{:02x}", outcome.host_status).out;
    error.detail = std::string_view(text, static_cast<std::size_t>(end - text));
    return fail(error);
  }
  if (outcome.scsi_status == kStatusGood) return {};
  if (outcome.scsi_status == kStatusCheckCondition) {
    if (!outcome.sense.empty() &&
        (error.sense.key == kNoSense || error.sense.key == kRecoveredError)) {
      return {};
    }
    error.code = code_of(error.sense);
    error.detail = why_protected(error.sense);
    return fail(error);
  }
  // SAM-5 5.3.1: another nexus has aborted it. LIO tags each command with the key of the disk's holder,
  // and not with the sender's (pr_res_key in drivers/target/target_core_pr.c), so that a PREEMPT AND
  // ABORT of a holder's stale key aborts what the other node has just sent.
  if (outcome.scsi_status == kStatusTaskAborted) {
    error.code = Code::kUnitAttention;
    error.detail = "a command of another node has aborted it";
    return fail(error);
  }
  error.code = Code::kIo;
  error.detail = "the target did not execute the command";
  return fail(error);
}

}  // namespace lastword
