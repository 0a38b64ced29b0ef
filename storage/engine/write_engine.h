// Asynchronous O_DIRECT writes from buffers that the engine allocated at its creation. One thread.
// Part of what runs in the capture kernel: no member allocates after the engine was made.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "proto/error.h"

namespace lastword {

struct Completion {
  static constexpr unsigned kFlush = ~0U;
  unsigned buffer = kFlush;  // whose write ended, or kFlush; the buffer is the caller's again
  Status status;             // a short write is an error (kIo); RESERVATION CONFLICT is kConflict
};

class WriteEngine {
 public:
  // Does not wait, so that the caller can go on with another disk. What is in flight may still
  // reach the disk; its memory and the kernel's context then stay until the end of the process.
  virtual ~WriteEngine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // "io_uring", "libaio"

  // Buffers 0 .. n-1 with the sizes asked for, aligned to kBlockBytes; they live with the engine.
  [[nodiscard]] virtual std::span<std::byte> buffer(unsigned index) = 0;
  [[nodiscard]] virtual unsigned buffer_count() const = 0;
  [[nodiscard]] virtual unsigned in_flight() const = 0;

  // Writes the first `length` bytes of a buffer that is not in flight. Offset and length are
  // multiples of kBlockBytes. The buffer must not be touched until its completion. kRefused: one of
  // these rules is broken. On any error nothing was sent, and the buffer is the caller's.
  [[nodiscard]] virtual Status submit(unsigned index, std::uint64_t offset, std::size_t length) = 0;
  // Makes durable what completed before this call. At most one flush in flight.
  [[nodiscard]] virtual Status submit_flush() = 0;
  // The next completion, in any order. kTimeout when none came in time: what is in flight may still
  // reach the disk, and its buffers stay lost. kNotFound when nothing is in flight.
  [[nodiscard]] virtual Result<Completion> wait(std::chrono::milliseconds timeout) = 0;
};

// `fd` is open O_DIRECT for writing, belongs to the caller and outlives the engine; `disk` is for
// messages. kUnsupported when the kernel does not offer the engine.
[[nodiscard]] Result<std::unique_ptr<WriteEngine>> make_io_uring_engine(
    int fd, std::string_view disk, std::span<const std::size_t> buffer_sizes);
[[nodiscard]] Result<std::unique_ptr<WriteEngine>> make_libaio_engine(
    int fd, std::string_view disk, std::span<const std::size_t> buffer_sizes);

}  // namespace lastword
