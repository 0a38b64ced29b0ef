// Sequential reading of a disk's extent, ahead of its consumer: one thread fills large buffers
// while the consumer checks and writes out what it took before, so that disk and processor overlap.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "proto/error.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/block_device.h"

namespace lastword {

class ReadAhead {
 public:
  static constexpr std::size_t kChunkBytes = 4 << 20;
  static constexpr std::size_t kChunks = 3;

  // Offset and length are multiples of kBlockBytes and inside the device, which must outlive this
  // and is used by nobody else meanwhile.
  ReadAhead(BlockDevice& device, std::uint64_t offset, std::uint64_t length);
  // Waits for the read in flight.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next `bytes` (a multiple of kBlockBytes, at most kChunkBytes) in one piece, valid until the
  // next call. kNotFound: the extent ends before. Any other error is what the device said: it names
  // the first block that could not be read; every block before that one has been handed out or was
  // part of this call. After an error every further call fails with it too.
  [[nodiscard]] Result<std::span<const std::byte>> take(std::size_t bytes);

 private:
  struct Chunk {
    std::size_t buffer = 0;
    std::size_t filled = 0;
    std::optional<Error> error;  // why nothing follows this chunk
  };

  void run();
  [[nodiscard]] Chunk read_chunk(std::size_t buffer, std::uint64_t offset, std::size_t length);
  [[nodiscard]] Status next_chunk();

  BlockDevice& device_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
  std::array<AlignedBuffer, kChunks> buffers_;

  // Consumer's side.
  std::optional<Chunk> current_;
  std::size_t used_ = 0;  // of the current chunk
  std::vector<std::byte> joined_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::size_t> free_;  // guarded by mutex_, like all below
  std::deque<Chunk> ready_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lastword
