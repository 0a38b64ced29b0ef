#include "dumpwriter/memory/page_layout.h"

#include <cstring>
#include <string_view>

#include "proto/format_text.h"

namespace lastword {
namespace {

constexpr std::uint64_t kAnonymous = 1 << 0;                 // of page.mapping (PAGE_MAPPING_ANON)
constexpr std::uint64_t kTailBit = 1 << 0;                   // of page.compound_head
constexpr std::uint64_t kPoisonedFlags = ~std::uint64_t{0};  // PAGE_POISON_PATTERN: never set up
constexpr std::uint64_t kOrderByte = 0xff;

template <class T>
T get(std::span<const std::byte> page, std::uint64_t at) {
  T value;
  std::memcpy(&value, page.data() + at, sizeof value);
  return value;
}

constexpr bool has(std::uint64_t flags, unsigned bit) {
  return (flags >> bit & 1) != 0;
}

constexpr bool aligned(std::uint64_t pfn, unsigned order) {
  return (pfn & ((std::uint64_t{1} << order) - 1)) == 0;
}

// Printed as a signed or as an unsigned number of 32 bits, or extended to 64.
std::optional<std::int32_t> page_type(const Vmcoreinfo& info, std::string_view name) {
  const auto value = info.number(name);
  if (!value) return std::nullopt;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(*value));
}

}  // namespace

struct PageLayout::Parser {
  const Vmcoreinfo& info;
  PageLayout layout = {};
  std::optional<Error> error = {};

  void complain(Code code, FixedText<256> detail) {
    if (!error) error = Error{.code = code, .operation = "read VMCOREINFO", .detail = detail};
  }

  std::uint64_t offset(std::string_view name, std::size_t bytes) {
    const auto at = info.offset(name);
    if (!at) {
      complain(Code::kNotFound, format_text("no OFFSET({})", name));
      return 0;
    }
    return inside(name, *at, bytes);
  }

  std::uint64_t inside(std::string_view name, std::uint64_t at, std::size_t bytes) {
    if (at <= layout.page_bytes_ && bytes <= layout.page_bytes_ - at) return at;
    complain(Code::kUnsupported, format_text("{} at {} is not inside a struct page of {} bytes",
                                             name, at, layout.page_bytes_));
    return 0;
  }

  Bit optional_bit(std::string_view name) {
    const auto bit = info.number(name);
    if (!bit) return std::nullopt;
    if (*bit >= 0 && *bit < 64) return static_cast<unsigned>(*bit);
    complain(Code::kUnsupported, format_text("NUMBER({})={} is no bit", name, *bit));
    return std::nullopt;
  }

  unsigned bit(std::string_view name) {
    const Bit found = optional_bit(name);
    if (!found) complain(Code::kNotFound, format_text("no NUMBER({})", name));
    return found.value_or(0);
  }

  void read() {
    const auto page_bytes = info.size("page");
    if (!page_bytes) return complain(Code::kNotFound, "no SIZE(page)");
    layout.page_bytes_ = *page_bytes;
    if (layout.page_bytes_ < sizeof(std::uint64_t) || layout.page_bytes_ > kMaxPageStructBytes) {
      complain(Code::kUnsupported, format_text("SIZE(page)={}, not from 8 to {}",
                                               layout.page_bytes_, kMaxPageStructBytes));
      return;
    }
    layout.flags_at_ = offset("page.flags", 8);
    layout.mapping_at_ = offset("page.mapping", 8);
    layout.mapcount_at_ = offset("page._mapcount", 4);
    layout.private_at_ = offset("page.private", 8);
    layout.compound_head_at_ = offset("page.compound_head", 8);
    layout.lru_ = bit("PG_lru");
    layout.private_bit_ = bit("PG_private");
    layout.swap_cache_ = bit("PG_swapcache");
    layout.swap_backed_ = optional_bit("PG_swapbacked");
    layout.hwpoison_ = optional_bit("PG_hwpoison");
    layout.slab_ = optional_bit("PG_slab");
    layout.slab_type_ = page_type(info, "PAGE_SLAB_MAPCOUNT_VALUE");
    if (!layout.slab_ && !layout.slab_type_) complain(Code::kNotFound, "no NUMBER(PG_slab)");
    layout.buddy_type_ = page_type(info, "PAGE_BUDDY_MAPCOUNT_VALUE");
    layout.offline_type_ = page_type(info, "PAGE_OFFLINE_MAPCOUNT_VALUE");
    layout.unaccepted_type_ = page_type(info, "PAGE_UNACCEPTED_MAPCOUNT_VALUE");
    const auto head_mask = info.number("PG_head_mask");
    if (!head_mask || *head_mask == 0) complain(Code::kNotFound, "no NUMBER(PG_head_mask)");
    layout.head_mask_ = static_cast<std::uint64_t>(head_mask.value_or(0));
    const std::uint64_t orders = info.length("zone.free_area").value_or(kMaxBuddyOrder + 1);
    if (orders == 0 || orders > kMaxBuddyOrder + 1) {
      complain(Code::kUnsupported, format_text("LENGTH(zone.free_area)={}, at most {} is known",
                                               orders, kMaxBuddyOrder + 1));
    }
    layout.buddy_orders_ = static_cast<unsigned>(orders);
    read_compound();
  }

  // The newest way that VMCOREINFO offers; as makedumpfile.c, init_compound_offset.
  void read_compound() {
    if (const auto type = page_type(info, "PAGE_HUGETLB_MAPCOUNT_VALUE")) {
      layout.hugetlb_type_ = *type;
      layout.compound_ = Compound::kHugetlbType;
      return;
    }
    if (const Bit hugetlb = optional_bit("PG_hugetlb")) {
      layout.hugetlb_bit_ = *hugetlb;
      layout.compound_ = Compound::kSecondFlags;
      return;
    }
    // Since 6.3 as offsets in a folio, whose second struct page begins at SIZE(page).
    auto order = info.offset("folio._folio_order");
    auto dtor = info.offset("folio._folio_dtor");
    for (auto* at : {&order, &dtor}) {
      if (*at) **at -= layout.page_bytes_;
    }
    if (!order) order = info.offset("page.compound_order");
    if (!dtor) dtor = info.offset("page.compound_dtor");
    const auto hugetlb = info.number("HUGETLB_PAGE_DTOR");
    if (!order || !dtor || !hugetlb) return;
    layout.order_at_ = inside("compound_order", *order, 1);
    layout.dtor_at_ = inside("compound_dtor", *dtor, 1);
    layout.hugetlb_dtor_ = static_cast<std::uint8_t>(*hugetlb);
    layout.compound_ = Compound::kBytes;
  }
};

Result<PageLayout> PageLayout::from(const Vmcoreinfo& info) {
  Parser parser{.info = info};
  parser.read();
  if (parser.error) return fail(*parser.error);
  return parser.layout;
}

PageDecision PageLayout::decide(std::uint64_t pfn, std::span<const std::byte> page,
                                std::span<const std::byte> next) const {
  using Kind = PageDecision::Kind;
  const auto flags = get<std::uint64_t>(page, flags_at_);
  if (flags == kPoisonedFlags) return {};
  const auto type = get<std::int32_t>(page, mapcount_at_);
  const auto compound_head = get<std::uint64_t>(page, compound_head_at_);
  const bool tail = (compound_head & kTailBit) != 0;
  const bool poisoned = hwpoison_ && has(flags, *hwpoison_);
  if (tail) {
    if (poisoned) return {.kind = Kind::kSingle, .page_class = PageClass::kHwpoison};
    return {.kind = Kind::kTail, .head = compound_head - kTailBit};
  }
  if (!poisoned && buddy_type_ && type == *buddy_type_ && !is_slab(flags, type)) {
    const auto order = get<std::uint64_t>(page, private_at_);
    if (order >= buddy_orders_ || !aligned(pfn, static_cast<unsigned>(order))) return {};
    return {.kind = Kind::kBuddy,
            .page_class = PageClass::kFree,
            .order = static_cast<unsigned>(order)};
  }
  if (!poisoned && unaccepted_type_ && type == *unaccepted_type_) {
    if (!aligned(pfn, buddy_orders_ - 1)) return {};
    return {.kind = Kind::kBuddy, .page_class = PageClass::kFree, .order = buddy_orders_ - 1};
  }
  if ((flags & head_mask_) == 0) {
    const auto mapping = get<std::uint64_t>(page, mapping_at_);
    return {.kind = Kind::kSingle, .page_class = class_of(flags, mapping, type, false)};
  }
  const auto compound = compound_facts(pfn, type, next);
  if (!compound) {
    // Whatever else it is, it must not be read.
    if (poisoned) return {.kind = Kind::kSingle, .page_class = PageClass::kHwpoison};
    return {};
  }
  const auto mapping = get<std::uint64_t>(page, mapping_at_);
  return {.kind = Kind::kCompound,
          .page_class = class_of(flags, mapping, type, compound->hugetlb),
          .order = compound->order};
}

std::optional<PageLayout::CompoundFacts> PageLayout::compound_facts(
    std::uint64_t pfn, std::int32_t page_type, std::span<const std::byte> next) const {
  if (next.empty() || compound_ == Compound::kUnknown) return std::nullopt;
  CompoundFacts facts;
  if (compound_ == Compound::kBytes) {
    facts.order = get<std::uint8_t>(next, order_at_);
    facts.hugetlb = get<std::uint8_t>(next, dtor_at_) == hugetlb_dtor_;
  } else {
    const auto second_flags = get<std::uint64_t>(next, flags_at_);
    facts.order = static_cast<unsigned>(second_flags & kOrderByte);
    facts.hugetlb = compound_ == Compound::kSecondFlags ? has(second_flags, hugetlb_bit_)
                                                        : page_type == hugetlb_type_;
  }
  if (facts.order == 0 || facts.order > kMaxCompoundOrder || !aligned(pfn, facts.order)) {
    return std::nullopt;
  }
  return facts;
}

PageClass PageLayout::class_of(std::uint64_t flags, std::uint64_t mapping, std::int32_t page_type,
                               bool hugetlb) const {
  if (hwpoison_ && has(flags, *hwpoison_)) return PageClass::kHwpoison;
  const bool slab = is_slab(flags, page_type);
  const bool anonymous = (mapping & kAnonymous) != 0 && !slab;
  // PG_swapcache shares its bit with another flag unless PG_swapbacked is set (Linux 4.10,
  // include/linux/page-flags.h PageSwapCache).
  const bool swap_cache = (!swap_backed_ || has(flags, *swap_backed_)) && has(flags, swap_cache_);
  if ((has(flags, lru_) || swap_cache) && !anonymous) {
    return has(flags, private_bit_) ? PageClass::kPrivateCache : PageClass::kCache;
  }
  if (hugetlb) return PageClass::kHugetlb;
  if (anonymous) return PageClass::kUser;
  if (slab) return PageClass::kSlab;
  if (offline_type_ && page_type == *offline_type_) return PageClass::kOffline;
  return PageClass::kKernel;
}

bool PageLayout::is_slab(std::uint64_t flags, std::int32_t page_type) const {
  return (slab_type_ && page_type == *slab_type_) || (slab_ && has(flags, *slab_));
}

}  // namespace lastword
