// Reads blocks of many disks at once: one io_uring submission for all, so that one sick disk does
// not delay the others. Where io_uring is not available, each read has a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "proto/error.h"

namespace lastword {

struct ReadRequest {
  int fd = -1;                  // open O_DIRECT; the caller closes it
  std::string_view disk;        // for messages
  std::uint64_t offset = 0;     // multiple of kBlockBytes
  std::span<std::byte> buffer;  // aligned, whole blocks; owned by `keep`
  Status status = {};           // out; kTimeout: did not come in time
  // Let go of when the kernel has answered, or will not touch the buffer any more; that may be long
  // after a kTimeout, on another thread. Absent: the buffer must stay allocated for good after one.
  std::shared_ptr<void> keep = {};
};

// Fills in every request's status; returns after `timeout` at the latest. Reads that hang then are
// waited for on a thread of their own, one for all of them. Fails only when nothing could be
// submitted at all.
[[nodiscard]] Status read_batch(std::span<ReadRequest> requests, std::chrono::milliseconds timeout);

// The two ways of read_batch, for tests and benchmarks. read_batch_io_uring is kUnsupported, with
// nothing submitted, where the kernel does not permit io_uring.
[[nodiscard]] Status read_batch_io_uring(std::span<ReadRequest> requests,
                                         std::chrono::milliseconds timeout);
// pread(2), or what a test puts in its place: bytes, or a negated errno. Runs on other threads, and
// may outlive the call.
using ReadFunction = std::function<long(int fd, std::span<std::byte> buffer, std::uint64_t offset)>;
[[nodiscard]] Status read_batch_threads(std::span<ReadRequest> requests,
                                        std::chrono::milliseconds timeout, ReadFunction read = {});

}  // namespace lastword
