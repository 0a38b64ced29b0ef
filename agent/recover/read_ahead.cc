#include "agent/recover/read_ahead.h"

#include <algorithm>
#include <cstring>

namespace lastword {

ReadAhead::ReadAhead(BlockDevice& device, std::uint64_t offset, std::uint64_t length)
    : device_(device),
      offset_(offset),
      length_(length),
      buffers_{AlignedBuffer(kChunkBytes), AlignedBuffer(kChunkBytes), AlignedBuffer(kChunkBytes)} {
  for (std::size_t i = 0; i < kChunks; ++i) free_.push_back(i);
  thread_ = std::thread([this] { run(); });
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// After an error in a large read, finds the first block that really fails, so that all before it
// can be used: ever smaller pieces, one failing read for each size.
ReadAhead::Chunk ReadAhead::read_chunk(std::size_t buffer, std::uint64_t offset,
                                       std::size_t length) {
  Chunk chunk{.buffer = buffer, .filled = 0, .error = {}};
  const std::span<std::byte> space = buffers_[buffer].span();
  for (std::size_t piece : {kChunkBytes, std::size_t{64} << 10, std::size_t{kBlockBytes}}) {
    chunk.error.reset();
    while (chunk.filled < length) {
      const std::size_t bytes = std::min(piece, length - chunk.filled);
      const Status status = device_.read(offset + chunk.filled, space.subspan(chunk.filled, bytes));
      if (!status) {
        chunk.error = status.error();
        break;
      }
      chunk.filled += bytes;
    }
    if (!chunk.error) return chunk;
  }
  return chunk;
}

void ReadAhead::run() {
  std::uint64_t at = 0;
  for (;;) {
    std::size_t buffer = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !free_.empty(); });
      if (stopping_) return;
      buffer = free_.front();
      free_.pop_front();
    }
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, length_ - at));
    Chunk chunk = read_chunk(buffer, offset_ + at, length);
    at += chunk.filled;
    if (!chunk.error && at == length_) {
      chunk.error = Error{.code = Code::kNotFound,
                          .operation = "read dump",
                          .disk = device_.name(),
                          .offset = offset_ + length_,
                          .detail = "the dump's extent ends here"};
    }
    const bool last = chunk.error.has_value();
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(chunk);
    }
    changed_.notify_all();
    if (last) return;
  }
}

Status ReadAhead::next_chunk() {
  if (current_ && current_->error) return fail(*current_->error);
  std::unique_lock lock(mutex_);
  if (current_) {
    free_.push_back(current_->buffer);
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return !ready_.empty(); });
  current_ = ready_.front();
  ready_.pop_front();
  used_ = 0;
  return {};
}

Result<std::span<const std::byte>> ReadAhead::take(std::size_t bytes) {
  const auto rest = [this] {
    if (!current_) return std::span<const std::byte>{};
    return std::span<const std::byte>(
        buffers_[current_->buffer].span().subspan(used_, current_->filled - used_));
  };
  if (rest().size() >= bytes) {
    const auto taken = rest().first(bytes);
    used_ += bytes;
    return taken;
  }
  joined_.clear();
  while (joined_.size() < bytes) {
    const auto part = rest().first(std::min(rest().size(), bytes - joined_.size()));
    joined_.insert(joined_.end(), part.begin(), part.end());
    used_ += part.size();
    if (joined_.size() == bytes) break;
    if (Status status = next_chunk(); !status) return fail(status.error());
  }
  return std::span<const std::byte>(joined_);
}

}  // namespace lastword
