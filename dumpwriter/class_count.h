// lastword-dump --count-classes: how many page frames of a vmcore are of which class.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "dumpwriter/memory/page_classifier.h"
#include "dumpwriter/memory/vmcore.h"
#include "proto/page_class.h"

namespace lastword {

struct ClassCount {
  std::uint64_t frames = 0;
  std::uint64_t zero = 0;  // of them, all zero
};

struct ClassCounts {
  std::array<ClassCount, kPageClasses> by_class;  // as a filter sees them
  // Frames of the kernel's image that are kKernel above, by what their struct pages say.
  std::array<ClassCount, kPageClasses> image;
  std::uint64_t unclassified = 0;
  std::uint64_t unreadable = 0;  // in none of the counts of zero pages
};

// Goes through the whole vmcore. Of /proc/vmcore, pages that are offline or poisoned are not read.
[[nodiscard]] ClassCounts count_classes(const Vmcore& core, PageClassifier& classifier);
// A table with one line for each class, columns separated by blanks.
[[nodiscard]] std::string text_of(const ClassCounts& counts);

// Returns the exit status.
[[nodiscard]] int run_count_classes(const std::string& vmcore);

}  // namespace lastword
