// Which page frames a vmcore holds and where in the file they are. Pure: from the PT_LOAD program
// headers to sorted ranges in which each page frame occurs once, although the kernel's text is
// mapped twice (its own PT_LOAD lies inside the direct map's).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "proto/error.h"

namespace lastword {

// One PT_LOAD: memory [paddr, paddr + bytes), seen by the dead kernel at vaddr, is in the file at
// file_offset. `bytes` is p_filesz: what the file holds.
struct LoadSegment {
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t bytes = 0;
};

// Page frames [first_pfn, end_pfn).
struct FrameInterval {
  std::uint64_t first_pfn = 0;
  std::uint64_t end_pfn = 0;
};

// Page frames [first_pfn, end_pfn).
struct FrameRange {
  std::uint64_t first_pfn = 0;
  std::uint64_t end_pfn = 0;
  std::uint64_t file_offset = 0;  // of the first frame; the others follow in the file
  bool whole = true;              // false: one frame of which the file holds only pieces
};

// A part of a page frame, where memory starts or ends inside the frame. On PCs the first stretch of
// memory ends so, below 640 KiB.
struct FramePiece {
  std::uint64_t pfn = 0;
  std::uint32_t offset_in_frame = 0;
  std::uint32_t bytes = 0;
  std::uint64_t file_offset = 0;
};

// A stretch of virtual memory in the file.
struct FileExtent {
  std::uint64_t file_offset = 0;
  std::uint64_t bytes = 0;
};

// The map's own memory is bounded by these, 1.5 MiB, whatever a vmcore says. As many PT_LOADs as a
// kernel with CRASH_MAX_MEMORY_RANGES has room for (Linux kernel/Kconfig.kexec) ...
inline constexpr std::size_t kMostSegments = 8192;
// ... each of which may begin and end inside a page frame.
inline constexpr std::size_t kMostPieces = 2 * kMostSegments;

// Puts segments together, one after the other: those that follow each other in memory and file are
// one.
class SegmentList {
 public:
  // Beyond kMostSegments it is only counted.
  void add(const LoadSegment& segment);
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  [[nodiscard]] std::vector<LoadSegment> take() { return std::move(all_); }

 private:
  std::vector<LoadSegment> all_;
  std::uint64_t left_out_ = 0;
};

class MemoryMap {
 public:
  // At most kMostSegments. kCorrupt: a segment's end overflows, or there is no memory at all. Empty
  // segments are skipped.
  [[nodiscard]] static Result<MemoryMap> build(std::vector<LoadSegment> segments);

  [[nodiscard]] std::span<const FrameRange> ranges() const { return ranges_; }
  [[nodiscard]] std::uint64_t frame_count() const { return frame_count_; }
  // As they were given.
  [[nodiscard]] std::span<const LoadSegment> segments() const { return segments_; }
  // The range that holds a frame; null: none does.
  [[nodiscard]] const FrameRange* range_of(std::uint64_t pfn) const;
  // What the map itself takes.
  [[nodiscard]] std::size_t memory_bytes() const {
    return segments_.capacity() * sizeof(LoadSegment) + ranges_.capacity() * sizeof(FrameRange) +
           pieces_.capacity() * sizeof(FramePiece);
  }
  // The pieces of a frame that is not whole. What no piece covers was not memory: take it as zero.
  [[nodiscard]] std::span<const FramePiece> pieces_of(std::uint64_t pfn) const;
  // From `vaddr` to the end of the segment that holds it; empty: no segment does.
  [[nodiscard]] std::optional<FileExtent> locate_virtual(std::uint64_t vaddr) const;

 private:
  std::vector<LoadSegment> segments_;
  std::vector<FrameRange> ranges_;  // sorted, disjoint
  std::vector<FramePiece> pieces_;  // sorted by pfn
  std::uint64_t frame_count_ = 0;
};

}  // namespace lastword
