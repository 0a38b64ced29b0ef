#include "agent/corefile/core_writer.h"

namespace lastword {

Status ElfCoreWriter::begin(const CoreHead& head, const CoreLayout& layout) {
  head_ = &head;
  layout_ = &layout;
  return file_.set_size(layout.file_bytes());
}

Status ElfCoreWriter::write_pages(std::uint64_t pfn, std::span<const std::byte> content) {
  // Merged ranges never touch, so that pages which follow each other are in one of them.
  const auto place = layout_->place_of(pfn);
  if (!place || place->pages * kPageBytes < content.size()) {
    return fail({.code = Code::kCorrupt,
                 .operation = "write core",
                 .detail = "page frames outside the memory that the vmcore's head describes"});
  }
  return file_.write(place->file_offset, content);
}

Status ElfCoreWriter::finish(std::string_view incomplete) {
  // Last, because only now it is known whether pages are missing.
  if (Status status = file_.write(0, render_core_head(*head_, *layout_, incomplete)); !status) {
    return status;
  }
  return file_.sync();
}

}  // namespace lastword
