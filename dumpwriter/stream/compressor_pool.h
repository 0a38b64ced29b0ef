// Compresses chunks on all processors that it was given. With one processor there is no thread and
// nothing is handed over: a job is done when submit() returns.
// The threads are made with the pool.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "storage/codec/chunk_compressor.h"

namespace lastword {

// How much of the machine a dump uses: bounded, whatever there is.
struct EngineSize {
  unsigned processors = 1;    // that compress, the main thread among them
  unsigned data_buffers = 4;  // of each candidate's write engine
  int max_zstd_level = 0;
  // Two data buffers are on their way to the disk while the others wait for their content.
  [[nodiscard]] unsigned raw_buffers() const { return processors == 1 ? 1 : data_buffers - 2; }
  // Everything that grows with these, for so many candidates.
  [[nodiscard]] std::size_t bytes(std::size_t candidates) const;
};
// Leaves 3.5 MiB of the 16 MiB to the program, its stacks, the map of memory and the page classes.
inline constexpr std::size_t kEngineBudgetBytes = (12 << 20) + (512 << 10);
// As many processors as there are and the budget bears. Pure.
[[nodiscard]] EngineSize size_engine(unsigned processors, std::size_t candidates,
                                     const CodecSetting& codec);
// Processors that this process may run on.
[[nodiscard]] unsigned available_processors();

struct CompressJob {
  std::span<const std::byte> raw;
  std::span<std::byte> out;  // as long as `raw` in whole blocks; where `raw` may already be
  CodecLevel codec;          // wanted; when done, what it became: kNone where it did not shrink
  // When done:
  std::size_t stored_bytes = 0;
  std::uint32_t crc = 0;  // CRC32C of the stored bytes
  std::chrono::nanoseconds took{0};
  bool done = false;  // for the pool and, after wait(), for the caller
};

class CompressorPool {
 public:
  explicit CompressorPool(const EngineSize& size);
  ~CompressorPool();  // no job may be pending
  CompressorPool(const CompressorPool&) = delete;
  CompressorPool& operator=(const CompressorPool&) = delete;

  [[nodiscard]] unsigned processors() const { return static_cast<unsigned>(threads_.size()) + 1; }

  // Room for one chunk's pages while they wait; empty: none is free.
  [[nodiscard]] std::optional<unsigned> take_raw();
  [[nodiscard]] std::span<std::byte> raw(unsigned index) { return raw_[index].span(); }
  void give_back_raw(unsigned index) { raw_taken_[index] = false; }

  // `job` stays where it is until it is done. At most kMaxJobs at a time.
  void submit(CompressJob& job);
  [[nodiscard]] bool is_done(const CompressJob& job);
  // Does one of the waiting jobs on the caller's processor; false: none was waiting.
  bool help();
  // Waits, at most so long. Whether the job is done.
  bool wait(const CompressJob& job, std::chrono::milliseconds timeout);

  static constexpr unsigned kMaxJobs = 16;

 private:
  void serve(ChunkCompressor& compressor);
  [[nodiscard]] CompressJob* next_job();  // mutex_ held

  std::deque<ChunkCompressor> compressors_;  // the first one is the caller's
  std::deque<AlignedBuffer> raw_;
  std::vector<bool> raw_taken_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<CompressJob*, kMaxJobs> queue_{};  // guarded by mutex_, like all below
  unsigned first_ = 0;
  unsigned count_ = 0;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lastword
