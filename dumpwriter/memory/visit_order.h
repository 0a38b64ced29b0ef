// In which order the page frames of a vmcore are visited, window by window, part by part: the
// essential ones (essential_frames.h) and the kernel's image apart from the others, so that a dump
// which is cut short opens in debuggers. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/memory/essential_frames.h"
#include "dumpwriter/memory/memory_map.h"
#include "proto/stream.h"

namespace lastword {

inline constexpr std::size_t kWindowBytes = 2 << 20;
inline constexpr std::size_t kWindowFrames = kWindowBytes / kPageBytes;

// Adjacent page frames of one range of the map.
struct FrameWindow {
  std::uint64_t first_pfn = 0;
  std::uint64_t count = 0;  // at most kWindowFrames
};

class VisitOrder {
 public:
  // A frame is in the first of them that it can be in.
  enum class Part : std::uint8_t { kEssential, kImage, kOthers };
  static constexpr std::array kParts{Part::kEssential, Part::kImage, Part::kOthers};

  // Everything must outlive this. All frames are others, until tell() names the other parts.
  explicit VisitOrder(const MemoryMap& map) : map_(map) {}
  void tell(std::span<const FrameInterval> essential, std::span<const FrameInterval> image) {
    lists_ = {essential, image};
  }
  // From the first frame of a part on.
  void begin(Part part);
  // Every frame of the part once, ascending; empty at the end.
  [[nodiscard]] std::optional<FrameWindow> next();

 private:
  const MemoryMap& map_;
  std::array<std::span<const FrameInterval>, 2> lists_;  // by part
  Part part_ = Part::kOthers;
  std::uint64_t at_ = 0;
};

}  // namespace lastword
