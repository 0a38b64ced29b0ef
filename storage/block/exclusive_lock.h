// One program at a time on a disk or image: flock(2), the lock that udev and systemd hold while
// they look at a disk (systemd.io/BLOCK_DEVICE_LOCKING). Advisory: `label`, `recover` of an image,
// and the dump writer by hand ask for it.
#pragma once

#include <functional>
#include <string>

#include "proto/error.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// Held until the descriptor is closed. udev holds the lock for moments only, so that a few tries
// are worth it; `pause` waits between two of them, a tenth of a second or so. kRefused: another
// program is at work on it. Otherwise kIo.
[[nodiscard]] Result<FileDescriptor> lock_disk(const std::string& path,
                                               const std::function<void()>& pause);

}  // namespace lastword
