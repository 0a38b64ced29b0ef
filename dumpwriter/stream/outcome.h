// How an action on a candidate ended: what the stream reports and the plan decides by.
#pragma once

#include <cstdint>

namespace lastword {

// The disk's failures need no candidate to go on with: each says what is left behind on it.
enum class Outcome : std::uint8_t {
  kDone,
  kRejected,  // check: the disk is not what the plan says; untouched
  kLimit,     // stream: the time limit passed; everything before is durable
  kDiskFull,  // stream: the extent is full; everything before is durable
  kVmcore,    // stream: /proc/vmcore failed; everything before is durable
  kStopped,   // stream: somebody asked it to end; everything before is durable
  kIoError,   // the disk failed; its header can perhaps still be written
  kTimeout,   // the disk hangs; writes may still land on it
  kFenced,    // RESERVATION CONFLICT
};

}  // namespace lastword
