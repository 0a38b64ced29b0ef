// Reads blocks of many disks at once: one io_uring submission for all, so that one sick disk does
// not delay the others. Where io_uring is not available, each read has a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "proto/error.h"

namespace lastword {

struct ReadRequest {
  int fd = -1;                  // open O_DIRECT; the caller closes it
  std::string_view disk;        // for messages
  std::uint64_t offset = 0;     // multiple of kBlockBytes
  std::span<std::byte> buffer;  // aligned, whole blocks; see below for its lifetime
  Status status;                // out; kTimeout: did not come in time
};

// Fills in every request's status; returns after `timeout` at the latest. A buffer whose request
// ended with kTimeout may still be written to by the kernel: it must stay allocated for good.
// Fails only when nothing could be submitted at all; no buffer is written to then.
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
