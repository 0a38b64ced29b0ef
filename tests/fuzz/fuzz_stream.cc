// A whole dump stream, through every reader of it: recovery in both formats, the quick look at its
// beginning, and inspection.
#include <cstring>

#include "agent/corefile/core_kind.h"
#include "agent/records/inspect.h"
#include "agent/recover/dump_front.h"
#include "agent/recover/dump_receiver.h"
#include "proto/crc32c.h"
#include "tests/fake/stream_builder.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr std::string_view kCrashId = "0a1b2c3d-0000-4000-8000-000000000001";
const UuidBytes kCrash = *parse_uuid(kCrashId);
constexpr std::uint64_t kExtentBytes = 4 << 20;
constexpr std::uint64_t kFewPages = 1 << 20;

// Puts every CRC right that lies where the stream's own lengths say.
void reseal_all(std::span<std::byte> stream) {
  std::size_t at = 0;
  while (stream.size() - at >= kBlockBytes) {
    SectionHeader header;
    std::memcpy(&header, stream.data() + at, sizeof header);
    if (header.stored_bytes > stream.size() - at - kBlockBytes) break;
    header.payload_crc32c = crc32c(stream.subspan(at + kBlockBytes, header.stored_bytes));
    std::memcpy(stream.data() + at, &header, sizeof header);
    fake::reseal(stream, at);
    at += kBlockBytes + round_up_to_block(header.stored_bytes);
    if (at > stream.size()) break;
  }
}

std::uint64_t sum(const PageCounts& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total;
}

void recover(MemoryDisk& disk, const Dump& dump, const CoreKind& kind) {
  NowhereFile file;
  const auto writer = make_core_writer(kind, file);
  DumpReceiver receiver(writer.get(), head_of_told_memory(disk, dump));
  StreamReader reader(disk, 0, kExtentBytes, kCrash, dump.claimed_bytes);
  if (!receiver.receive(reader, {})) return;
  FUZZ_REQUIRE(sum(receiver.stored_pages()) + receiver.zero_pages() +
                   sum(receiver.excluded_pages()) + count_pages(receiver.missing()) ==
               receiver.layout().memory_pages());
  if (receiver.layout().memory_pages() > kFewPages) return;  // takes its time
  FUZZ_REQUIRE(writer->finish("fuzzed").has_value());
}

}  // namespace

std::vector<Input> seeds() {
  const std::array memory{fake::Segment{.vaddr = 0, .paddr = 0x1000, .bytes = 0x20c00},
                          fake::Segment{.vaddr = 0, .paddr = 0x100000, .bytes = 0x40000}};
  const auto head = fake::vmcore_head(
      memory, fake::note("VMCOREINFO", 0, "OSRELEASE=6.1.0\nNUMBER(phys_base)=0\n"));
  const auto run = [](std::uint64_t pfn, std::uint32_t count, RunKind what) {
    return PageRun{.pfn = pfn, .count = count, .what = static_cast<std::uint16_t>(what)};
  };
  std::vector<Input> inputs;
  for (const Codec codec : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    fake::StreamBuilder stream(kCrash);
    stream.elf_head(head, 5000).dmesg("[    0.1] hello\n");
    stream.runs(PagePass::kKernel,
                std::array{run(1, 8, RunKind::kStored), run(9, 10, RunKind::kZero),
                           run(256, 20, RunKind::kExcluded), run(276, 4, RunKind::kUnreadable)},
                codec);
    stream.runs(PagePass::kCache, std::array{run(280, 3, RunKind::kStored)}, codec);
    stream.end();
    Input input{std::byte{1}};
    input.insert(input.end(), stream.bytes().begin(), stream.bytes().end());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const bool seal = (take<std::uint8_t>(input) & 1U) != 0;
  Input stream(input.begin(), input.end());
  stream.resize(std::min<std::size_t>(round_up_to_block(stream.size()), kExtentBytes));
  if (seal) reseal_all(stream);
  MemoryDisk disk(stream, kExtentBytes);

  Dump dump{.header = {}, .crash_id = kCrash, .header_problem = {}, .disk_uuid = {}, .cluster = {}};
  dump.header.set_crash_id(std::string(kCrashId));
  dump.header.set_extent_length_bytes(kExtentBytes);
  dump.header.set_durable_bytes(stream.size());
  dump.extent_bytes = kExtentBytes;
  dump.claimed_bytes = stream.size();
  const DumpFront front = read_front(disk, dump);
  FUZZ_REQUIRE(front.dmesg.size() <= kMaxDmesgBytes && front.head.size() <= kMaxElfHeadBytes);
  FUZZ_REQUIRE(count_stored_pages(disk, dump) <= stream.size() / kBlockBytes * kMaxPayloadBytes);
  std::string problem;
  (void)inspect_stream(disk, dump.header, problem);
  recover(disk, dump, {.format = CoreFormat::kKdump, .codec = PageCodec::kZlib});
  recover(disk, dump, {.format = CoreFormat::kElf});
}

}  // namespace lastword::fuzz
