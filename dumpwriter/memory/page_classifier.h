// FrameClasses from the struct pages of the dead kernel, found by VMCOREINFO alone. Struct pages
// are read for 1024 frames at a time, the largest block of the buddy allocator, so that a block is
// seen from its first frame on wherever a question begins; the last 1024 answers are kept.
// docs/page-classes.md has the rules and what happens when something is missing.
// For one thread at a time.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>

#include "dumpwriter/memory/frame_classes.h"
#include "dumpwriter/memory/memory_model.h"
#include "dumpwriter/memory/page_layout.h"
#include "dumpwriter/memory/page_tables.h"
#include "dumpwriter/memory/physical_memory.h"

namespace lastword {

class PageClassifier final : public FrameClasses {
 public:
  // Allocates one object of about 140 KiB, whatever the memory, and nothing afterwards; on
  // /proc/vmcore a mapped window of 2 MiB comes and goes. kNotFound: VMCOREINFO lacks something
  // without which no page can be classified, or the kernel's image cannot be found; kUnsupported: a
  // layout that is not known. `core` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<PageClassifier>> open(const Vmcore& core);

  void classify(std::uint64_t first_pfn, std::span<PageClass> classes) override;
  [[nodiscard]] std::uint64_t unclassified() const override { return unclassified_; }

  // The kernel's image, text to bss: kKernel whatever its struct pages say, unless they say that it
  // must not be read.
  [[nodiscard]] FrameInterval image() const { return image_; }
  // What struct pages say, of the kernel's image too. Counts nothing as unclassified.
  [[nodiscard]] std::span<const PageClass> block_of(std::uint64_t pfn);
  static constexpr std::uint64_t kBlockFrames = 1 << kMaxBuddyOrder;

 private:
  static constexpr std::uint64_t kNoBlock = ~std::uint64_t{0};
  static constexpr std::size_t kGranule = 4096;  // what can be unreadable by itself

  struct Head {
    std::uint64_t address = 0;  // of its struct page; 0: none looked at yet
    std::uint64_t pfn = 0;
    PageDecision decision;
  };

  explicit PageClassifier(const Vmcore& core) : memory_(core) {}
  [[nodiscard]] Status find_image(const Vmcore& core, const Vmcoreinfo& info);
  [[nodiscard]] FrameInterval mapped_image(std::uint64_t image_bytes);

  void look_at_block(std::uint64_t block);
  void read_block(std::uint64_t address);
  void read_granules(std::uint64_t at, std::optional<std::uint64_t> paddr,
                     std::span<std::byte> into);
  [[nodiscard]] std::span<const std::byte> page_at(std::uint64_t index) const;
  // Sets the classes of one or more frames; returns how many.
  [[nodiscard]] std::uint64_t decide_at(std::uint64_t index, std::uint64_t address);
  [[nodiscard]] PageDecision decide_tail(std::uint64_t pfn, std::uint64_t address,
                                         std::uint64_t head_address);
  [[nodiscard]] PageDecision decide_head(std::uint64_t pfn, std::uint64_t address);

  PhysicalMemory memory_;
  std::optional<PageTables> tables_;
  std::optional<MemoryModel> model_;
  PageLayout layout_;
  FrameInterval image_;
  std::uint64_t unclassified_ = 0;

  std::uint64_t block_ = kNoBlock;
  std::array<PageClass, kBlockFrames> classes_{};
  std::bitset<kBlockFrames> not_told_;
  Head head_;
  std::bitset<kBlockFrames * kMaxPageStructBytes / kGranule + 1> unreadable_;
  std::uint64_t in_granule_ = 0;  // where in its granule the first struct page begins
  std::array<std::byte, kBlockFrames * kMaxPageStructBytes> pages_;
};

}  // namespace lastword
