// Which write engine a dump uses.
#pragma once

#include "dumpwriter/stream/disk_writer.h"
#include "proto/plan.pb.h"

namespace lastword {

// An engine with EngineBuffers. ENGINE_AUTO: io_uring, and libaio where the kernel does not offer
// that. `fd` is open O_DIRECT for writing and outlives the engine.
[[nodiscard]] Result<std::unique_ptr<WriteEngine>> make_engine(pb::Engine engine, int fd,
                                                               std::string_view disk,
                                                               unsigned data_buffers);

}  // namespace lastword
