#include "dumpwriter/section_builder.h"

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
  buffer_ = buffer;
  kind_ = kind;
  sequence_ = sequence;
  crash_id_ = crash_id;
  used_ = 0;
  crc_ = 0;
  runs_ = 0;
  first_pfn_ = 0;
  last_ = {};
  std::memset(buffer_.data(), 0, kBlockBytes);
}

void SectionBuilder::advance(std::size_t bytes) {
  crc_ = crc32c(room().first(bytes), crc_);
  used_ += bytes;
}

bool SectionBuilder::add_page(std::uint64_t pfn, const std::byte* page) {
  if (room().size() < kPageBytes || !add_run({.pfn = pfn, .count = 1})) return false;
  // Checksummed while the copy is still in the first-level cache.
  std::memcpy(room().data(), page, kPageBytes);
  advance(kPageBytes);
  return true;
}

bool SectionBuilder::add_without_content(std::uint64_t pfn, std::uint64_t count, RunKind what) {
  return add_run({.pfn = pfn,
                  .count = static_cast<std::uint32_t>(count),
                  .what = static_cast<std::uint16_t>(what)});
}

bool SectionBuilder::add_run(PageRun run) {
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
  const std::size_t padded = round_up_to_block(used_);
  std::memset(buffer_.data() + kBlockBytes + used_, 0, padded - used_);
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(kind_);
  header.codec = static_cast<std::uint16_t>(Codec::kNone);
  header.sequence = sequence_;
  header.crash_id = crash_id_;
  header.raw_bytes = used_;
  header.stored_bytes = used_;
  header.first_pfn = first_pfn_;
  header.end_pfn = last_.pfn + last_.count;
  header.run_count = runs_;
  header.payload_crc32c = crc_;
  std::memcpy(buffer_.data(), &header, sizeof header);
  seal_section(buffer_.first<kBlockBytes>());
  return kBlockBytes + padded;
}

}  // namespace lastword
