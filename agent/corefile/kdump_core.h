// A recovered dump as a kdump-compressed file (agent/corefile/kdump_format.h): compressed page by
// page, excluded pages told from zero and from missing ones.
//
// Pages come in any order, and their data is appended as it comes. What became of each page is kept
// in memory (PageIndex) until the descriptors are written, in the order of page frames. The number
// of descriptors is known only then. The file therefore has room for a descriptor of every page of
// memory, 24 bytes each; room that is not needed stays a hole.
#pragma once

#include <memory>
#include <optional>

#include "agent/corefile/compress_pipeline.h"
#include "agent/corefile/core_writer.h"
#include "agent/corefile/kdump_format.h"
#include "agent/corefile/page_codec.h"
#include "agent/corefile/page_index.h"

namespace lastword {

// Memory up to which this format is written: 256 TiB, four times what 4-level paging can address.
// Beyond it, bitmaps are longer than readers can hold.
inline constexpr std::uint64_t kKdumpMaxPages = std::uint64_t{1} << 36;
static_assert(kMaxZeroFilledPfn <= kKdumpMaxPages, "zeros must not keep a dump from this format");

// Where the parts of the file begin, in bytes. Follows from the vmcore's head alone.
struct KdumpGeometry {
  std::uint64_t max_pfn = 0;  // one past the last page frame
  std::uint64_t sub_header_blocks = 0;
  std::uint64_t bitmap_at = 0;
  std::uint64_t bitmap_bytes = 0;  // of each of the two
  std::uint64_t descriptors_at = 0;
  std::uint64_t data_at = 0;  // behind room for a descriptor for each page of memory
};
[[nodiscard]] KdumpGeometry kdump_geometry(const CoreHead& head, const CoreLayout& layout);

class KdumpCoreWriter : public CoreWriter {
 public:
  // `file` is empty and outlives this. It is written to from one thread at a time.
  KdumpCoreWriter(OutputFile& file, PageCodec codec, unsigned threads);

  // kUnsupported: more memory than kKdumpMaxPages.
  Status begin(const CoreHead& head, const CoreLayout& layout) override;
  Status write_pages(std::uint64_t pfn, std::span<const std::byte> content) override;
  Status write_zero_pages(std::uint64_t pfn, std::uint64_t count) override;
  Status exclude_pages(std::uint64_t pfn, std::uint64_t count, PageClass page_class) override;
  // Pages in no call of the above get a descriptor without data.
  Status finish(std::string_view incomplete) override;
  [[nodiscard]] std::uint64_t file_bytes() const override { return end_; }

  // What a file with `stored_pages` can take of its file system at most; its holes take nothing.
  [[nodiscard]] static std::uint64_t max_bytes(const CoreHead& head, const CoreLayout& layout,
                                               std::uint64_t stored_pages);

 private:
  // Of [pfn, pfn + count): fails where not all of it is memory.
  [[nodiscard]] Result<std::uint64_t> index_of(std::uint64_t pfn, std::uint64_t count) const;
  [[nodiscard]] Status append(std::span<const CompressPipeline::PackedPage> pages,
                              std::span<const std::byte> data);
  void look_for_uts(std::uint64_t pfn, std::span<const std::byte> content);
  [[nodiscard]] Status write_descriptors();
  [[nodiscard]] Status write_bitmaps();
  [[nodiscard]] Status write_head(bool incomplete);

  OutputFile& file_;
  const PageCodec codec_;
  const unsigned threads_;
  const CoreHead* head_ = nullptr;
  const CoreLayout* layout_ = nullptr;
  KdumpGeometry geometry_;
  PageIndex index_;
  PageIndex::Stored zero_page_;
  std::uint64_t end_ = 0;  // of the file; while the pipeline runs, its sink's
  std::int32_t dump_level_ = 0;
  std::optional<std::uint64_t> uts_paddr_;
  UtsName uts_{};
  std::unique_ptr<CompressPipeline> pipeline_;  // last: its threads use the others
};

}  // namespace lastword
