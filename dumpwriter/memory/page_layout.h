// What one struct page says about its page frame. Pure: from bytes, and what VMCOREINFO tells about
// their layout, to a decision, the same that makedumpfile 1.7.2 takes (makedumpfile.c,
// __exclude_unnecessary_pages) but for what docs/page-classes.md lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/error.h"
#include "proto/page_class.h"
#include "proto/vmcoreinfo.h"

namespace lastword {

// The largest compound page on x86-64 has 1 GiB (Linux arch/x86/mm/hugetlbpage.c).
inline constexpr unsigned kMaxCompoundOrder = 18;
// Blocks of the buddy allocator have at most 2^10 frames (Linux include/linux/mmzone.h MAX_ORDER).
inline constexpr unsigned kMaxBuddyOrder = 10;
inline constexpr std::uint64_t kMaxPageStructBytes = 128;

struct PageDecision {
  enum class Kind : std::uint8_t {
    kSingle,    // of this frame alone
    kCompound,  // of the 2^order frames from this one on, as far as their own pages say kTail
    kBuddy,     // of the 2^order frames from this one on, whatever their own pages say
    kTail,      // as the compound page whose first struct page is at virtual address `head`
    kUntold,    // nothing that makes sense
  };
  Kind kind = Kind::kUntold;
  PageClass page_class = PageClass::kKernel;  // kKernel for kTail and kUntold
  unsigned order = 0;
  std::uint64_t head = 0;
};

class PageLayout {
 public:
  // kNotFound: VMCOREINFO lacks what every class depends on; kUnsupported: a layout that is
  // none.
  [[nodiscard]] static Result<PageLayout> from(const Vmcoreinfo& info);

  [[nodiscard]] std::uint64_t page_bytes() const { return page_bytes_; }
  // `page` is the struct page of frame `pfn`, `next` the one of the frame behind it, which a
  // compound page needs; empty: not known. Both have page_bytes().
  [[nodiscard]] PageDecision decide(std::uint64_t pfn, std::span<const std::byte> page,
                                    std::span<const std::byte> next) const;

 private:
  // How the first frame of a compound page tells its order and that it is of hugetlbfs. Each
  // follows the one before.
  enum class Compound : std::uint8_t {
    kUnknown,
    kBytes,        // until 6.5: bytes for order and destructor in the second struct page
    kSecondFlags,  // 6.6: low byte and bit PG_hugetlb of the second struct page's flags
    kHugetlbType,  // 6.9: the order likewise, hugetlb by the first one's page type
  };
  struct CompoundFacts {
    unsigned order = 0;
    bool hugetlb = false;
  };
  using Bit = std::optional<unsigned>;

  struct Parser;

  [[nodiscard]] std::optional<CompoundFacts> compound_facts(std::uint64_t pfn,
                                                            std::int32_t page_type,
                                                            std::span<const std::byte> next) const;
  [[nodiscard]] PageClass class_of(std::uint64_t flags, std::uint64_t mapping,
                                   std::int32_t page_type, bool hugetlb) const;
  [[nodiscard]] bool is_slab(std::uint64_t flags, std::int32_t page_type) const;

  std::uint64_t page_bytes_ = 0;
  std::uint64_t flags_at_ = 0;
  std::uint64_t mapping_at_ = 0;
  std::uint64_t mapcount_at_ = 0;
  std::uint64_t private_at_ = 0;
  std::uint64_t compound_head_at_ = 0;
  std::uint64_t head_mask_ = 0;
  unsigned lru_ = 0;
  unsigned private_bit_ = 0;
  unsigned swap_cache_ = 0;
  Bit swap_backed_;
  Bit slab_;
  Bit hwpoison_;
  std::optional<std::int32_t> slab_type_;
  std::optional<std::int32_t> buddy_type_;
  std::optional<std::int32_t> offline_type_;
  std::optional<std::int32_t> unaccepted_type_;
  unsigned buddy_orders_ = kMaxBuddyOrder + 1;

  Compound compound_ = Compound::kUnknown;
  std::uint64_t order_at_ = 0;  // in the second struct page
  std::uint64_t dtor_at_ = 0;   // likewise
  std::uint8_t hugetlb_dtor_ = 0;
  unsigned hugetlb_bit_ = 0;
  std::int32_t hugetlb_type_ = 0;
};

}  // namespace lastword
