// A section's header block with its run table, one at a time.
#include "proto/stream.h"
#include "storage/block/aligned_buffer.h"
#include "tests/fake/stream_builder.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr UuidBytes kCrash{1, 2, 3};

}  // namespace

std::vector<Input> seeds() {
  fake::StreamBuilder stream(kCrash);
  const std::array runs{PageRun{.pfn = 256, .count = 2}, PageRun{.pfn = 260, .count = 1, .what = 1},
                        PageRun{.pfn = 300, .count = 9, .what = 2, .page_class = 4}};
  stream.runs(PagePass::kKernel, runs).dmesg("log").end();
  std::vector<Input> inputs;
  const auto starts = stream.boundaries();
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto block = std::span(stream.bytes()).subspan(starts[i], kBlockBytes);
    Input input{std::byte{1}, static_cast<std::byte>(i)};
    input.insert(input.end(), block.begin(), block.end());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const bool seal = (take<std::uint8_t>(input) & 1U) != 0;
  const auto sequence = take<std::uint8_t>(input);
  const AlignedBuffer block(kBlockBytes);
  std::copy_n(input.begin(), std::min(input.size(), kBlockBytes), block.span().begin());
  if (seal) fake::reseal(block.span(), 0);
  const auto header = parse_section(block.block(0), sequence, kCrash);
  if (!header) return;
  FUZZ_REQUIRE(header->raw_bytes <= kMaxPayloadBytes && header->stored_bytes <= kMaxPayloadBytes);
  const auto runs = runs_of(block.block(0), *header);
  FUZZ_REQUIRE(runs.size() == header->run_count);
  std::uint64_t next = header->first_pfn;
  std::uint64_t stored = 0;
  for (const PageRun& run : runs) {
    FUZZ_REQUIRE(run.pfn >= next && run.count > 0);
    next = run.pfn + run.count;
    FUZZ_REQUIRE(next > run.pfn && next <= header->end_pfn);
    if (run.what == static_cast<std::uint16_t>(RunKind::kStored)) stored += run.count;
    FUZZ_REQUIRE(run.page_class < kPageClasses);
  }
  if (static_cast<SectionKind>(header->kind) == SectionKind::kPages) {
    FUZZ_REQUIRE(stored * kPageBytes == header->raw_bytes);
  }
}

}  // namespace lastword::fuzz
