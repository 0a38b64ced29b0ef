// Page tables, mem_section and struct pages, as the dead kernel left them in its memory. The input
// is laid over a vmcore of a synthetic kernel: a list of places and what is written there.
#include <array>
#include <utility>

#include "dumpwriter/memory/essential_frames.h"
#include "dumpwriter/memory/page_classifier.h"
#include "dumpwriter/memory/visit_order.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr std::size_t kManyPatches = 64;

using Kernel = fake::SyntheticKernel;
constexpr std::uint64_t kMemory = fake::SyntheticKernelOptions{}.memory_bytes;

// The vmcore, and what was changed in it until this goes.
class PatchedCore {
 public:
  explicit PatchedCore(bool five_levels) : file_(file_of(five_levels)) {
    const auto bytes = static_cast<std::uint64_t>(::lseek(file_.fd(), 0, SEEK_END));
    FUZZ_REQUIRE(bytes > kMemory + Kernel::kImageBytes);
    // The image's own PT_LOAD comes first in the file, then all memory, the image once more.
    memory_ = bytes - kMemory;
    image_ = memory_ - Kernel::kImageBytes;
  }
  ~PatchedCore() {
    for (auto patch = patches_.rbegin(); patch != patches_.rend(); ++patch) {
      FUZZ_REQUIRE(write(patch->first, patch->second));
    }
  }
  PatchedCore(const PatchedCore&) = delete;
  PatchedCore& operator=(const PatchedCore&) = delete;

  void patch(std::uint64_t paddr, std::uint64_t value) {
    put(memory_ + paddr, value);
    const std::uint64_t in_image = paddr - Kernel::kImagePaddr;
    if (in_image <= Kernel::kImageBytes - sizeof value) put(image_ + in_image, value);
  }
  [[nodiscard]] std::string path() const { return file_.path(); }

 private:
  static const MemoryFile& file_of(bool five_levels) {
    static const MemoryFile four({});
    static const MemoryFile five({});
    static const bool written = [] {
      Kernel({.five_levels = false}).write(four.path());
      Kernel({.five_levels = true}).write(five.path());
      return true;
    }();
    FUZZ_REQUIRE(written);
    return five_levels ? five : four;
  }
  [[nodiscard]] bool write(std::uint64_t offset, std::uint64_t value) const {
    return ::pwrite(file_.fd(), &value, sizeof value, static_cast<off_t>(offset)) == sizeof value;
  }
  void put(std::uint64_t offset, std::uint64_t value) {
    std::uint64_t before = 0;
    FUZZ_REQUIRE(::pread(file_.fd(), &before, sizeof before, static_cast<off_t>(offset)) ==
                 sizeof before);
    patches_.emplace_back(offset, before);
    FUZZ_REQUIRE(write(offset, value));
  }

  const MemoryFile& file_;
  std::uint64_t memory_ = 0;
  std::uint64_t image_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> patches_;
};

// One patch: 4 bytes where (in units of 8 bytes), 8 bytes what.
void put_patch(Input& input, std::uint64_t place, std::uint64_t value) {
  const auto where = static_cast<std::uint32_t>(place / 8);
  const auto* const head = reinterpret_cast<const std::byte*>(&where);
  input.insert(input.end(), head, head + sizeof where);
  const auto* const what = reinterpret_cast<const std::byte*>(&value);
  input.insert(input.end(), what, what + sizeof value);
}

// Each frame once.
void check_visits(const MemoryMap& map, const EssentialFrames& essential) {
  VisitOrder order(map);
  order.tell(essential.essential(), essential.image());
  std::vector<bool> visited(map.ranges().back().end_pfn);
  std::uint64_t frames = 0;
  for (const auto part : VisitOrder::kParts) {
    order.begin(part);
    while (const auto window = order.next()) {
      for (std::uint64_t i = 0; i < window->count; ++i) {
        FUZZ_REQUIRE(!visited[window->first_pfn + i]);
        visited[window->first_pfn + i] = true;
      }
      frames += window->count;
    }
  }
  FUZZ_REQUIRE(frames == map.frame_count());
}

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  for (const bool five_levels : {false, true}) {
    const Kernel kernel({.five_levels = five_levels});
    Input tables{std::byte{five_levels}};
    Input pages{std::byte{five_levels}};
    for (unsigned level = 1; level <= 4; ++level) {
      put_patch(tables, kernel.entry_of(kernel.page_vaddr(1024), level), level);
    }
    put_patch(tables, Kernel::kRootsPaddr, ~std::uint64_t{0});
    put_patch(tables, Kernel::kRootsPaddr + 8, 0xffffffffffffe800);
    put_patch(tables, kernel.mem_section_paddr(1), 1);
    for (std::uint64_t pfn = 1024; pfn < 1040; ++pfn) {
      for (const std::uint64_t field : {0, 8, 24, 40, 48}) {
        put_patch(pages, kernel.page_paddr(pfn) + field, (pfn << field) + 1);
      }
    }
    inputs.push_back({std::byte{five_levels}});
    inputs.push_back(std::move(tables));
    inputs.push_back(std::move(pages));
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  PatchedCore patched((take<std::uint8_t>(input) & 1U) != 0);
  const bool unchanged = input.empty();
  for (std::size_t i = 0; i < kManyPatches && !input.empty(); ++i) {
    const std::uint64_t place = std::uint64_t{take<std::uint32_t>(input)} * 8 % kMemory;
    patched.patch(place, take<std::uint64_t>(input));
  }
  const auto core = Vmcore::open(patched.path());
  FUZZ_REQUIRE(core.has_value());
  EssentialFrames essential;
  essential.find(*core, [] { return true; });
  for (const auto all : {essential.essential(), essential.image()}) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      FUZZ_REQUIRE(all[i].first_pfn < all[i].end_pfn);
      FUZZ_REQUIRE(i == 0 || all[i - 1].end_pfn < all[i].first_pfn);
    }
  }
  check_visits(core->map(), essential);
  auto classifier = PageClassifier::open(*core);
  FUZZ_REQUIRE(classifier.has_value() || !unchanged);
  if (!classifier) return;
  std::array<PageClass, 512> classes;
  std::uint64_t frames = 0;
  for (const FrameRange& range : core->map().ranges()) {
    for (std::uint64_t pfn = range.first_pfn; pfn < range.end_pfn; pfn += classes.size()) {
      const auto some =
          std::span(classes).first(std::min<std::uint64_t>(classes.size(), range.end_pfn - pfn));
      (*classifier)->classify(pfn, some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        FUZZ_REQUIRE(static_cast<std::size_t>(some[i]) < kPageClasses);
        const FrameInterval image = (*classifier)->image();
        FUZZ_REQUIRE(pfn + i < image.first_pfn || pfn + i >= image.end_pfn ||
                     some[i] == PageClass::kKernel);
      }
      frames += some.size();
    }
  }
  FUZZ_REQUIRE((*classifier)->unclassified() <= frames);
}

}  // namespace lastword::fuzz
