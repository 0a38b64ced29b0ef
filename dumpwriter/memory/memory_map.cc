#include "dumpwriter/memory/memory_map.h"

#include <algorithm>

#include "proto/format_text.h"
#include "proto/stream.h"

namespace lastword {
namespace {

// No x86-64 processor has more: the page table format ends at 52 bits.
constexpr std::uint64_t kMaxPhysical = std::uint64_t{1} << 52;

bool overflows(std::uint64_t start, std::uint64_t bytes) {
  return start + bytes < start;
}

Status check_segment(const LoadSegment& segment, std::size_t index) {
  if (overflows(segment.paddr, segment.bytes) || segment.paddr + segment.bytes > kMaxPhysical ||
      overflows(segment.file_offset, segment.bytes)) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read program headers",
                 .detail = format_text("PT_LOAD {} overflows: {} bytes of memory at {:#x}, in the "
                                       "file at {:#x}",
                                       index, segment.bytes, segment.paddr, segment.file_offset)});
  }
  return {};
}

// Splits a segment into its whole frames and the pieces at its ends.
void split(const LoadSegment& segment, std::vector<FrameRange>& ranges,
           std::vector<FramePiece>& pieces) {
  std::uint64_t at = segment.paddr;
  const std::uint64_t end = segment.paddr + segment.bytes;
  const auto piece_until = [&](std::uint64_t stop) {
    pieces.push_back({.pfn = at / kPageBytes,
                      .offset_in_frame = static_cast<std::uint32_t>(at % kPageBytes),
                      .bytes = static_cast<std::uint32_t>(stop - at),
                      .file_offset = segment.file_offset + (at - segment.paddr)});
    at = stop;
  };
  const std::uint64_t first_whole = (at + kPageBytes - 1) / kPageBytes;
  const std::uint64_t end_whole = end / kPageBytes;
  if (at % kPageBytes != 0) piece_until(std::min(end, first_whole * kPageBytes));
  if (first_whole < end_whole) {
    ranges.push_back({.first_pfn = first_whole,
                      .end_pfn = end_whole,
                      .file_offset = segment.file_offset + (at - segment.paddr)});
    at = end_whole * kPageBytes;
  }
  if (at < end) piece_until(end);
}

// Sorts; cuts off what an earlier range already covers; joins what is adjacent in memory and file.
void merge(std::vector<FrameRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const FrameRange& a, const FrameRange& b) {
    return a.first_pfn != b.first_pfn ? a.first_pfn < b.first_pfn : a.end_pfn > b.end_pfn;
  });
  std::size_t kept = 0;
  for (FrameRange range : ranges) {
    if (kept > 0) {
      FrameRange& last = ranges[kept - 1];
      if (range.end_pfn <= last.end_pfn) continue;
      if (range.first_pfn < last.end_pfn) {
        range.file_offset += (last.end_pfn - range.first_pfn) * kPageBytes;
        range.first_pfn = last.end_pfn;
      }
      const std::uint64_t last_bytes = (last.end_pfn - last.first_pfn) * kPageBytes;
      if (range.first_pfn == last.end_pfn && range.file_offset == last.file_offset + last_bytes) {
        last.end_pfn = range.end_pfn;
        continue;
      }
    }
    ranges[kept++] = range;
  }
  ranges.resize(kept);
}

const FrameRange* find_range(std::span<const FrameRange> ranges, std::uint64_t pfn) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), pfn,
      [](std::uint64_t value, const FrameRange& range) { return value < range.first_pfn; });
  if (after == ranges.begin() || pfn >= std::prev(after)->end_pfn) return nullptr;
  return &*std::prev(after);
}

// A frame that one segment holds whole needs no pieces of another; each remaining frame becomes a
// range of its own.
void add_partial_frames(std::vector<FrameRange>& ranges, std::vector<FramePiece>& pieces) {
  std::erase_if(pieces,
                [&](const FramePiece& piece) { return find_range(ranges, piece.pfn) != nullptr; });
  std::sort(pieces.begin(), pieces.end(),
            [](const FramePiece& a, const FramePiece& b) { return a.pfn < b.pfn; });
  const std::size_t whole_ranges = ranges.size();
  for (const FramePiece& piece : pieces) {
    if (ranges.size() > whole_ranges && ranges.back().first_pfn == piece.pfn) continue;
    ranges.push_back({.first_pfn = piece.pfn, .end_pfn = piece.pfn + 1, .whole = false});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const FrameRange& a, const FrameRange& b) { return a.first_pfn < b.first_pfn; });
}

bool follows(const LoadSegment& last, const LoadSegment& next) {
  return next.vaddr == last.vaddr + last.bytes && next.paddr == last.paddr + last.bytes &&
         next.file_offset == last.file_offset + last.bytes;
}

}  // namespace

void SegmentList::add(const LoadSegment& segment) {
  if (!all_.empty() && follows(all_.back(), segment)) {
    all_.back().bytes += segment.bytes;
  } else if (all_.size() < kMostSegments) {
    all_.push_back(segment);
  } else {
    ++left_out_;
  }
}

Result<MemoryMap> MemoryMap::build(std::vector<LoadSegment> segments) {
  MemoryMap map;
  map.segments_ = std::move(segments);
  // No more than is needed: what a vector sets aside to grow is as much again.
  map.segments_.shrink_to_fit();
  map.ranges_.reserve(3 * map.segments_.size());
  map.pieces_.reserve(2 * map.segments_.size());
  for (std::size_t i = 0; i < map.segments_.size(); ++i) {
    if (Status status = check_segment(map.segments_[i], i); !status) return fail(status.error());
    split(map.segments_[i], map.ranges_, map.pieces_);
  }
  merge(map.ranges_);
  add_partial_frames(map.ranges_, map.pieces_);
  for (const FrameRange& range : map.ranges_) map.frame_count_ += range.end_pfn - range.first_pfn;
  if (map.frame_count_ == 0) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read program headers",
                 .detail = "no PT_LOAD with memory in it: nothing to dump"});
  }
  return map;
}

const FrameRange* MemoryMap::range_of(std::uint64_t pfn) const {
  return find_range(ranges_, pfn);
}

std::span<const FramePiece> MemoryMap::pieces_of(std::uint64_t pfn) const {
  const auto first = std::lower_bound(
      pieces_.begin(), pieces_.end(), pfn,
      [](const FramePiece& piece, std::uint64_t value) { return piece.pfn < value; });
  auto last = first;
  while (last != pieces_.end() && last->pfn == pfn) ++last;
  return {first, last};
}

std::optional<FileExtent> MemoryMap::locate_virtual(std::uint64_t vaddr) const {
  for (const LoadSegment& segment : segments_) {
    if (vaddr < segment.vaddr || vaddr - segment.vaddr >= segment.bytes) continue;
    const std::uint64_t skipped = vaddr - segment.vaddr;
    return FileExtent{.file_offset = segment.file_offset + skipped,
                      .bytes = segment.bytes - skipped};
  }
  return std::nullopt;
}

}  // namespace lastword
