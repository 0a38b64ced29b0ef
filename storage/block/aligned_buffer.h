// Memory that O_DIRECT accepts: aligned to kBlockBytes, zeroed, freed with its owner.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "proto/layout.h"

namespace lastword {

class AlignedBuffer {
 public:
  // `bytes` is rounded up to a multiple of kBlockBytes.
  explicit AlignedBuffer(std::size_t bytes)
      : size_((bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes),
        data_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, size_))) {
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, size_);
  }
  [[nodiscard]] std::span<std::byte> span() const { return {data_.get(), size_}; }
  [[nodiscard]] std::span<std::byte, kBlockBytes> block(std::size_t index) const {
    return span().subspan(index * kBlockBytes).first<kBlockBytes>();
  }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace lastword
