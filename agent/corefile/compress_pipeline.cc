#include "agent/corefile/compress_pipeline.h"

#include <cstring>
#include <memory>
#include <utility>

namespace lastword {

CompressPipeline::CompressPipeline(PageCodec codec, unsigned threads, Sink sink)
    : sink_(std::move(sink)),
      work_(threads,
            [codec] {
              return [compressor = std::make_shared<PageCompressor>(codec)](Batch& batch) {
                compress(*compressor, batch);
              };
            }),
      thread_([this] { hand_on(); }) {}

CompressPipeline::~CompressPipeline() {
  work_.stop();
  thread_.join();
}

Status CompressPipeline::add(std::uint64_t tag, std::span<const std::byte, kPageBytes> page) {
  if (filling_ == nullptr) {
    filling_ = work_.get_free();
    if (filling_ == nullptr) return fail(*error_);
    filling_->count = 0;
  }
  std::memcpy(filling_->raw.data() + filling_->count * kPageBytes, page.data(), kPageBytes);
  filling_->pages[filling_->count++].tag = tag;
  if (filling_->count == kBatchPages) work_.put_in(*std::exchange(filling_, nullptr));
  return {};
}

Status CompressPipeline::finish() {
  if (filling_ != nullptr) work_.put_in(*std::exchange(filling_, nullptr));
  if (!work_.wait_until_released()) return fail(*error_);
  return {};
}

void CompressPipeline::compress(PageCompressor& compressor, Batch& batch) {
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
}

void CompressPipeline::hand_on() {
  while (const Batch* const batch = work_.first()) {
    const Status status = sink_(std::span(batch->pages).first(batch->count),
                                std::span(batch->packed).first(batch->packed_bytes));
    if (!status) {
      error_ = status.error();
      work_.stop();
      return;
    }
    work_.release_first();
  }
}

}  // namespace lastword
