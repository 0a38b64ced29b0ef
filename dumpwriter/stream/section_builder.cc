#include "dumpwriter/stream/section_builder.h"

#include <algorithm>
#include <cstring>

#include "proto/crc32c.h"

namespace lastword {

bool is_zero_page(const std::byte* page) {
  // Blocks large enough for the compiler to vectorize, small enough to leave data pages early.
  constexpr std::size_t kWords = 32;
  for (std::size_t at = 0; at < kPageBytes; at += kWords * sizeof(std::uint64_t)) {
    std::uint64_t words[kWords];
    std::memcpy(words, page + at, sizeof words);
    std::uint64_t any = 0;
    for (const std::uint64_t word : words) any |= word;
    if (any != 0) return false;
  }
  return true;
}

void SectionBuilder::begin(std::span<std::byte> buffer, SectionKind kind, std::uint64_t sequence,
                           const UuidBytes& crash_id) {
  *this = {};
  buffer_ = buffer;
  gather_ = payload();
  kind_ = kind;
  sequence_ = sequence;
  crash_id_ = crash_id;
  std::memset(buffer_.data(), 0, kBlockBytes);
}

void SectionBuilder::begin_pages(std::span<std::byte> buffer, std::span<std::byte> raw,
                                 PagePass pass, std::uint64_t sequence, const UuidBytes& crash_id) {
  begin(buffer, SectionKind::kPages, sequence, crash_id);
  gather_ = raw.first(std::min(raw.size(), payload().size()));
  pass_ = pass;
}

bool SectionBuilder::add_page(std::uint64_t pfn, PageClass page_class, const std::byte* page) {
  if (full() ||
      !add_run({.pfn = pfn, .count = 1, .page_class = static_cast<std::uint16_t>(page_class)})) {
    return false;
  }
  // In place there is nothing to gain from waiting: the copy is needed in any case.
  const bool in_place = gather_.data() == payload().data();
  if (used_ == 0 && !in_place) {
    source_ = page;
  } else if (source_ == nullptr || page != source_ + used_) {
    detach();
    std::memcpy(room().data(), page, kPageBytes);
  }
  used_ += kPageBytes;
  return true;
}

bool SectionBuilder::add_without_content(const PageRun& run) {
  return add_run(run);
}

void SectionBuilder::detach() {
  if (source_ != nullptr) std::memcpy(gather_.data(), source_, used_);
  source_ = nullptr;
}

bool SectionBuilder::add_run(const PageRun& run) {
  const bool continues = runs_ != 0 && run.pfn == last_.pfn + last_.count &&
                         run.what == last_.what && run.page_class == last_.page_class &&
                         run.count <= UINT32_MAX - last_.count;
  if (!continues && runs_ == kMaxRuns) return false;
  if (runs_ == 0) first_pfn_ = run.pfn;
  if (continues) {
    last_.count += run.count;
  } else {
    last_ = run;
    ++runs_;
  }
  const std::size_t at = sizeof(SectionHeader) + (runs_ - 1) * sizeof(PageRun);
  std::memcpy(buffer_.data() + at, &last_, sizeof last_);
  return true;
}

std::size_t SectionBuilder::seal() {
  return seal(Codec::kNone, used_, crc32c(payload().first(used_)));
}

std::size_t SectionBuilder::seal(Codec codec, std::size_t stored_bytes, std::uint32_t crc) {
  const std::size_t padded = round_up_to_block(stored_bytes);
  std::memset(payload().data() + stored_bytes, 0, padded - stored_bytes);
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(kind_);
  header.codec = static_cast<std::uint16_t>(codec);
  header.sequence = sequence_;
  header.crash_id = crash_id_;
  header.raw_bytes = used_;
  header.stored_bytes = stored_bytes;
  header.first_pfn = first_pfn_;
  header.end_pfn = last_.pfn + last_.count;
  header.run_count = runs_;
  header.payload_crc32c = crc;
  header.pass = static_cast<std::uint32_t>(pass_);
  std::memcpy(buffer_.data(), &header, sizeof header);
  seal_section(buffer_.first<kBlockBytes>());
  return kBlockBytes + padded;
}

}  // namespace lastword
