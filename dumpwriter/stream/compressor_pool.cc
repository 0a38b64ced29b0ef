#include "dumpwriter/stream/compressor_pool.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "dumpwriter/stream/disk_writer.h"
#include "proto/crc32c.h"

namespace lastword {

static_assert(kSectionPayloadBytes <= kMaxChunkBytes);
namespace {

// The level up to which `auto` goes (codec_chooser.h), or the one that was asked for.
int max_zstd_level(const CodecSetting& codec) {
  constexpr int kAutoLevel = 3;
  return codec.automatic ? kAutoLevel : codec.fixed.level;
}

void run(CompressJob& job, ChunkCompressor& compressor) {
  const auto start = std::chrono::steady_clock::now();
  job.stored_bytes = compressor.compress(job.codec, job.raw, job.out);
  if (job.stored_bytes == 0) {
    job.codec = {};
    job.stored_bytes = job.raw.size();
    if (job.raw.data() != job.out.data()) {
      std::memcpy(job.out.data(), job.raw.data(), job.raw.size());
    }
  }
  job.crc = crc32c(job.out.first(job.stored_bytes));
  job.took = std::chrono::steady_clock::now() - start;
}

}  // namespace

std::size_t EngineSize::bytes(std::size_t candidates) const {
  return candidates * (data_buffers * kSectionBufferBytes + kBlockBytes) +
         raw_buffers() * kSectionPayloadBytes + processors * compressor_bytes(max_zstd_level);
}

EngineSize size_engine(unsigned processors, std::size_t candidates, const CodecSetting& codec) {
  constexpr unsigned kMostProcessors = 8;
  // Beside one for each processor to compress into: at least three in flight, and where there is
  // memory some to compress ahead, because one chunk takes many times as long as another, and who
  // waits for a hard one is idle.
  constexpr unsigned kLeastBuffers = 3;
  constexpr unsigned kMostBuffers = 6;
  EngineSize size{.max_zstd_level = max_zstd_level(codec)};
  for (unsigned n = std::min(processors, kMostProcessors); n > 1; --n) {
    size.processors = n;
    for (unsigned more = kMostBuffers; more >= kLeastBuffers; --more) {
      size.data_buffers = std::min(n + more, kMaxDataBuffers);
      if (size.bytes(candidates) <= kEngineBudgetBytes) return size;
    }
  }
  return {.max_zstd_level = size.max_zstd_level};
}

unsigned available_processors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

CompressorPool::CompressorPool(const EngineSize& size) : raw_taken_(size.raw_buffers()) {
  for (unsigned i = 0; i < size.raw_buffers(); ++i) raw_.emplace_back(kSectionPayloadBytes);
  for (unsigned i = 0; i < size.processors; ++i) compressors_.emplace_back(size.max_zstd_level);
  for (unsigned i = 1; i < size.processors; ++i) {
    threads_.emplace_back([this, i] { serve(compressors_[i]); });
  }
}

CompressorPool::~CompressorPool() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::optional<unsigned> CompressorPool::take_raw() {
  const auto free = std::find(raw_taken_.begin(), raw_taken_.end(), false);
  if (free == raw_taken_.end()) return std::nullopt;
  *free = true;
  return static_cast<unsigned>(free - raw_taken_.begin());
}

void CompressorPool::submit(CompressJob& job) {
  job.done = false;
  if (threads_.empty()) {
    run(job, compressors_.front());
    job.done = true;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    queue_[(first_ + count_) % kMaxJobs] = &job;
    ++count_;
  }
  changed_.notify_all();
}

CompressJob* CompressorPool::next_job() {
  if (count_ == 0) return nullptr;
  CompressJob* const job = queue_[first_];
  first_ = (first_ + 1) % kMaxJobs;
  --count_;
  return job;
}

bool CompressorPool::is_done(const CompressJob& job) {
  if (threads_.empty()) return job.done;
  const std::lock_guard lock(mutex_);
  return job.done;
}

bool CompressorPool::help() {
  CompressJob* job = nullptr;
  {
    const std::lock_guard lock(mutex_);
    job = next_job();
  }
  if (job == nullptr) return false;
  run(*job, compressors_.front());
  const std::lock_guard lock(mutex_);
  job->done = true;
  return true;
}

bool CompressorPool::wait(const CompressJob& job, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return job.done; });
}

void CompressorPool::serve(ChunkCompressor& compressor) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || count_ > 0; });
    CompressJob* const job = next_job();
    if (job == nullptr) return;
    lock.unlock();
    run(*job, compressor);
    lock.lock();
    job->done = true;
    changed_.notify_all();
  }
}

}  // namespace lastword
