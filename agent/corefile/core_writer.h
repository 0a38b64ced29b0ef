// Where the pages of a recovered dump go. One implementation for each output format.
#pragma once

#include <span>
#include <string_view>

#include "agent/base/file_system.h"
#include "agent/corefile/elf_core.h"
#include "proto/error.h"
#include "proto/page_class.h"

namespace lastword {

// Call begin(), then write_pages(), write_zero_pages() and exclude_pages() any number of times in
// any order, then finish(). Each page frame is in at most one of these calls; a page frame in none
// of them is missing from the dump. After an error nothing but the destructor may be called, and
// the file is of no use.
//
// Errors are those of the OutputFile; kCorrupt: page frames outside the layout's memory.
class CoreWriter {
 public:
  virtual ~CoreWriter() = default;
  // Both outlive this.
  [[nodiscard]] virtual Status begin(const CoreHead& head, const CoreLayout& layout) = 0;
  // Page frames from `pfn` on, whole pages, all of them in the layout's memory.
  [[nodiscard]] virtual Status write_pages(std::uint64_t pfn,
                                           std::span<const std::byte> content) = 0;
  // `count` page frames from `pfn` on that are all zero.
  [[nodiscard]] virtual Status write_zero_pages(std::uint64_t pfn, std::uint64_t count) = 0;
  // `count` page frames from `pfn` on that were left out on purpose.
  [[nodiscard]] virtual Status exclude_pages(std::uint64_t pfn, std::uint64_t count,
                                             PageClass page_class) = 0;
  // `incomplete`: see render_core_head. Durable when this returns without an error.
  [[nodiscard]] virtual Status finish(std::string_view incomplete) = 0;
  // Size of the file, after finish().
  [[nodiscard]] virtual std::uint64_t file_bytes() const = 0;
};

// An ELF core, sparse: zero, excluded and missing pages are holes and read as zeros.
class ElfCoreWriter : public CoreWriter {
 public:
  // `file` is empty and outlives this.
  explicit ElfCoreWriter(OutputFile& file) : file_(file) {}
  Status begin(const CoreHead& head, const CoreLayout& layout) override;
  Status write_pages(std::uint64_t pfn, std::span<const std::byte> content) override;
  Status write_zero_pages(std::uint64_t, std::uint64_t) override { return {}; }
  Status exclude_pages(std::uint64_t, std::uint64_t, PageClass) override { return {}; }
  Status finish(std::string_view incomplete) override;
  [[nodiscard]] std::uint64_t file_bytes() const override { return layout_->file_bytes(); }

 private:
  OutputFile& file_;
  const CoreHead* head_ = nullptr;
  const CoreLayout* layout_ = nullptr;
};

}  // namespace lastword
