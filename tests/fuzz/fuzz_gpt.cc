// The GPT of a disk that somebody else partitioned: the first and last MiB of a small disk.
#include "storage/tables/discover.h"
#include "storage/tables/partition_table.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr std::uint64_t kDiskBytes = 16 << 20;
// The primary copy for both sector sizes, and as much at the end: the backup.
constexpr std::size_t kEdgeBytes = 24 << 10;

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  for (const std::uint32_t sector : {512U, 4096U}) {
    for (const bool with_data : {false, true}) {
      const MemoryFile disk({}, kDiskBytes);
      const auto layout = plan_fresh_layout("disk", kDiskBytes, sector, with_data);
      FUZZ_REQUIRE(layout && write_fresh_table(disk.fd(), "disk", *layout).has_value());
      Input input(2 * kEdgeBytes);
      FUZZ_REQUIRE(::pread(disk.fd(), input.data(), kEdgeBytes, 0) == kEdgeBytes);
      FUZZ_REQUIRE(::pread(disk.fd(), input.data() + kEdgeBytes, kEdgeBytes,
                           kDiskBytes - kEdgeBytes) == kEdgeBytes);
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const auto front = input.first(std::min(input.size(), kEdgeBytes));
  const auto back = input.subspan(front.size(), std::min(input.size() - front.size(), kEdgeBytes));
  const MemoryFile disk(front, kDiskBytes);
  FUZZ_REQUIRE(::pwrite(disk.fd(), back.data(), back.size(), kDiskBytes - kEdgeBytes) ==
               static_cast<ssize_t>(back.size()));
  (void)sector_bytes_of(disk.fd(), "disk");
  if (const auto metadata = find_metadata_partition(disk.path())) {
    FUZZ_REQUIRE(metadata->offset_bytes <= kDiskBytes);
    FUZZ_REQUIRE(metadata->length_bytes <= kDiskBytes - metadata->offset_bytes);
  }
  const auto gpt = read_gpt(disk.fd(), "disk");
  if (!gpt) return;
  for (const bool with_data : {false, true}) {
    const auto layout = plan_adopted_layout("disk", *gpt, with_data);
    if (!layout) continue;
    FUZZ_REQUIRE(layout->metadata.offset_bytes + layout->metadata.length_bytes <= kDiskBytes);
    FUZZ_REQUIRE(layout->data.offset_bytes + layout->data.length_bytes <= kDiskBytes);
  }
}

}  // namespace lastword::fuzz
