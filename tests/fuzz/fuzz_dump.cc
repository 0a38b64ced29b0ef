// A whole dump of a vmcore whose VMCOREINFO, or whose PT_NOTE as a whole, says anything: the disk's
// records can be read, recovery takes the head, and the stream has every page.
#include "agent/corefile/elf_core.h"
#include "dumpwriter/dump_run.h"
#include "dumpwriter/open_classes.h"
#include "proto/crc32c.h"
#include "storage/block/record_io.h"
#include "tests/fake/fault_engine.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr std::uint64_t kData = 2 << 20;
constexpr std::uint64_t kDiskBytes = 24 << 20;

class WritableDisk final : public BlockDevice {
 public:
  [[nodiscard]] std::string_view name() const override { return "disk"; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return kDiskBytes; }
  Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    std::memcpy(buffer.data(), bytes_.data() + offset, buffer.size());
    return {};
  }
  Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    std::memcpy(bytes_.data() + offset, buffer.data(), buffer.size());
    return {};
  }
  Status flush() override { return {}; }
  Status flush_all() override { return {}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(kDiskBytes);
};

class StillClock final : public Clock {
 public:
  [[nodiscard]] milliseconds since_panic() const override { return milliseconds(1000); }
};

class Silence final : public DumpReporter {
 public:
  void event(const DumpNews&) override {}
  void progress(const Progress&, std::string_view) override {}
  void note(std::string_view) override {}
};

// An input that begins so is a PT_NOTE; any other one is VMCOREINFO.
constexpr std::byte kNotes{1};

std::string kernels_vmcoreinfo() {
  fake::SyntheticKernel kernel;
  const MemoryFile file({});
  kernel.write(file.path());
  return "OSRELEASE=6.1.0-18-amd64\n" + kernel.core.vmcoreinfo;
}

// One note, VMCOREINFO, as an input.
Input notes_with(std::string_view text) {
  constexpr std::string_view kName{"VMCOREINFO\0", 12};
  const std::array<std::uint32_t, 3> header{kVmcoreinfoNote.size() + 1,
                                            static_cast<std::uint32_t>(text.size()), 0};
  Input input{kNotes};
  for (const std::span<const std::byte> bytes : std::initializer_list<std::span<const std::byte>>{
           std::as_bytes(std::span(header)), std::as_bytes(std::span(kName)),
           std::as_bytes(std::span(text))}) {
    input.insert(input.end(), bytes.begin(), bytes.end());
  }
  return input;
}

// Every page frame of memory is in one run of a stream that is whole.
void check_stream(std::span<const std::byte> stream, const UuidBytes& crash_id,
                  std::uint64_t frames) {
  std::uint64_t told = 0;
  std::vector<std::byte> head;
  for (std::uint64_t sequence = 0;; ++sequence) {
    const auto block = stream.first<kBlockBytes>();
    const auto header = parse_section(block, sequence, crash_id);
    FUZZ_REQUIRE(header.has_value());
    const auto payload = stream.subspan(kBlockBytes, header->stored_bytes);
    FUZZ_REQUIRE(crc32c(payload) == header->payload_crc32c);
    for (const PageRun& run : runs_of(block, *header)) told += run.count;
    if (static_cast<SectionKind>(header->kind) == SectionKind::kElfHead) {
      FUZZ_REQUIRE(static_cast<Codec>(header->codec) == Codec::kNone);
      head.insert(head.end(), payload.begin(), payload.end());
    }
    if (static_cast<SectionKind>(header->kind) == SectionKind::kEnd) break;
    stream = stream.subspan(kBlockBytes + round_up_to_block(header->stored_bytes));
  }
  FUZZ_REQUIRE(told == frames);
  const auto core = parse_core_head(head);
  FUZZ_REQUIRE(core.has_value());
  FUZZ_REQUIRE(CoreLayout(*core).memory_pages() == frames);
}

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  const std::string whole = kernels_vmcoreinfo();
  for (const std::string& text :
       {whole, std::string(), "OSRELEASE=\xff\xfe\n" + whole,
        "OSRELEASE=" + std::string(5000, 'x') + "\n", "OSRELEASE=6.1\x1b[2J\n" + whole,
        "SYMBOL(prb)=ffffffffffffffff\nLENGTH(node_data)=18446744073709551615\n" + whole}) {
    const auto bytes = std::as_bytes(std::span(text));
    inputs.emplace_back(bytes.begin(), bytes.end());
    inputs.push_back(notes_with(text));
  }
  inputs.push_back({kNotes});
  return inputs;
}

void run(std::span<const std::byte> input) {
  fake::SyntheticKernel kernel;
  const MemoryFile file({});
  kernel.write(file.path());
  if (!input.empty() && input[0] == kNotes) {
    kernel.core.notes.emplace(input.begin() + 1, input.end());
  } else {
    kernel.core.vmcoreinfo.assign(reinterpret_cast<const char*>(input.data()), input.size());
  }
  kernel.core.write(file.path());
  const auto core = Vmcore::open(file.path());
  FUZZ_REQUIRE(core.has_value());

  WritableDisk disk;
  pb::Label label;
  label.set_data_offset_bytes(kData);
  label.set_data_length_bytes(kDiskBytes - kData);
  FUZZ_REQUIRE(RecordIo(disk, kMetadata).put(RecordPlace::kLabel, label).has_value());
  const StillClock clock;
  Silence reporter;
  const UuidBytes crash_id{1, 2, 3};
  const PageFilter filter = PageFilter::parse("zero,cache,free").value();
  const CodecSetting codec{.automatic = false, .fixed = {}};
  fake::FaultEngine engine(disk, EngineBuffers(EngineSize{}.data_buffers));
  DumpTarget target(
      {.device = disk, .lun = nullptr, .engine = engine, .metadata_offset = kMetadata},
      [](const auto&, const auto&, const auto&) { return Status{}; },
      {.node = 1,
       .crash_id = crash_id,
       .memory_bytes = core->memory_bytes(),
       .kernel_release = std::string(core->vmcoreinfo().value("OSRELEASE").value_or("")),
       .codec = codec},
      clock, milliseconds(1000));
  const DumpCandidate candidate{.disk_uuid = "uuid", .target = &target, .problem = {}};
  const auto classes = open_classes(*core, filter, reporter);
  CompressorPool pool(EngineSize{});
  const DumpEnd end = DumpRun({&candidate, 1}, &*core, {}, *classes, pool,
                              {.crash_id = crash_id,
                               .limit = milliseconds::max(),
                               .io_timeout = milliseconds(1000),
                               .exclude = filter,
                               .codec = codec},
                              clock, reporter)
                          .run();
  FUZZ_REQUIRE(end.outcome == Outcome::kDone);

  pb::CoredumpHeader header;
  FUZZ_REQUIRE(RecordIo(disk, kMetadata).read(RecordPlace::kCoredump, header).has_value());
  FUZZ_REQUIRE(header.attribute() == pb::COMPLETED);
  check_stream(disk.bytes().subspan(kData), crash_id, core->map().frame_count());
}

}  // namespace lastword::fuzz
