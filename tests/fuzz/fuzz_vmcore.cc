// A vmcore as the dump writer opens it, the kernel log found in its memory, and its head as
// recovery reads it.
#include <array>

#include "agent/corefile/elf_core.h"
#include "dumpwriter/memory/kernel_log.h"
#include "dumpwriter/memory/vmcore.h"
#include "tests/fake/synthetic_vmcore.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

// Every record of the ring is looked at once, and gives at most one piece of text.
constexpr unsigned kManyReads = 10'000;

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  fake::SyntheticVmcore core;
  core.add_direct(0x1000, 0x8c00);
  core.loads.push_back(
      {.vaddr = fake::SyntheticVmcore::kTextMap + 0x200000, .paddr = 0x200000, .bytes = 0x4000});
  core.add_direct(0x200000, 0x4000);
  core.add_direct(0x300000, 0x8000);
  core.vmcoreinfo = "OSRELEASE=6.1.0\n";
  fake::SyntheticLogWriter log(core, {});
  for (unsigned i = 0; i < 20; ++i) log.add(i * 1'000'000, "line of the kernel's log");
  inputs.push_back(core.file());
  core.extended_numbering = true;
  inputs.push_back(core.file());
  return inputs;
}

namespace {

// Recovery takes the head, and finds the same memory in it.
void check_head(const Vmcore& core) {
  std::vector<std::byte> bytes(core.head_bytes());
  FUZZ_REQUIRE(core.read(0, bytes).has_value());
  const auto head = parse_core_head(bytes);
  FUZZ_REQUIRE(head.has_value());
  if (core.left_out_segments() > 0) return;
  std::vector<PfnRange> written;
  for (const FrameRange& range : core.map().ranges()) {
    written.push_back({range.first_pfn, range.end_pfn});
  }
  const CoreLayout layout(*head);
  FUZZ_REQUIRE(difference(layout.memory(), head->zero_filled) == merged(written));
}

}  // namespace

void run(std::span<const std::byte> input) {
  const MemoryFile file(input);
  const auto core = Vmcore::open(file.path());
  if (!core) return;
  check_head(*core);
  std::uint64_t frames = 0;
  std::uint64_t next = 0;
  for (const FrameRange& range : core->map().ranges()) {
    FUZZ_REQUIRE(range.first_pfn >= next && range.end_pfn > range.first_pfn);
    next = range.end_pfn;
    frames += range.end_pfn - range.first_pfn;
    if (!range.whole) (void)core->map().pieces_of(range.first_pfn);
  }
  FUZZ_REQUIRE(frames == core->map().frame_count());
  std::array<std::byte, 100> bytes;
  (void)core->read_virtual(fake::SyntheticVmcore::kTextMap + 0x200000, bytes);

  auto log = KernelLog::open(*core);
  if (!log) return;
  static std::array<char, KernelLog::kMinReadBytes> text;
  for (unsigned reads = 0; reads < kManyReads; ++reads) {
    const std::size_t got = log->read(text);
    FUZZ_REQUIRE(got <= text.size());
    if (got == 0) return;
  }
}

}  // namespace lastword::fuzz
