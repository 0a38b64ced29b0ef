#include "tests/fake/stream_builder.h"

#include <elf.h>
#include <lz4.h>
#include <zstd.h>

#include <cstring>

#include "proto/crc32c.h"

namespace lastword::fake {
namespace {

template <class T>
void append_object(std::vector<std::byte>& bytes, const T& value) {
  const auto view = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), view.begin(), view.end());
}

void append_padded(std::vector<std::byte>& bytes, std::span<const std::byte> more,
                   std::size_t unit) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  bytes.resize((bytes.size() + unit - 1) / unit * unit);
}

std::vector<std::byte> encode(Codec codec, const std::vector<std::byte>& raw) {
  if (codec == Codec::kNone) return raw;
  std::vector<std::byte> stored(2 * raw.size() + 1024);
  const auto* const from = reinterpret_cast<const char*>(raw.data());
  auto* const to = reinterpret_cast<char*>(stored.data());
  const auto bytes =
      codec == Codec::kLz4
          ? static_cast<std::size_t>(::LZ4_compress_default(from, to, static_cast<int>(raw.size()),
                                                            static_cast<int>(stored.size())))
          : ::ZSTD_compress(to, stored.size(), from, raw.size(), 1);
  stored.resize(bytes);
  return stored;
}

}  // namespace

std::vector<std::byte> vmcore_head(std::span<const Segment> segments,
                                   std::span<const std::byte> notes) {
  const std::size_t headers = sizeof(Elf64_Ehdr) + (segments.size() + 1) * sizeof(Elf64_Phdr);
  const std::size_t notes_at = round_up_to_block(headers);
  std::uint64_t offset = notes_at + round_up_to_block(notes.size());

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(segments.size() + 1);
  std::vector<std::byte> head;
  append_object(head, header);

  Elf64_Phdr entry{};
  entry.p_type = PT_NOTE;
  entry.p_offset = notes_at;
  entry.p_filesz = entry.p_memsz = notes.size();
  entry.p_align = 4;
  append_object(head, entry);
  for (const Segment& segment : segments) {
    entry = {};
    entry.p_type = PT_LOAD;
    entry.p_flags = PF_R | PF_W | PF_X;
    // The kernel maps whole pages (fs/proc/vmcore.c, process_ptload_program_headers_elf64).
    entry.p_offset = offset + segment.paddr % kPageBytes;
    entry.p_vaddr = segment.vaddr;
    entry.p_paddr = segment.paddr;
    entry.p_filesz = segment.bytes;
    entry.p_memsz = segment.bytes + segment.zero_filled;
    append_object(head, entry);
    offset += round_up_to_block(segment.paddr % kPageBytes + segment.bytes);
  }
  head.resize(notes_at);
  append_padded(head, notes, kBlockBytes);
  return head;
}

std::vector<std::byte> note(std::string_view name, std::uint32_t type, std::string_view content) {
  std::vector<std::byte> bytes;
  append_object(bytes, Elf64_Nhdr{.n_namesz = static_cast<Elf64_Word>(name.size() + 1),
                                  .n_descsz = static_cast<Elf64_Word>(content.size()),
                                  .n_type = type});
  const std::string with_nul = std::string(name) + '\0';
  append_padded(bytes, std::as_bytes(std::span(with_nul)), 4);
  append_padded(bytes, std::as_bytes(std::span(content)), 4);
  return bytes;
}

std::vector<std::byte> page_content(std::uint64_t pfn) {
  std::vector<std::byte> page(kPageBytes);
  for (std::uint64_t i = 0; i < kPageBytes / sizeof i; ++i) {
    const std::uint64_t word = (pfn << 20) + i + 1;
    std::memcpy(page.data() + i * sizeof word, &word, sizeof word);
  }
  return page;
}

void StreamBuilder::append(SectionHeader header, std::span<const PageRun> runs,
                           std::span<const std::byte> stored, void (*change)(SectionHeader&)) {
  const std::size_t start = bytes_.size();
  header.magic = kSectionMagic;
  header.version = kStreamVersion;
  header.sequence = starts_.size();
  header.crash_id = crash_id_;
  header.stored_bytes = stored.size();
  header.run_count = static_cast<std::uint32_t>(runs.size());
  header.payload_crc32c = crc32c(stored);
  if (change != nullptr) change(header);
  append_object(bytes_, header);
  for (const PageRun& run : runs) append_object(bytes_, run);
  bytes_.resize(start + kBlockBytes);
  starts_.push_back(start);
  reseal(bytes_, start);
  append_padded(bytes_, stored, kBlockBytes);
}

StreamBuilder& StreamBuilder::section(SectionKind kind, std::span<const std::byte> payload,
                                      void (*change)(SectionHeader&)) {
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(kind);
  header.raw_bytes = payload.size();
  append(header, {}, payload, change);
  return *this;
}

StreamBuilder& StreamBuilder::elf_head(std::span<const std::byte> head, std::size_t section_bytes) {
  for (std::size_t at = 0; at < head.size(); at += section_bytes) {
    section(SectionKind::kElfHead, head.subspan(at, std::min(section_bytes, head.size() - at)));
  }
  return *this;
}

StreamBuilder& StreamBuilder::dmesg(std::string_view text) {
  return section(SectionKind::kDmesg, std::as_bytes(std::span(text)));
}

StreamBuilder& StreamBuilder::pages(std::uint64_t first, std::uint64_t end,
                                    std::span<const PageRun> stored) {
  std::vector<PageRun> all;
  const auto zero_until = [&](std::uint64_t next) {
    if (first < next) {
      all.push_back({.pfn = first,
                     .count = static_cast<std::uint32_t>(next - first),
                     .what = static_cast<std::uint16_t>(RunKind::kZero)});
    }
  };
  for (const PageRun& run : stored) {
    zero_until(run.pfn);
    all.push_back(run);
    first = run.pfn + run.count;
  }
  zero_until(end);
  return runs(PagePass::kKernel, all);
}

StreamBuilder& StreamBuilder::runs(PagePass pass, std::span<const PageRun> runs, Codec codec) {
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(SectionKind::kPages);
  header.pass = static_cast<std::uint32_t>(pass);
  header.first_pfn = runs.front().pfn;
  header.end_pfn = runs.back().pfn + runs.back().count;
  std::vector<std::byte> payload;
  for (const PageRun& run : runs) {
    totals_.memory_pages += run.count;
    switch (static_cast<RunKind>(run.what)) {
      case RunKind::kStored:
        totals_.stored_pages += run.count;
        break;
      case RunKind::kZero:
        totals_.zero_pages += run.count;
        continue;
      case RunKind::kExcluded:
        totals_.excluded_pages[run.page_class] += run.count;
        continue;
      case RunKind::kUnreadable:
        totals_.unreadable_pages += run.count;
        continue;
    }
    for (std::uint64_t i = 0; i < run.count; ++i) {
      const auto page = page_content(run.pfn + i);
      payload.insert(payload.end(), page.begin(), page.end());
    }
  }
  header.raw_bytes = payload.size();
  header.codec = static_cast<std::uint16_t>(codec);
  append(header, runs, encode(codec, payload));
  return *this;
}

EndPayload StreamBuilder::totals() const {
  EndPayload totals = totals_;
  totals.section_count = starts_.size() + 1;
  totals.stream_bytes = bytes_.size() + 2 * kBlockBytes;
  return totals;
}

StreamBuilder& StreamBuilder::end(const EndPayload& totals) {
  return section(SectionKind::kEnd, std::as_bytes(std::span(&totals, 1)));
}

std::vector<std::size_t> StreamBuilder::boundaries() const {
  std::vector<std::size_t> boundaries = starts_;
  boundaries.push_back(bytes_.size());
  return boundaries;
}

void reseal(std::span<std::byte> stream, std::size_t section_start) {
  const auto block = stream.subspan(section_start, kBlockBytes);
  SectionHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  header.header_crc32c = 0;
  std::memcpy(block.data(), &header, sizeof header);
  header.header_crc32c = crc32c(block);
  std::memcpy(block.data(), &header, sizeof header);
}

}  // namespace lastword::fake
