// The page classes of a vmcore, or none.
#pragma once

#include <memory>

#include "dumpwriter/memory/frame_classes.h"
#include "dumpwriter/memory/vmcore.h"
#include "dumpwriter/stream/reporter.h"

namespace lastword {

// Where pages cannot be classified: says why, and that nothing is left out, and all pages are
// kernel pages. `core` must outlive what is returned.
[[nodiscard]] std::unique_ptr<FrameClasses> open_classes(const Vmcore& core,
                                                         const PageFilter& filter,
                                                         DumpReporter& reporter);

}  // namespace lastword
