#include "dumpwriter/class_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "dumpwriter/memory/page_reader.h"
#include "dumpwriter/stream/section_builder.h"
#include "dumpwriter/terminal.h"
#include "proto/stream.h"

namespace lastword {
namespace {

class Counting {
 public:
  Counting(const Vmcore& core, PageClassifier& classifier) : core_(core), classifier_(classifier) {}

  ClassCounts run() {
    PageReader reader(core_);
    while (const auto window = reader.next()) {
      for (std::uint64_t at = 0; at < window->count;) {
        const FrameSpan frames = reader.read(window->first_pfn + at, window->count - at);
        for (std::uint64_t done = 0; done < frames.count;) done += look_at(frames, done);
        at += frames.count;
      }
    }
    counts_.unclassified = classifier_.unclassified();
    return counts_;
  }

 private:
  std::uint64_t look_at(const FrameSpan& frames, std::uint64_t done) {
    std::array<PageClass, PageClassifier::kBlockFrames> classes;
    const std::uint64_t first = frames.first_pfn + done;
    const std::uint64_t in_block =
        PageClassifier::kBlockFrames - first % PageClassifier::kBlockFrames;
    const std::uint64_t n = std::min(frames.count - done, in_block);
    classifier_.classify(first, std::span(classes).first(n));
    const std::span<const PageClass> of_block = classifier_.block_of(first);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t pfn = first + i;
      const bool zero = is_zero(classes[i], frames, done + i);
      add(counts_.by_class, classes[i], zero);
      const bool in_image =
          pfn >= classifier_.image().first_pfn && pfn < classifier_.image().end_pfn;
      if (in_image && classes[i] == PageClass::kKernel) {
        add(counts_.image, of_block[pfn % PageClassifier::kBlockFrames], zero);
      }
    }
    return n;
  }

  bool is_zero(PageClass page_class, const FrameSpan& frames, std::uint64_t index) {
    const bool dangerous = page_class == PageClass::kOffline || page_class == PageClass::kHwpoison;
    if (dangerous && core_.is_proc_vmcore()) return false;
    if (frames.data == nullptr) {
      ++counts_.unreadable;
      return false;
    }
    return is_zero_page(frames.data + index * kPageBytes);
  }

  static void add(std::array<ClassCount, kPageClasses>& counts, PageClass page_class, bool zero) {
    ClassCount& count = counts[static_cast<std::size_t>(page_class)];
    ++count.frames;
    if (zero) ++count.zero;
  }

  const Vmcore& core_;
  PageClassifier& classifier_;
  ClassCounts counts_;
};

}  // namespace

ClassCounts count_classes(const Vmcore& core, PageClassifier& classifier) {
  return Counting(core, classifier).run();
}

std::string text_of(const ClassCounts& counts) {
  std::string text = fmt::format("{:<10}{:>14}{:>14}{:>14}{:>14}\n", "class", "frames", "zero",
                                 "image_frames", "image_zero");
  const auto add = [&text](std::string_view name, const ClassCount& all, const ClassCount& image) {
    fmt::format_to(std::back_inserter(text), "{:<10}{:>14}{:>14}{:>14}{:>14}\n", name, all.frames,
                   all.zero, image.frames, image.zero);
  };
  ClassCount all;
  ClassCount image;
  for (std::size_t i = 0; i < kPageClasses; ++i) {
    add(name_of(static_cast<PageClass>(i)), counts.by_class[i], counts.image[i]);
    all.frames += counts.by_class[i].frames;
    all.zero += counts.by_class[i].zero;
    image.frames += counts.image[i].frames;
    image.zero += counts.image[i].zero;
  }
  add("all", all, image);
  fmt::format_to(std::back_inserter(text), "{:<13}{:>11}\n{:<13}{:>11}\n", "unclassified",
                 counts.unclassified, "unreadable", counts.unreadable);
  return text;
}

int run_count_classes(const std::string& vmcore) {
  TerminalReporter reporter;
  const Result<Vmcore> core = Vmcore::open(vmcore);
  if (!core) {
    reporter.error(core.error());
    return exit_status(core.error().code);
  }
  const auto classifier = PageClassifier::open(*core);
  if (!classifier) {
    reporter.error(classifier.error());
    return exit_status(classifier.error().code);
  }
  const std::string text = text_of(count_classes(*core, **classifier));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

}  // namespace lastword
