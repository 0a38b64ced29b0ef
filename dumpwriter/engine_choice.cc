#include "dumpwriter/engine_choice.h"

namespace lastword {

Result<std::unique_ptr<WriteEngine>> make_engine(pb::Engine engine, int fd, std::string_view disk,
                                                 unsigned data_buffers) {
  const EngineBuffers buffers(data_buffers);
  if (engine == pb::LIBAIO) return make_libaio_engine(fd, disk, buffers);
  auto uring = make_io_uring_engine(fd, disk, buffers);
  const bool may_fall_back = engine != pb::IO_URING;
  if (uring || !may_fall_back || uring.error().code != Code::kUnsupported) return uring;
  return make_libaio_engine(fd, disk, buffers);
}

}  // namespace lastword
