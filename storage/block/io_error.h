// What an errno of block I/O means. The block layer turns the status of a SCSI command into one of
// these numbers (Linux 6.1 block/blk-core.c, blk_errors[]). Usable after a crash: no heap.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// Never fails: a number that means nothing special is kIo. RESERVATION CONFLICT arrives as EBADE
// (BLK_STS_NEXUS, called BLK_STS_RESV_CONFLICT since Linux 6.5).
[[nodiscard]] Code code_of_errno(int number);
// MEDIUM ERROR (BLK_STS_MEDIUM, ENODATA): this place cannot be read, and the rest of the disk may
// be sound. EIO may come from a path that fails, and says nothing of the medium.
[[nodiscard]] bool is_bad_spot(const Error& error);

[[nodiscard]] Error io_error(std::string_view operation, std::string_view disk,
                             std::uint64_t offset, int number);
// kIo, for a transfer of fewer bytes than asked for. A disk does that only at its end.
[[nodiscard]] Error short_transfer(std::string_view operation, std::string_view disk,
                                   std::uint64_t offset, std::size_t wanted, std::size_t got);

// kRefused unless offset, length and address are multiples of kBlockBytes.
[[nodiscard]] Status check_aligned(std::string_view operation, std::string_view disk,
                                   std::uint64_t offset, std::size_t length, const void* address);

}  // namespace lastword
