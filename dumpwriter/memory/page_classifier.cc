#include "dumpwriter/memory/page_classifier.h"

#include <algorithm>

#include "proto/stream.h"

namespace lastword {
namespace {

// Linux arch/x86/include/asm/page_64_types.h: KERNEL_IMAGE_SIZE with and without KASLR.
constexpr std::uint64_t kMaxImageBytes = std::uint64_t{1} << 30;

// Makes `parts` one interval around all of them.
void include(FrameInterval& whole, std::uint64_t paddr, std::uint64_t bytes) {
  const std::uint64_t first = paddr / kPageBytes;
  const std::uint64_t end = (paddr + bytes + kPageBytes - 1) / kPageBytes;
  const bool empty = whole.first_pfn == whole.end_pfn;
  whole.first_pfn = empty ? first : std::min(whole.first_pfn, first);
  whole.end_pfn = empty ? end : std::max(whole.end_pfn, end);
}

}  // namespace

Result<std::unique_ptr<PageClassifier>> PageClassifier::open(const Vmcore& core) {
  std::unique_ptr<PageClassifier> one(new PageClassifier(core));
  const Vmcoreinfo info = core.vmcoreinfo();
  const auto layout = PageLayout::from(info);
  if (!layout) return fail(layout.error());
  one->layout_ = *layout;
  const auto tables = PageTables::open(one->memory_, info);
  if (!tables) return fail(tables.error());
  one->tables_.emplace(*tables);
  const auto model = MemoryModel::open(*one->tables_, info, layout->page_bytes());
  if (!model) return fail(model.error());
  one->model_.emplace(*model);
  if (Status status = one->find_image(core, info); !status) return fail(status.error());
  return one;
}

// kexec gives the image a PT_LOAD of its own (Linux kernel/kexec_file.c,
// crash_prepare_elf64_headers).
Status PageClassifier::find_image(const Vmcore& core, const Vmcoreinfo& info) {
  const auto image_bytes = info.number("KERNEL_IMAGE_SIZE");
  const std::uint64_t most =
      image_bytes && *image_bytes > 0
          ? std::min(static_cast<std::uint64_t>(*image_bytes), kMaxImageBytes)
          : kMaxImageBytes;
  for (const LoadSegment& segment : core.map().segments()) {
    if (segment.vaddr >= kKernelMap && segment.vaddr - kKernelMap < most) {
      include(image_, segment.paddr, segment.bytes);
    }
  }
  if (image_.first_pfn == image_.end_pfn) image_ = mapped_image(most);
  if (image_.first_pfn != image_.end_pfn) return {};
  return fail({.code = Code::kNotFound,
               .operation = "find kernel image",
               .disk = core.name(),
               .detail = "neither a PT_LOAD nor the page tables have it"});
}

// What the page tables map there linearly; parts of it that the kernel has freed may be missing.
FrameInterval PageClassifier::mapped_image(std::uint64_t image_bytes) {
  FrameInterval found;
  for (std::uint64_t at = 0; at < image_bytes;) {
    const auto [paddr, bytes] = tables_->translate(kKernelMap + at);
    if (paddr && *paddr == at + tables_->phys_base() && memory_.has_frame(*paddr / kPageBytes)) {
      include(found, *paddr, std::min(bytes, image_bytes - at));
    }
    at += bytes;
  }
  return found;
}

void PageClassifier::classify(std::uint64_t first_pfn, std::span<PageClass> classes) {
  std::uint64_t pfn = first_pfn;
  while (!classes.empty()) {
    const std::span<const PageClass> block = block_of(pfn);
    const std::uint64_t skipped = pfn % kBlockFrames;
    const std::size_t n = std::min<std::uint64_t>(classes.size(), kBlockFrames - skipped);
    for (std::size_t i = 0; i < n; ++i) {
      const PageClass found = block[skipped + i];
      const bool readable = found != PageClass::kOffline && found != PageClass::kHwpoison;
      const bool in_image = pfn + i >= image_.first_pfn && pfn + i < image_.end_pfn;
      classes[i] = in_image && readable ? PageClass::kKernel : found;
      if (!in_image && not_told_[skipped + i]) ++unclassified_;
    }
    classes = classes.subspan(n);
    pfn += n;
  }
}

std::span<const PageClass> PageClassifier::block_of(std::uint64_t pfn) {
  const std::uint64_t block = pfn / kBlockFrames;
  if (block != block_) look_at_block(block);
  return classes_;
}

void PageClassifier::look_at_block(std::uint64_t block) {
  block_ = block;
  classes_.fill(PageClass::kKernel);
  not_told_.reset();
  const auto address = model_->page_address(block * kBlockFrames);
  if (!address) {
    not_told_.set();
    return;
  }
  read_block(*address);
  for (std::uint64_t i = 0; i < kBlockFrames;) i += decide_at(i, *address);
}

// In pieces no larger than what one page table entry maps; a piece that fails, granule by granule,
// so that a bad one costs only the frames whose struct pages are in it.
void PageClassifier::read_block(std::uint64_t address) {
  unreadable_.reset();
  in_granule_ = address % kGranule;
  const std::uint64_t bytes = kBlockFrames * layout_.page_bytes();
  for (std::uint64_t at = 0; at < bytes;) {
    const auto [paddr, mapped] = tables_->translate(address + at);
    const std::uint64_t piece = std::min(mapped, bytes - at);
    const auto into = std::span(pages_).subspan(at, piece);
    if (!paddr || !memory_.read(*paddr, into)) read_granules(at, paddr, into);
    at += piece;
  }
}

void PageClassifier::read_granules(std::uint64_t at, std::optional<std::uint64_t> paddr,
                                   std::span<std::byte> into) {
  for (std::size_t done = 0; done < into.size();) {
    const std::uint64_t shifted = at + done + in_granule_;
    const std::size_t n = std::min(into.size() - done, kGranule - shifted % kGranule);
    if (!paddr || !memory_.read(*paddr + done, into.subspan(done, n))) {
      unreadable_.set(shifted / kGranule);
    }
    done += n;
  }
}

// Empty: it could not be read.
std::span<const std::byte> PageClassifier::page_at(std::uint64_t index) const {
  const std::uint64_t at = index * layout_.page_bytes();
  const std::uint64_t first = at + in_granule_;
  const std::uint64_t last = first + layout_.page_bytes() - 1;
  if (unreadable_[first / kGranule] || unreadable_[last / kGranule]) return {};
  return std::span(pages_).subspan(at, layout_.page_bytes());
}

std::uint64_t PageClassifier::decide_at(std::uint64_t index, std::uint64_t block_address) {
  const std::uint64_t pfn = block_ * kBlockFrames + index;
  const std::uint64_t address = block_address + index * layout_.page_bytes();
  const std::span<const std::byte> page = page_at(index);
  PageDecision decision;
  if (!page.empty()) {
    const auto next = index + 1 < kBlockFrames ? page_at(index + 1) : std::span<const std::byte>{};
    decision = layout_.decide(pfn, page, next);
  }
  switch (decision.kind) {
    case PageDecision::Kind::kBuddy: {
      // Never beyond this block: it is aligned to its own size.
      const std::uint64_t frames = std::uint64_t{1} << decision.order;
      std::fill_n(classes_.begin() + static_cast<std::ptrdiff_t>(index), frames,
                  decision.page_class);
      return frames;
    }
    case PageDecision::Kind::kCompound:
      // Struct pages of frames that are not in the vmcore say nothing.
      if (!memory_.has_frame(pfn)) decision = {};
      head_ = {.address = address, .pfn = pfn, .decision = decision};
      break;
    case PageDecision::Kind::kTail:
      decision = decide_tail(pfn, address, decision.head);
      break;
    case PageDecision::Kind::kSingle:
    case PageDecision::Kind::kUntold:
      break;
  }
  classes_[index] = decision.page_class;
  not_told_.set(index, decision.kind == PageDecision::Kind::kUntold);
  return 1;
}

// A tail is what its head is. The head may lie in a block before this one.
PageDecision PageClassifier::decide_tail(std::uint64_t pfn, std::uint64_t address,
                                         std::uint64_t head_address) {
  const std::uint64_t distance = address - head_address;
  if (head_address != head_.address || distance != (pfn - head_.pfn) * layout_.page_bytes()) {
    const std::uint64_t frames = distance / layout_.page_bytes();
    if (frames > pfn) return {};
    head_ = {.address = head_address,
             .pfn = pfn - frames,
             .decision = decide_head(pfn - frames, head_address)};
  }
  const bool inside = pfn > head_.pfn && (pfn - head_.pfn) >> head_.decision.order == 0;
  if (head_.decision.kind != PageDecision::Kind::kCompound || !inside) return {};
  return {.kind = PageDecision::Kind::kSingle, .page_class = head_.decision.page_class};
}

PageDecision PageClassifier::decide_head(std::uint64_t pfn, std::uint64_t address) {
  if (!memory_.has_frame(pfn) || model_->page_address(pfn) != address) return {};
  std::array<std::byte, 2 * kMaxPageStructBytes> pages;
  const auto both = std::span(pages).first(2 * layout_.page_bytes());
  if (!tables_->read(address, both)) return {};
  return layout_.decide(pfn, both.first(layout_.page_bytes()), both.subspan(layout_.page_bytes()));
}

}  // namespace lastword
