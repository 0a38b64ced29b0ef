// In which order pages go out, which stay behind, how they are compressed, and what a dump that was
// cut short still holds.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/dumpwriter/dump_fixture.h"
#include "tests/fake/synthetic_kernel.h"

namespace lastword {
namespace {

using fake::SyntheticKernel;
using test::ClassesByRule;
using test::DumpFixture;
using test::StreamContent;

constexpr std::uint64_t kFirst = 0x2000;
constexpr std::uint64_t kFrames = 0x1000;  // 16 MiB

// Stretches of all classes, some of one page frame only.
PageClass mixed(std::uint64_t pfn) {
  if (pfn < kFirst) return PageClass::kKernel;
  if (pfn % 97 == 0) return PageClass::kHwpoison;
  if (pfn % 89 == 0) return PageClass::kOffline;
  constexpr std::array kCycle{PageClass::kUser,  PageClass::kKernel,       PageClass::kFree,
                              PageClass::kCache, PageClass::kPrivateCache, PageClass::kHugetlb,
                              PageClass::kSlab};
  return kCycle[(pfn / 13) % kCycle.size()];
}

struct Passes : DumpFixture {
  ClassesByRule rule{mixed};

  Passes() {
    core.add_direct(kFirst * kPageBytes, kFrames * kPageBytes);
    classes = &rule;
    fake::SyntheticLogWriter log(core, {});
    log.add(1'000'000'000, "Kernel panic - not syncing");
  }
  void fill_random() { core.memory.fill(kFirst, kFrames); }
  // Compresses well, and differs from page to page.
  void fill_text(std::uint64_t frames = kFrames) {
    for (std::uint64_t pfn = kFirst; pfn < kFirst + frames; ++pfn) {
      std::string text = "page " + std::to_string(pfn) + " ";
      while (text.size() < kPageBytes) text += text;
      text.resize(kPageBytes);
      core.memory.write(pfn * kPageBytes, std::as_bytes(std::span(text)));
    }
  }
  void exclude(std::string_view text) { settings.exclude = PageFilter::parse(text).value(); }
  void use(std::string_view codec) { settings.codec = CodecSetting::parse(codec).value(); }
};

std::vector<std::uint32_t> passes_of(const StreamContent& content) {
  std::vector<std::uint32_t> passes;
  for (const SectionHeader& header : content.headers) {
    if (header.kind == static_cast<std::uint16_t>(SectionKind::kPages)) {
      passes.push_back(header.pass);
    }
  }
  return passes;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dump_passes, Passes)

BOOST_AUTO_TEST_CASE(useful_pages_come_first_and_all_come) {
  fill_random();
  BOOST_TEST((run().outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  check_pages(content, true);
  const auto passes = passes_of(content);
  BOOST_TEST(std::is_sorted(passes.begin(), passes.end()));
  BOOST_TEST(passes.front() == static_cast<std::uint32_t>(PagePass::kSlab));
  BOOST_TEST(passes.back() == static_cast<std::uint32_t>(PagePass::kFree));
  for (const auto& [pfn, run] : content.runs) {
    if (content.is(pfn, RunKind::kZero)) continue;
    BOOST_TEST_REQUIRE(run.page_class == static_cast<std::uint16_t>(mixed(pfn)));
  }
}

BOOST_AUTO_TEST_CASE(essential_pages_come_before_the_image_and_all_others) {
  constexpr std::uint64_t kModule = 0xffffffffc0000000;
  constexpr std::uint64_t kCode = 0xa00;  // page frame
  fake::SyntheticKernel kernel;
  kernel.map(kModule, kCode * kPageBytes);
  const std::uint64_t table = kernel.entry_of(kModule, 1);
  kernel.core.memory.put(table, kCode * kPageBytes | 1);  // read-only
  kernel.core.memory.fill(0x980, 0x100);
  kernel.write(folder.file("kernel"));  // which completes its VMCOREINFO
  core = kernel.core;
  // What is essential is so whatever its class.
  ClassesByRule slab_above([](std::uint64_t pfn) {
    return pfn >= 0xa40 ? PageClass::kSlab : pfn >= 0xa00 ? PageClass::kKernel : PageClass::kUser;
  });
  classes = &slab_above;
  BOOST_TEST((run().outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  check_pages(content, true);
  const auto passes = passes_of(content);
  BOOST_TEST(std::is_sorted(passes.begin(), passes.end()));
  const auto pass_of_frame = [&](std::uint64_t pfn) { return content.passes.at(pfn); };
  BOOST_TEST((pass_of_frame(table / kPageBytes) == PagePass::kEssential));
  BOOST_TEST((pass_of_frame(SyntheticKernel::kRootPaddr / kPageBytes) == PagePass::kEssential));
  BOOST_TEST((pass_of_frame(kCode) == PagePass::kImage));
  BOOST_TEST((pass_of_frame(0xa41) == PagePass::kSlab));
  BOOST_TEST((pass_of_frame(0xa01) == PagePass::kKernel));
  BOOST_TEST((pass_of_frame(0x981) == PagePass::kUser));
}

BOOST_AUTO_TEST_CASE(offline_and_poisoned_pages_are_never_stored) {
  fill_random();
  exclude("none");
  (void)run();
  const StreamContent content = stream(0);
  std::uint64_t left_out = 0;
  for (const auto& [pfn, run] : content.runs) {
    const PageClass page_class = mixed(pfn);
    const bool never = page_class == PageClass::kOffline || page_class == PageClass::kHwpoison;
    BOOST_TEST_REQUIRE(content.is(pfn, RunKind::kExcluded) == never);
    left_out += never ? 1 : 0;
  }
  BOOST_TEST(sum_of(content.end->excluded_pages) == left_out);
}

BOOST_AUTO_TEST_CASE(excluded_pages_are_told_of_by_class_in_the_kernels_pass) {
  fill_random();
  exclude("31");
  BOOST_TEST((run().outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  PageCounts expected{};
  for (std::uint64_t pfn = kFirst; pfn < kFirst + kFrames; ++pfn) {
    if (mixed(pfn) == PageClass::kKernel || mixed(pfn) == PageClass::kSlab) {
      BOOST_TEST_REQUIRE(content.is(pfn, RunKind::kStored));
      continue;
    }
    BOOST_TEST_REQUIRE(content.is(pfn, RunKind::kExcluded));
    ++expected[static_cast<std::size_t>(mixed(pfn))];
  }
  BOOST_REQUIRE(content.end.has_value());
  BOOST_TEST((content.end->excluded_pages == expected));
  BOOST_TEST(content.end->stored_pages + content.end->zero_pages + sum_of(expected) ==
             content.end->memory_pages);
  // Nothing is left for the other passes.
  BOOST_TEST(passes_of(content).back() == static_cast<std::uint32_t>(PagePass::kKernel));
  BOOST_TEST(header(0).excluded_pages() == sum_of(expected));
  BOOST_TEST(reporter.all_progress.back().scanned_bytes == header(0).memory_bytes());
}

BOOST_AUTO_TEST_CASE(pages_that_could_not_be_told_are_counted_once) {
  rule.unclassified_per_call = 3;
  fill_random();
  (void)run();
  const StreamContent content = stream(0);
  const auto windows = (kFrames + kWindowFrames - 1) / kWindowFrames;
  BOOST_TEST(content.end->unclassified_pages >= 3 * windows);
  BOOST_TEST(content.end->unclassified_pages < 3 * (windows + 8));  // and those of the small vmcore
  BOOST_TEST(header(0).unclassified_pages() == content.end->unclassified_pages);
}

BOOST_AUTO_TEST_CASE(dump_without_a_frame_that_changed_its_class_is_not_complete) {
  fill_random();
  std::uint64_t last = 0;
  unsigned sweeps = 0;  // of all memory: the estimate's, slab's, the kernel's
  ClassesByRule changing([&](std::uint64_t pfn) {
    if (pfn + kFrames / 2 < last) ++sweeps;
    last = pfn;
    return pfn == kFirst + 100 && sweeps < 3 ? PageClass::kUser : PageClass::kKernel;
  });
  classes = &changing;
  BOOST_TEST((run().outcome == Outcome::kVmcore));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  const StreamContent content = stream(0);
  BOOST_TEST(!content.end.has_value());
  BOOST_TEST(!content.runs.contains(kFirst + 100));
  check_pages(content, false);
}

BOOST_AUTO_TEST_CASE(every_codec_with_and_without_threads_gives_the_pages_back) {
  for (const unsigned processors : {1U, 2U, 3U}) {
    for (const std::string_view codec : {"lz4", "zstd:1", "zstd:3", "auto"}) {
      Passes other;
      other.fill_text();
      other.use(codec);
      other.engine_size.processors = processors;
      BOOST_TEST_CONTEXT(codec << " on " << processors) {
        BOOST_TEST((other.run().outcome == Outcome::kDone));
        const StreamContent content = other.stream(0);
        other.check_pages(content, true);
        BOOST_TEST(content.end->stream_bytes == content.boundaries.back());
        if (codec != "auto") BOOST_TEST(content.boundaries.back() < 8U << 20);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(chunk_that_does_not_shrink_is_stored_as_it_is) {
  fill_random();
  use("zstd:3");
  BOOST_TEST((run().outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  check_pages(content, true);
  for (const SectionHeader& header : content.headers) {
    if (header.raw_bytes == kSectionPayloadBytes) BOOST_TEST(header.codec == 0U);
  }
}

BOOST_AUTO_TEST_CASE(full_disk_keeps_what_fits_whatever_the_codec) {
  for (const std::string_view codec : {"none", "lz4"}) {
    Passes other;
    other.core.add_direct(0x8000000, 0x2000000);
    other.core.memory.fill(0x8000, 0x2000);
    other.use(codec);
    other.engine_size.processors = 2;
    const DumpEnd end = other.run();
    BOOST_TEST((end.outcome == Outcome::kDiskFull));
    const StreamContent content = other.stream(0);
    other.check_pages(content, false);
    BOOST_TEST(other.header(0).durable_bytes() == content.boundaries.back());
    BOOST_TEST(content.boundaries.back() > kDiskBytes - kDataOffset - 2 * kBlockBytes);
  }
}

BOOST_AUTO_TEST_CASE(dump_that_was_cut_has_the_log_and_the_kernel_pages_it_came_to) {
  fill_text();
  exclude("zero");
  use("lz4");
  BOOST_TEST((run().outcome == Outcome::kDone));
  const std::vector<std::byte> whole = data_region(0);
  const StreamContent all = stream(0);
  const std::size_t first_pages = all.boundaries[2];
  for (const std::size_t percent : {25U, 50U, 75U}) {
    const std::size_t cut = first_pages + (all.boundaries.back() - first_pages) * percent / 100 /
                                              kBlockBytes * kBlockBytes;
    std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<long>(cut));
    prefix.resize(whole.size());
    const StreamContent content = test::read_stream(prefix, settings.crash_id);
    BOOST_TEST_CONTEXT(percent << " percent") {
      BOOST_TEST(content.log == all.log);
      BOOST_TEST(content.head == all.head);
      BOOST_TEST(!content.end.has_value());
      check_pages(content, false);
      // No page of a later pass before all of an earlier one.
      std::array<std::uint64_t, kPagePasses> missing{};
      for (const auto& [pfn, run] : all.runs) {
        const auto pass = pass_of(mixed(pfn));
        if (pass && !content.runs.contains(pfn)) ++missing[static_cast<std::size_t>(*pass)];
      }
      BOOST_TEST(missing[static_cast<std::size_t>(PagePass::kFree)] > 0U);
      const std::uint32_t reached = passes_of(content).back();
      for (std::uint32_t pass = 0; pass < reached; ++pass) BOOST_TEST(missing[pass] == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(time_limit_is_kept_on_a_disk_that_became_ten_times_slower) {
  for (const std::string_view codec : {"none", "lz4", "zstd:6"}) {
    for (const unsigned processors : {1U, 2U}) {
      Passes other;
      other.fill_random();
      other.use(codec);
      other.engine_size = {.processors = processors, .max_zstd_level = 6};
      other.engines[0].per_completion = milliseconds(20);
      unsigned writes = 0;
      other.shelf.set_hook([&](const fake::CommandTrace& command) {
        if (is_data_write(command) && ++writes == 8) {
          other.engines[0].per_completion = milliseconds(200);
        }
      });
      other.settings.limit = milliseconds(4500);
      const DumpEnd end = other.run();
      BOOST_TEST_CONTEXT(codec << " on " << processors) {
        BOOST_TEST((end.outcome == Outcome::kLimit));
        BOOST_TEST(other.clock.now.count() <= 4500 + 500);
        BOOST_TEST(other.clock.now.count() >= 4500 - 1500);  // nor was time given away
        const StreamContent content = other.stream(0);
        BOOST_TEST(other.header(0).durable_bytes() == content.boundaries.back());
        BOOST_TEST(!content.pages.empty());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(time_left_is_right_from_a_quarter_of_the_way_on) {
  for (const std::string_view left_out : {"none", "cache,private,free", "31"}) {
    Passes other;
    constexpr std::uint64_t kMany = 6 * kFrames;
    other.core.add_direct((kFirst + kFrames) * kPageBytes, (kMany - kFrames) * kPageBytes);
    other.fill_text(kMany);
    other.use("lz4");
    other.exclude(left_out);
    other.engines[0].per_completion = milliseconds(left_out == "31" ? 120 : 40);
    const std::int64_t start = other.clock.now.count();
    (void)other.run();
    const std::int64_t end = other.header(0).elapsed_ms();
    unsigned checked = 0;
    for (const Progress& told : other.reporter.all_progress) {
      const std::int64_t now = told.elapsed.count();
      if (now - start < (end - start) / 4 || told.eta.count() == 0) continue;
      const auto truth = static_cast<double>(end - now);
      const auto guess = static_cast<double>(told.eta.count());
      BOOST_TEST(std::abs(guess - truth) <= 0.2 * truth + 100,
                 left_out << " at " << now << " of " << end << ": " << guess << " not " << truth);
      ++checked;
    }
    BOOST_TEST(checked >= 2U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
