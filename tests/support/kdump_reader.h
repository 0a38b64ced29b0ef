// A reader of kdump-compressed files, by the description of the format alone: what the tests hold
// the writer against.
#pragma once

#include <libdeflate.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "agent/corefile/kdump_format.h"

namespace lastword {

class KdumpReader {
 public:
  enum class Page { kNotMemory, kExcluded, kMissing, kThere };

  explicit KdumpReader(std::span<const std::byte> file) : file_(file) {
    header = object_at<DiskDumpHeader>(0);
    sub_header = object_at<KdumpSubHeader>(kBlock);
    bitmap_ = (1 + static_cast<std::uint64_t>(header.sub_header_blocks)) * kBlock;
    descriptors_ = bitmap_ + header.bitmap_blocks * kBlock;
  }

  [[nodiscard]] Page state(std::uint64_t pfn) const {
    if (pfn >= sub_header.max_pfn_64 || !bit(0, pfn)) return Page::kNotMemory;
    if (!bit(1, pfn)) return Page::kExcluded;
    return descriptor(pfn).offset == 0 ? Page::kMissing : Page::kThere;
  }

  [[nodiscard]] PageDescriptor descriptor(std::uint64_t pfn) const {
    std::uint64_t before = 0;
    for (std::uint64_t other = 0; other < pfn; ++other) before += bit(1, other) ? 1 : 0;
    return object_at<PageDescriptor>(descriptors_ + before * sizeof(PageDescriptor));
  }

  [[nodiscard]] std::vector<std::byte> content(std::uint64_t pfn) const {
    const PageDescriptor at = descriptor(pfn);
    const auto stored = bytes_at(at.offset, at.bytes);
    std::vector<std::byte> page(kBlock);
    std::size_t size = 0;
    if (at.flags == kKdumpZlib) {
      libdeflate_decompressor* const zlib = libdeflate_alloc_decompressor();
      const auto result = libdeflate_zlib_decompress(zlib, stored.data(), stored.size(),
                                                     page.data(), page.size(), &size);
      libdeflate_free_decompressor(zlib);
      if (result != LIBDEFLATE_SUCCESS) throw std::runtime_error("zlib data is damaged");
    } else if (at.flags == kKdumpZstd) {
      size = ZSTD_decompress(page.data(), page.size(), stored.data(), stored.size());
    } else if (at.flags == 0) {
      size = stored.size();
      if (size == kBlock) std::memcpy(page.data(), stored.data(), size);
    }
    if (size != kBlock) throw std::runtime_error("not a page");
    return page;
  }

  [[nodiscard]] std::span<const std::byte> bytes_at(std::uint64_t offset,
                                                    std::uint64_t bytes) const {
    if (offset > file_.size() || bytes > file_.size() - offset) {
      throw std::runtime_error("beyond the end of the file");
    }
    return file_.subspan(offset, bytes);
  }

  DiskDumpHeader header;
  KdumpSubHeader sub_header;

 private:
  static constexpr std::uint64_t kBlock = 4096;

  template <class T>
  [[nodiscard]] T object_at(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, bytes_at(offset, sizeof value).data(), sizeof value);
    return value;
  }
  [[nodiscard]] bool bit(unsigned which, std::uint64_t pfn) const {
    const std::uint64_t half = header.bitmap_blocks / 2 * kBlock;
    return (std::to_integer<unsigned>(bytes_at(bitmap_ + which * half + pfn / 8, 1)[0]) >>
                (pfn % 8) &
            1U) != 0;
  }

  std::span<const std::byte> file_;
  std::uint64_t bitmap_ = 0;
  std::uint64_t descriptors_ = 0;
};

}  // namespace lastword
