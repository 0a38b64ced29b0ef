#include "dumpwriter/class_count.h"

#include <boost/test/unit_test.hpp>

#include "dumpwriter/options.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

using fake::SyntheticKernel;

constexpr std::uint64_t kFirst = 2 * SyntheticKernel::kSectionFrames;

ClassCounts count(SyntheticKernel& kernel) {
  const test::TestFolder folder;
  kernel.write(folder.file("vmcore"));
  const auto core = Vmcore::open(folder.file("vmcore"));
  BOOST_REQUIRE(core.has_value());
  const auto classifier = PageClassifier::open(*core);
  BOOST_REQUIRE(classifier.has_value());
  return count_classes(*core, **classifier);
}

const ClassCount& of(const std::array<ClassCount, kPageClasses>& counts, PageClass page_class) {
  return counts[static_cast<std::size_t>(page_class)];
}

Result<DumpOptions> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "lastword-dump");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), argv.data());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(class_count)

BOOST_AUTO_TEST_CASE(every_frame_is_counted_once_and_zero_pages_beside) {
  SyntheticKernel kernel;
  kernel.put_free(kFirst, 6);
  kernel.core.memory.fill(kFirst, 10);
  kernel.put(kFirst + 100, {.mapcount = fake::kOfflineType});
  const ClassCounts counts = count(kernel);
  BOOST_TEST(of(counts.by_class, PageClass::kFree).frames == 64U);
  BOOST_TEST(of(counts.by_class, PageClass::kFree).zero == 54U);
  BOOST_TEST(of(counts.by_class, PageClass::kOffline).frames == 1U);
  BOOST_TEST(of(counts.by_class, PageClass::kKernel).frames ==
             3 * SyntheticKernel::kSectionFrames - 65);
  BOOST_TEST(counts.unclassified == 0U);
  BOOST_TEST(counts.unreadable == 0U);
}

BOOST_AUTO_TEST_CASE(frames_of_the_image_are_kernel_and_told_apart_beside) {
  SyntheticKernel kernel;
  const std::uint64_t image = SyntheticKernel::kImagePaddr / kPageBytes;
  const std::uint64_t frames = SyntheticKernel::kImageBytes / kPageBytes;
  kernel.core.memory.fill(image + 32, 1);
  kernel.put_free(image + 32, 4);
  const ClassCounts counts = count(kernel);
  BOOST_TEST(of(counts.by_class, PageClass::kFree).frames == 0U);
  BOOST_TEST(of(counts.image, PageClass::kFree).frames == 16U);
  BOOST_TEST(of(counts.image, PageClass::kFree).zero == 15U);
  BOOST_TEST(of(counts.image, PageClass::kKernel).frames == frames - 16);
}

BOOST_AUTO_TEST_CASE(table_has_a_line_for_each_class_and_for_what_went_wrong) {
  ClassCounts counts{};
  counts.by_class[static_cast<std::size_t>(PageClass::kCache)] = {.frames = 1234, .zero = 5};
  counts.image[static_cast<std::size_t>(PageClass::kCache)] = {.frames = 67, .zero = 8};
  counts.unclassified = 9;
  const std::string text = text_of(counts);
  BOOST_TEST(text ==
             "class             frames          zero  image_frames    image_zero\n"
             "kernel                 0             0             0             0\n"
             "user                   0             0             0             0\n"
             "hugetlb                0             0             0             0\n"
             "private                0             0             0             0\n"
             "cache               1234             5            67             8\n"
             "free                   0             0             0             0\n"
             "offline                0             0             0             0\n"
             "hwpoison               0             0             0             0\n"
             "slab                   0             0             0             0\n"
             "all                 1234             5            67             8\n"
             "unclassified           9\n"
             "unreadable             0\n");
}

BOOST_AUTO_TEST_CASE(option_takes_a_vmcore_and_no_disk) {
  const auto options = parse({"--vmcore", "core", "--count-classes"});
  BOOST_REQUIRE(options.has_value());
  BOOST_TEST((options->action == DumpOptions::Action::kCountClasses));
  BOOST_TEST(!parse({"--count-classes"}).has_value());
  BOOST_TEST(!parse({"--vmcore", "core", "--count-classes", "--disk", "d"}).has_value());
  BOOST_TEST(!parse({"--vmcore", "core"}).has_value());
}

BOOST_AUTO_TEST_CASE(vmcore_without_struct_pages_to_go_by_is_an_error) {
  const test::TestFolder folder;
  fake::small_vmcore().write(folder.file("vmcore"));
  BOOST_TEST(run_count_classes(folder.file("vmcore")) == kExitIo);
  BOOST_TEST(run_count_classes(folder.file("none")) == kExitIo);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
