// What tests of PageClassifier share: a synthetic kernel's vmcore on disk, opened, and questions.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "dumpwriter/memory/page_classifier.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/support/test_folder.h"

namespace lastword::test {

using fake::StructPage;
using fake::SyntheticKernel;

// Frames of a section of which nothing else is in the way.
inline constexpr std::uint64_t kFrames = SyntheticKernel::kSectionFrames;
inline constexpr std::uint64_t kFirst = 2 * kFrames;
inline constexpr StructPage kUserPage{.flags = fake::kLru, .mapping = 0xffff888000001001};
inline constexpr StructPage kCachePage{.flags = fake::kLru, .mapping = 0xffff888000001000};

struct Opened {
  TestFolder folder;
  Result<Vmcore> core;
  Result<std::unique_ptr<PageClassifier>> classifier;

  explicit Opened(SyntheticKernel& kernel)
      : core((kernel.write(folder.file("vmcore")), Vmcore::open(folder.file("vmcore")))),
        classifier(PageClassifier::open(*core)) {}

  std::vector<PageClass> ask(std::uint64_t first, std::uint64_t count) {
    BOOST_REQUIRE_MESSAGE(classifier.has_value(), (classifier ? "" : describe(classifier.error())));
    // Whatever is not answered shows.
    std::vector<PageClass> classes(count, PageClass{0xff});
    (*classifier)->classify(first, classes);
    return classes;
  }
  std::uint64_t unclassified() const { return (*classifier)->unclassified(); }
};

inline void check_all(const std::vector<PageClass>& classes, PageClass expected) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    BOOST_TEST_INFO("frame " << i);
    BOOST_REQUIRE(name_of(classes[i]) == name_of(expected));
  }
}

}  // namespace lastword::test
