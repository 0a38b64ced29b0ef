// From the first byte of a dump to its end nothing is allocated, whatever happens on the way.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "dumpwriter/dump_run.h"
#include "dumpwriter/engine_choice.h"
#include "storage/block/linux_block_device.h"
#include "storage/block/record_io.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/support/image_file.h"
#include "tests/support/test_folder.h"

namespace {

std::atomic<bool> forbidden{false};
std::atomic<unsigned> allocations{0};

void count_allocation() {
  if (forbidden) ++allocations;
}

}  // namespace

// glibc's own allocator under its other name; everything that allocates comes through here.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  count_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  count_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  count_allocation();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  count_allocation();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}

namespace lastword {
namespace {

constexpr unsigned kDataBuffers = 4;  // enough for one processor

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr std::uint64_t kData = 2 << 20;
constexpr std::uint64_t kDiskBytes = 32 << 20;

// The kernel's engine; after so many writes the disk fails.
class FailingEngine final : public WriteEngine {
 public:
  FailingEngine(std::unique_ptr<WriteEngine> engine, unsigned good_writes)
      : engine_(std::move(engine)), good_writes_(good_writes) {}
  [[nodiscard]] std::string_view name() const override { return engine_->name(); }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) override {
    return engine_->buffer(index);
  }
  [[nodiscard]] unsigned buffer_count() const override { return engine_->buffer_count(); }
  [[nodiscard]] unsigned in_flight() const override { return engine_->in_flight(); }
  [[nodiscard]] Status submit(unsigned index, std::uint64_t offset, std::size_t length) override {
    forbidden = true;
    if (good_writes_ == 0) return fail({.code = Code::kIo, .operation = "write"});
    --good_writes_;
    return engine_->submit(index, offset, length);
  }
  [[nodiscard]] Status submit_flush() override { return engine_->submit_flush(); }
  [[nodiscard]] Result<Completion> wait(milliseconds timeout) override {
    return engine_->wait(timeout);
  }

 private:
  std::unique_ptr<WriteEngine> engine_;
  unsigned good_writes_;
};

class SilentReporter final : public DumpReporter {
 public:
  void event(const DumpNews& news) override { completed |= news.event == "dump-completed"; }
  void progress(const Progress& progress, std::string_view disk) override {
    (void)format_progress(progress, disk);
  }
  void note(std::string_view) override {}
  bool completed = false;
};

class SomeClasses final : public FrameClasses {
 public:
  void classify(std::uint64_t first_pfn, std::span<PageClass> classes) override {
    for (PageClass& one : classes) one = static_cast<PageClass>(first_pfn++ / 3 % kPageClasses);
  }
  [[nodiscard]] std::uint64_t unclassified() const override { return 0; }
};

struct Disk {
  explicit Disk(unsigned good_writes) {
    auto opened = LinuxBlockDevice::open(image.path(), Access::kReadWrite);
    BOOST_REQUIRE(opened.has_value());
    device = std::move(*opened);
    pb::Label label;
    label.set_cluster_uuid("6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4");
    label.set_disk_uuid("01234567-89ab-4def-8123-456789abcdef");
    label.set_data_offset_bytes(kData);
    label.set_data_length_bytes(kDiskBytes - kData);
    BOOST_REQUIRE(RecordIo(*device, kMetadata).put(RecordPlace::kLabel, label).has_value());
    pb::CoredumpHeader armed;
    armed.set_attribute(pb::ARMED);
    armed.add_plan_nonces("0123456789abcdef0123456789abcdef0123456789abcdef");
    BOOST_REQUIRE(RecordIo(*device, kMetadata).put(RecordPlace::kCoredump, armed).has_value());
    auto made = make_engine(pb::ENGINE_AUTO, device->fd(), "image", kDataBuffers + 1);
    BOOST_REQUIRE(made.has_value());
    engine = std::make_unique<FailingEngine>(std::move(*made), good_writes);
  }
  test::ImageFile image{kDiskBytes};
  std::unique_ptr<LinuxBlockDevice> device;
  std::unique_ptr<FailingEngine> engine;
};

// A dump whose first disk fails after so many writes, and whose second one does not.
void check_dump(const CodecSetting& codec, unsigned processors, unsigned good_writes) {
  test::TestFolder folder;
  {
    // With page tables to find the essential frames by.
    fake::SyntheticKernel kernel({.memory_bytes = 8 << 20});
    kernel.core.memory.fill(0x600, 0x200);
    fake::SyntheticLogWriter log(kernel.core, {});
    log.add(1, "Kernel panic");
    kernel.info_of_pages += kernel.core.vmcoreinfo;
    kernel.write(folder.file("vmcore"));
  }
  const auto core = Vmcore::open(folder.file("vmcore"));
  BOOST_REQUIRE(core.has_value());
  EssentialFrames essential;
  essential.find(*core, [] { return true; });
  BOOST_TEST(!essential.essential().empty());
  Disk first(good_writes);
  Disk second(~0U);
  const PanicClock clock;
  const DumpIdentity identity{.crash_id = random_uuid(), .exclude = "zero,cache", .codec = codec};
  const auto rule = [](const pb::Label&, const pb::CoredumpHeader&,
                       const std::optional<Reservation>&) { return Status(); };
  const auto target = [&](Disk& disk) {
    return TargetDisk{.device = *disk.device,
                      .lun = nullptr,
                      .engine = *disk.engine,
                      .metadata_offset = kMetadata};
  };
  DumpTarget one(target(first), rule, identity, clock, milliseconds(5000));
  DumpTarget two(target(second), rule, identity, clock, milliseconds(5000));
  const std::array candidates{DumpCandidate{.disk_uuid = "1", .target = &one, .problem = {}},
                              DumpCandidate{.disk_uuid = "2", .target = &two, .problem = {}}};
  SomeClasses classes;
  CompressorPool pool({.processors = processors, .data_buffers = 5, .max_zstd_level = 3});
  SilentReporter reporter;
  DumpRun dump(candidates, &*core, {}, classes, pool,
               {.crash_id = identity.crash_id,
                .limit = milliseconds(60'000),
                .io_timeout = milliseconds(5000),
                .exclude = PageFilter::parse("zero,cache").value(),
                .codec = codec},
               clock, reporter);
  allocations = 0;
  const DumpEnd end = dump.run();
  forbidden = false;
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(reporter.completed);
  BOOST_TEST(allocations == 0U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(no_heap)

BOOST_AUTO_TEST_CASE(counts_what_it_should) {
  allocations = 0;
  forbidden = true;
  delete new int(3);
  forbidden = false;
  BOOST_TEST(allocations == 1U);
}

BOOST_AUTO_TEST_CASE(from_the_first_byte_to_the_end_with_every_codec) {
  for (const std::string_view codec : {"none", "lz4", "zstd:3", "auto"}) {
    for (const unsigned processors : {1U, 2U}) {
      BOOST_TEST_CONTEXT(codec << " on " << processors) {
        check_dump(CodecSetting::parse(codec).value(), processors, ~0U);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nor_when_the_dump_has_to_change_disks) {
  for (const unsigned good_writes : {0U, 1U, 3U, 6U}) {
    BOOST_TEST_CONTEXT(good_writes << " good writes") {
      check_dump(CodecSetting::parse("lz4").value(), 2, good_writes);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
