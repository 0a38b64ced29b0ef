#include "dumpwriter/open_classes.h"

#include "dumpwriter/memory/page_classifier.h"

namespace lastword {

std::unique_ptr<FrameClasses> open_classes(const Vmcore& core, const PageFilter& filter,
                                           DumpReporter& reporter) {
  auto classifier = PageClassifier::open(core);
  if (classifier) return std::move(*classifier);
  char text[512];
  reporter.note(describe_to(classifier.error(), text, sizeof text));
  reporter.note(filter == PageFilter() ? "pages cannot be classified: none goes first"
                                       : "pages cannot be classified: none is left out");
  return std::make_unique<NoFrameClasses>();
}

}  // namespace lastword
