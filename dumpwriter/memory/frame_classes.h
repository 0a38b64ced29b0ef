// Which class each page frame is of: the seam between the dump engine and what reads struct pages.
#pragma once

#include <cstdint>
#include <span>

#include "proto/page_class.h"

namespace lastword {

class FrameClasses {
 public:
  virtual ~FrameClasses() = default;
  // The classes of page frames first_pfn, first_pfn + 1, ... Never fails: what cannot be classified
  // is kKernel, which no filter leaves out, and is counted. The same question has the same answer.
  virtual void classify(std::uint64_t first_pfn, std::span<PageClass> classes) = 0;
  // Page frames that could not be classified, each counted once for each time it was asked for.
  [[nodiscard]] virtual std::uint64_t unclassified() const = 0;
};

// Everything is kKernel: where nothing is filtered, or filtering cannot work.
class NoFrameClasses final : public FrameClasses {
 public:
  void classify(std::uint64_t, std::span<PageClass> classes) override {
    for (PageClass& one : classes) one = PageClass::kKernel;
  }
  [[nodiscard]] std::uint64_t unclassified() const override { return 0; }
};

}  // namespace lastword
