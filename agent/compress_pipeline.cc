#include "agent/compress_pipeline.h"

#include <algorithm>
#include <cstring>

namespace lastword {

CompressPipeline::CompressPipeline(PageCodec codec, unsigned threads, Sink sink)
    : sink_(std::move(sink)), batches_(2 * std::size_t{threads} + 2) {
  for (Batch& batch : batches_) {
    batch.raw.resize(kBatchPages * kPageBytes);
    batch.packed.resize(kBatchPages * kPageBytes);
    free_.push_back(&batch);
  }
  threads_.reserve(threads + 1);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, codec] { compress_batches(codec); });
  }
  threads_.emplace_back([this] { hand_on_batches(); });
}

CompressPipeline::~CompressPipeline() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Status CompressPipeline::add(std::uint64_t tag, std::span<const std::byte, kPageBytes> page) {
  if (filling_ == nullptr) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !free_.empty() || error_; });
    if (error_) return fail(*error_);
    filling_ = free_.back();
    free_.pop_back();
    filling_->count = 0;
  }
  std::memcpy(filling_->raw.data() + filling_->count * kPageBytes, page.data(), kPageBytes);
  filling_->pages[filling_->count++].tag = tag;
  return filling_->count == kBatchPages ? submit() : Status{};
}

Status CompressPipeline::submit() {
  const std::lock_guard lock(mutex_);
  if (error_) return fail(*error_);
  filling_->ready = false;
  waiting_.push_back(filling_);
  under_way_.push_back(filling_);
  filling_ = nullptr;
  changed_.notify_all();
  return {};
}

Status CompressPipeline::finish() {
  if (filling_ != nullptr) {
    if (Status status = submit(); !status) return status;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return under_way_.empty() || error_; });
  if (error_) return fail(*error_);
  return {};
}

void CompressPipeline::compress_batches(PageCodec codec) {
  PageCompressor compressor(codec);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !waiting_.empty() || stopping_; });
    if (stopping_) return;
    Batch& batch = *waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    batch.packed_bytes = 0;
    for (std::size_t i = 0; i < batch.count; ++i) {
      const auto page = std::span(batch.raw).subspan(i * kPageBytes).first<kPageBytes>();
      // Every page before took at most a page.
      const auto room = std::span(batch.packed).subspan(batch.packed_bytes).first<kPageBytes>();
      const auto packed = compressor.compress(page, room);
      batch.pages[i].bytes = packed.bytes;
      batch.pages[i].flags = packed.flags;
      batch.packed_bytes += packed.bytes;
    }
    lock.lock();
    batch.ready = true;
    changed_.notify_all();
  }
}

void CompressPipeline::hand_on_batches() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock,
                  [&] { return stopping_ || (!under_way_.empty() && under_way_.front()->ready); });
    if (stopping_) return;
    Batch& batch = *under_way_.front();
    lock.unlock();
    const Status status = sink_(std::span(batch.pages).first(batch.count),
                                std::span(batch.packed).first(batch.packed_bytes));
    lock.lock();
    if (!status) {
      error_ = status.error();
      changed_.notify_all();
      return;
    }
    under_way_.pop_front();
    free_.push_back(&batch);
    changed_.notify_all();
  }
}

}  // namespace lastword
