// Streams a vmcore to one disk: the sections of proto/stream.h one after the other, the most useful
// pages first, until the end, the disk's end or the time limit.
#pragma once

#include <array>

#include "dumpwriter/memory/frame_classes.h"
#include "dumpwriter/memory/page_reader.h"
#include "dumpwriter/memory/vmcore.h"
#include "dumpwriter/stream/section_stream.h"
#include "dumpwriter/stream/work_estimate.h"

namespace lastword {

// What all candidates' streams use, one after the other.
struct DumpTools {
  PageReader& pages;
  EssentialFrames& essential;
  FrameClasses& classes;
  CompressorPool& pool;
};

class StreamWriter {
 public:
  // Everything must outlive this. One StreamWriter writes one stream, once.
  StreamWriter(const Vmcore& core, const DumpTools& tools, DumpTarget& target,
               const StreamSettings& settings, const PageFilter& filter, const Clock& clock,
               DumpReporter& reporter);

  // After target.start(). With kDone, kLimit, kDiskFull, kVmcore and kStopped everything that was
  // written is durable when this returns.
  [[nodiscard]] StreamResult run();

 private:
  // Each returns false once the stream has come to an end.
  [[nodiscard]] bool write_head();
  [[nodiscard]] bool write_log();
  [[nodiscard]] bool write_pages();
  [[nodiscard]] bool write_pass();
  [[nodiscard]] bool write_class(std::uint64_t pfn, std::uint64_t count, PageClass page_class);
  [[nodiscard]] bool exclude(std::uint64_t pfn, std::uint64_t count, PageClass page_class);
  [[nodiscard]] bool write_frames(const FrameSpan& frames, PageClass page_class);
  [[nodiscard]] bool leave_out(const FrameSpan& unreadable);
  [[nodiscard]] bool write_end();
  // `add` puts something into the open section, or says that it is full.
  template <class Add>
  [[nodiscard]] bool add_to_section(Add add);

  [[nodiscard]] bool estimate();
  [[nodiscard]] bool counts_all() const;
  // The classes of a window's frames.
  [[nodiscard]] std::span<const PageClass> classify(const FrameWindow& window);
  [[nodiscard]] bool excluded(PageClass page_class) const;

  const Vmcore& core_;
  DumpTools tools_;
  DumpTarget& target_;
  PageFilter filter_;
  DumpReporter& reporter_;
  WorkEstimate work_;
  SectionStream stream_;
  StreamMark& counts_;
  PagePass pass_ = PagePass::kEssential;
  // Passes that may have any page; of those after the kernel's it is known by then.
  std::array<bool, kPagePasses> wanted_{true, true, true, true};
  std::array<PageClass, kWindowFrames> window_classes_{};
};

}  // namespace lastword
