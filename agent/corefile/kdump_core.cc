#include "agent/corefile/kdump_core.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/corefile/core_notes.h"
#include "agent/corefile/put_at.h"

namespace lastword {
namespace {

constexpr std::uint64_t kBitsPerByte = 8;
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::uint64_t kFramesPerBuffer = kBufferBytes * kBitsPerByte;  // of a bitmap
// Where the kernel's image is mapped, before KASLR (arch/x86/include/asm/page_64_types.h).
constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;

static_assert(kKdumpBlockBytes == kPageBytes, "a page frame is a block of the format");
constexpr std::uint64_t blocks_of(std::uint64_t bytes) {
  return (bytes + kKdumpBlockBytes - 1) / kKdumpBlockBytes;
}
constexpr std::uint64_t whole_blocks(std::uint64_t bytes) {
  return blocks_of(bytes) * kKdumpBlockBytes;
}

void put_text(UtsName::Field& field, std::string_view text) {
  field.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), field.size() - 1), field.begin());
}

// makedumpfile's level that leaves out this class.
std::int32_t level_of(PageClass page_class) {
  switch (page_class) {
    case PageClass::kCache:
      return 2;
    case PageClass::kPrivateCache:
      return 4;
    case PageClass::kUser:
    case PageClass::kHugetlb:
      return 8;
    case PageClass::kFree:
      return 16;
    case PageClass::kKernel:
    case PageClass::kSlab:
    case PageClass::kOffline:
    case PageClass::kHwpoison:
      break;
  }
  return 0;
}

// Physical address of the crashed kernel's struct new_utsname; empty where VMCOREINFO does not
// tell.
std::optional<std::uint64_t> paddr_of_uts(const Vmcoreinfo& info) {
  const auto symbol = info.symbol("init_uts_ns");
  const auto offset = info.offset("uts_namespace.name");
  if (!symbol || !offset || *symbol < kStartKernelMap) return {};
  const auto phys_base = static_cast<std::uint64_t>(info.number("phys_base").value_or(0));
  return *symbol - kStartKernelMap + phys_base + *offset;
}

// Of one bitmap: the buffers with any memory in them, and the first one. The rest stays a hole,
// which is almost all of it where memory lies high.
std::uint64_t bytes_of_written_bitmap(const KdumpGeometry& geometry, const CoreLayout& layout) {
  std::uint64_t buffers = 1;
  std::uint64_t next = 1;
  for (const PfnRange& range : layout.memory()) {
    const std::uint64_t first = std::max(range.first / kFramesPerBuffer, next);
    const std::uint64_t end = (range.end - 1) / kFramesPerBuffer + 1;
    if (end <= first) continue;
    buffers += end - first;
    next = end;
  }
  return std::min(buffers * kBufferBytes, geometry.bitmap_bytes);
}

bool overlaps(std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

}  // namespace

KdumpGeometry kdump_geometry(const CoreHead& head, const CoreLayout& layout) {
  KdumpGeometry geometry;
  geometry.max_pfn = layout.memory().empty() ? 0 : layout.memory().back().end;
  geometry.sub_header_blocks = blocks_of(sizeof(KdumpSubHeader) + head.notes.size());
  geometry.bitmap_at = (kKdumpHeaderBlocks + geometry.sub_header_blocks) * kKdumpBlockBytes;
  geometry.bitmap_bytes = whole_blocks((geometry.max_pfn + kBitsPerByte - 1) / kBitsPerByte);
  geometry.descriptors_at = geometry.bitmap_at + 2 * geometry.bitmap_bytes;
  geometry.data_at =
      geometry.descriptors_at + whole_blocks(layout.memory_pages() * sizeof(PageDescriptor));
  return geometry;
}

std::uint64_t KdumpCoreWriter::max_bytes(const CoreHead& head, const CoreLayout& layout,
                                         std::uint64_t stored_pages) {
  const KdumpGeometry geometry = kdump_geometry(head, layout);
  const std::uint64_t bitmaps = 2 * bytes_of_written_bitmap(geometry, layout);
  const std::uint64_t holes = 2 * geometry.bitmap_bytes - bitmaps;
  return geometry.data_at - holes + (1 + stored_pages) * kPageBytes;
}

KdumpCoreWriter::KdumpCoreWriter(OutputFile& file, PageCodec codec, unsigned threads)
    : file_(file), codec_(codec), threads_(threads) {}

Status KdumpCoreWriter::begin(const CoreHead& head, const CoreLayout& layout) {
  head_ = &head;
  layout_ = &layout;
  geometry_ = kdump_geometry(head, layout);
  if (geometry_.max_pfn > kKdumpMaxPages) {
    return fail({.code = Code::kUnsupported,
                 .operation = "write core",
                 .detail = "too much memory for the kdump format; recover it with --format elf"});
  }
  auto index = PageIndex::make(layout.memory_pages());
  if (!index) return fail(index.error());
  index_ = std::move(*index);
  uts_paddr_ = paddr_of_uts(read_core_notes(head.notes).vmcoreinfo);

  // All zero pages share this one.
  const std::array<std::byte, kPageBytes> zeros{};
  std::array<std::byte, kPageBytes> packed;
  const auto size = PageCompressor(codec_).compress(zeros, packed);
  zero_page_ = {.offset = geometry_.data_at, .bytes = size.bytes, .flags = size.flags};
  end_ = geometry_.data_at + size.bytes;
  pipeline_ = std::make_unique<CompressPipeline>(
      codec_, threads_, [this](auto pages, auto data) { return append(pages, data); });
  return file_.write(zero_page_.offset, std::span(packed).first(size.bytes));
}

Result<std::uint64_t> KdumpCoreWriter::index_of(std::uint64_t pfn, std::uint64_t count) const {
  // Merged ranges never touch, so that pages which follow each other are in one of them.
  const auto place = layout_->place_of(pfn);
  if (!place || place->pages < count) {
    return fail({.code = Code::kCorrupt,
                 .operation = "write core",
                 .detail = "page frames outside the memory that the vmcore's head describes"});
  }
  return (place->file_offset - layout_->head_bytes()) / kPageBytes;
}

void KdumpCoreWriter::look_for_uts(std::uint64_t pfn, std::span<const std::byte> content) {
  const std::uint64_t start = pfn * kPageBytes;
  if (!uts_paddr_ || !overlaps(*uts_paddr_, sizeof uts_, start, content.size())) return;
  // The structure may lie across two pages, which come in separate calls.
  const std::uint64_t first = std::max(start, *uts_paddr_);
  const std::uint64_t end = std::min(start + content.size(), *uts_paddr_ + sizeof uts_);
  std::memcpy(reinterpret_cast<std::byte*>(&uts_) + (first - *uts_paddr_),
              content.data() + (first - start), end - first);
}

Status KdumpCoreWriter::write_pages(std::uint64_t pfn, std::span<const std::byte> content) {
  const std::uint64_t count = content.size() / kPageBytes;
  const auto index = index_of(pfn, count);
  if (!index) return fail(index.error());
  look_for_uts(pfn, content);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto page = content.subspan(i * kPageBytes).first<kPageBytes>();
    if (Status status = pipeline_->add(*index + i, page); !status) return status;
  }
  return {};
}

Status KdumpCoreWriter::append(std::span<const CompressPipeline::PackedPage> pages,
                               std::span<const std::byte> data) {
  if (Status status = file_.write(end_, data); !status) return status;
  for (const CompressPipeline::PackedPage& page : pages) {
    index_.set_stored(page.tag, {.offset = end_, .bytes = page.bytes, .flags = page.flags});
    end_ += page.bytes;
  }
  return {};
}

Status KdumpCoreWriter::write_zero_pages(std::uint64_t pfn, std::uint64_t count) {
  const auto index = index_of(pfn, count);
  if (!index) return fail(index.error());
  index_.set_zero(*index, count);
  return {};
}

Status KdumpCoreWriter::exclude_pages(std::uint64_t pfn, std::uint64_t count,
                                      PageClass page_class) {
  const auto index = index_of(pfn, count);
  if (!index) return fail(index.error());
  index_.set_excluded(*index, count);
  dump_level_ |= level_of(page_class);
  return {};
}

Status KdumpCoreWriter::write_descriptors() {
  std::vector<PageDescriptor> buffer;
  buffer.reserve(kBufferBytes / sizeof(PageDescriptor));
  std::uint64_t at = geometry_.descriptors_at;
  const auto flush = [&]() -> Status {
    const auto bytes = std::as_bytes(std::span(buffer));
    if (Status status = file_.write(at, bytes); !status) return status;
    at += bytes.size();
    buffer.clear();
    return {};
  };
  for (std::uint64_t page = 0; page < layout_->memory_pages(); ++page) {
    const PageIndex::State state = index_.state(page);
    if (state == PageIndex::State::kExcluded) continue;
    PageIndex::Stored place;  // of a missing page: all zero
    if (state == PageIndex::State::kStored) place = index_.stored(page);
    if (state == PageIndex::State::kZero) place = zero_page_;
    buffer.push_back(
        {.offset = place.offset, .bytes = place.bytes, .flags = place.flags, .page_flags = 0});
    if (buffer.size() < buffer.capacity()) continue;
    if (Status status = flush(); !status) return status;
  }
  return buffer.empty() ? Status{} : flush();
}

Status KdumpCoreWriter::write_bitmaps() {
  std::vector<std::byte> memory(kBufferBytes);
  std::vector<std::byte> dumped(kBufferBytes);
  std::uint64_t window = 0;  // first page frame in the buffers
  const auto flush = [&]() -> Status {
    const std::uint64_t done = window / kBitsPerByte;
    const std::uint64_t bytes = std::min(kBufferBytes, geometry_.bitmap_bytes - done);
    const std::uint64_t at = geometry_.bitmap_at + done;
    if (Status status = file_.write(at, std::span(memory).first(bytes)); !status) return status;
    Status status = file_.write(at + geometry_.bitmap_bytes, std::span(dumped).first(bytes));
    std::fill(memory.begin(), memory.end(), std::byte{0});
    std::fill(dumped.begin(), dumped.end(), std::byte{0});
    return status;
  };
  std::uint64_t page = 0;
  for (const PfnRange& range : layout_->memory()) {
    for (std::uint64_t pfn = range.first; pfn < range.end; ++pfn, ++page) {
      if (pfn - window >= kFramesPerBuffer) {
        if (Status status = flush(); !status) return status;
        window = pfn / kFramesPerBuffer * kFramesPerBuffer;  // what is in between stays a hole
      }
      const std::size_t byte = (pfn - window) / kBitsPerByte;
      const std::byte bit{static_cast<unsigned char>(1U << pfn % kBitsPerByte)};
      memory[byte] |= bit;
      if (index_.state(page) != PageIndex::State::kExcluded) dumped[byte] |= bit;
    }
  }
  return flush();
}

Status KdumpCoreWriter::write_head(bool incomplete) {
  const CoreNotes notes = read_core_notes(head_->notes);
  DiskDumpHeader header{};
  header.signature = kKdumpSignature;
  header.header_version = kKdumpVersion;
  header.utsname = uts_;
  if (std::string_view(uts_.sysname.data(), 6) != std::string_view("Linux\0", 6)) {
    header.utsname = {};
    put_text(header.utsname.sysname, "Linux");
    put_text(header.utsname.release, notes.vmcoreinfo.value("OSRELEASE").value_or(""));
    put_text(header.utsname.machine, "x86_64");
  }
  header.seconds = notes.vmcoreinfo.crash_time().value_or(0);
  header.status = (codec_ == PageCodec::kZlib ? kKdumpZlib : 0U) |
                  (codec_ == PageCodec::kZstd ? kKdumpZstd : 0U) |
                  (incomplete ? kKdumpIncomplete : 0U);
  header.block_bytes = static_cast<std::int32_t>(kKdumpBlockBytes);
  header.sub_header_blocks = static_cast<std::int32_t>(geometry_.sub_header_blocks);
  header.bitmap_blocks = static_cast<std::uint32_t>(2 * geometry_.bitmap_bytes / kKdumpBlockBytes);
  header.max_pfn = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(geometry_.max_pfn, std::numeric_limits<std::uint32_t>::max()));
  header.cpus = static_cast<std::int32_t>(std::max<std::uint64_t>(notes.cpus, 1));

  constexpr std::uint64_t kSubHeaderAt = kKdumpHeaderBlocks * kKdumpBlockBytes;
  KdumpSubHeader sub_header{};
  sub_header.phys_base =
      static_cast<std::uint64_t>(notes.vmcoreinfo.number("phys_base").value_or(0));
  sub_header.dump_level = dump_level_;
  sub_header.notes_offset = kSubHeaderAt + sizeof sub_header;
  sub_header.notes_bytes = head_->notes.size();
  if (notes.vmcoreinfo_bytes > 0) {
    sub_header.vmcoreinfo_offset = sub_header.notes_offset + notes.vmcoreinfo_offset;
    sub_header.vmcoreinfo_bytes = notes.vmcoreinfo_bytes;
  }
  sub_header.max_pfn_64 = geometry_.max_pfn;

  std::vector<std::byte> bytes(geometry_.bitmap_at);
  put_at(bytes, 0, header);
  put_at(bytes, kSubHeaderAt, sub_header);
  std::copy(head_->notes.begin(), head_->notes.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(sub_header.notes_offset));
  return file_.write(0, bytes);
}

Status KdumpCoreWriter::finish(std::string_view incomplete) {
  if (Status status = pipeline_->finish(); !status) return status;
  if (Status status = write_descriptors(); !status) return status;
  if (Status status = write_bitmaps(); !status) return status;
  // Last: without the head no reader accepts the file, and so none accepts half a file.
  if (Status status = write_head(!incomplete.empty()); !status) return status;
  return file_.sync();
}

}  // namespace lastword
