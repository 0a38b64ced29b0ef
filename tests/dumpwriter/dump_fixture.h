// A node with three armed disks on a fake shelf, a vmcore, and a clock that only moves when
// somebody waits or a disk works: what a dump needs, without sleeping.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dumpwriter/dump_run.h"
#include "proto/candidate_check.h"
#include "proto/keys.h"
#include "storage/block/record_io.h"
#include "tests/fake/fake_shelf.h"
#include "tests/fake/fault_engine.h"
#include "tests/fake/synthetic_vmcore.h"
#include "tests/support/test_folder.h"

namespace lastword::test {

inline constexpr unsigned kDataBuffers = 4;  // enough for one processor

class ManualClock final : public Clock {
 public:
  [[nodiscard]] milliseconds since_panic() const override { return now += per_look; }
  mutable milliseconds now{2000};
  milliseconds per_look{0};  // what happens between two looks at it takes so long
};

// Lets time pass: each completion takes as long as the disk is slow, a wait in vain its time-out.
// Nothing is ready before somebody waits, so that as much as possible is in flight; commands end in
// an order of their own, the same in every run, so that nobody may rely on it.
class TimedEngine final : public WriteEngine {
 public:
  TimedEngine(BlockDevice& device, ManualClock& clock)
      : engine_(device, EngineBuffers(kDataBuffers)), clock_(clock) {}

  [[nodiscard]] std::string_view name() const override { return engine_.name(); }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) override {
    return engine_.buffer(index);
  }
  [[nodiscard]] unsigned buffer_count() const override { return engine_.buffer_count(); }
  [[nodiscard]] unsigned in_flight() const override {
    return static_cast<unsigned>(queued_.size()) + engine_.in_flight();
  }
  [[nodiscard]] Status submit(unsigned index, std::uint64_t offset, std::size_t length) override {
    ++submits;
    queued_.push_back([=, this] { return engine_.submit(index, offset, length); });
    return {};
  }
  [[nodiscard]] Status submit_flush() override {
    ++submits;
    queued_.push_back([this] { return engine_.submit_flush(); });
    return {};
  }
  [[nodiscard]] Result<Completion> wait(milliseconds timeout) override;
  void hang() { hung_ = true; }

  milliseconds per_completion{1};
  bool newest_first = false;
  bool ready_when_polled = false;  // else somebody must wait
  unsigned submits = 0;

 private:
  fake::FaultEngine engine_;
  ManualClock& clock_;
  std::deque<std::function<Status()>> queued_;
  std::uint32_t order_ = 1;
  unsigned oldest_passed_over_ = 0;
  bool hung_ = false;
};

struct News {
  std::string event;
  std::string disk_uuid;
  std::string reason;
  std::string detail;
};

class RecordingReporter final : public DumpReporter {
 public:
  void event(const DumpNews& news) override {
    events.push_back({std::string(news.event), std::string(news.disk_uuid),
                      std::string(news.reason), std::string(news.detail)});
  }
  void progress(const Progress& progress, std::string_view) override {
    all_progress.push_back(progress);
  }
  void note(std::string_view text) override { notes.emplace_back(text); }

  // "dump-started dump-completed"
  [[nodiscard]] std::string names() const {
    std::string names;
    for (const News& news : events) names += (names.empty() ? "" : " ") + news.event;
    return names;
  }

  std::vector<News> events;
  std::vector<Progress> all_progress;
  std::vector<std::string> notes;
};

// What a reader makes of a stream, section by section until one is not good.
struct StreamContent {
  std::vector<std::size_t> boundaries{0};  // after each section
  std::vector<SectionKind> kinds;
  std::string head;
  std::string log;
  std::map<std::uint64_t, fake::Page> pages;  // stored ones
  std::map<std::uint64_t, PageRun> runs;      // by page frame, the one it is in
  std::map<std::uint64_t, PagePass> passes;   // likewise
  std::vector<SectionHeader> headers;         // of each section

  std::optional<EndPayload> end;
  Code stopped = Code::kNotFound;

  [[nodiscard]] bool is(std::uint64_t pfn, RunKind what) const {
    const auto run = runs.find(pfn);
    return run != runs.end() && run->second.what == static_cast<std::uint16_t>(what);
  }
};
[[nodiscard]] StreamContent read_stream(std::span<const std::byte> stream,
                                        std::span<const std::uint8_t, 16> crash_id);

// Page classes by a rule of the test's own.
class ClassesByRule final : public FrameClasses {
 public:
  explicit ClassesByRule(std::function<PageClass(std::uint64_t pfn)> rule)
      : rule_(std::move(rule)) {}
  void classify(std::uint64_t first_pfn, std::span<PageClass> classes) override {
    for (PageClass& one : classes) one = rule_(first_pfn++);
    unclassified_ += unclassified_per_call;
  }
  [[nodiscard]] std::uint64_t unclassified() const override { return unclassified_; }

  std::uint64_t unclassified_per_call = 0;

 private:
  std::function<PageClass(std::uint64_t)> rule_;
  std::uint64_t unclassified_ = 0;
};

class DumpFixture {
 public:
  static constexpr unsigned kDisks = 3;
  static constexpr std::uint64_t kDiskBytes = 32 << 20;
  static constexpr std::uint64_t kMetadataOffset = 1 << 20;
  static constexpr std::uint64_t kDataOffset = 4 << 20;

  DumpFixture();

  // Opens `core` and runs the plan.
  DumpEnd run();
  // The same with a given vmcore, or none.
  DumpEnd run(const Vmcore* vmcore);

  [[nodiscard]] pb::CoredumpHeader header(unsigned disk);
  void put_header(unsigned disk, const pb::CoredumpHeader& header);
  void put_label(unsigned disk, const pb::Label& label);
  [[nodiscard]] std::vector<std::byte> data_region(unsigned disk);
  [[nodiscard]] StreamContent stream(unsigned disk) {
    return read_stream(data_region(disk), settings.crash_id);
  }
  // Every page of `core` that the stream covers is right, and it covers nothing else wrongly.
  void check_pages(const StreamContent& content, bool all) const;
  // The commands that alpha sent to a disk.
  [[nodiscard]] std::vector<fake::CommandTrace> commands(unsigned disk) const;
  static bool is_header_write(const fake::CommandTrace& command) {
    return command.command == fake::Command::kWrite && command.offset < kDataOffset;
  }
  static bool is_data_write(const fake::CommandTrace& command) {
    return command.command == fake::Command::kWrite && command.offset >= kDataOffset;
  }

  TestFolder folder;
  fake::SyntheticVmcore core = fake::small_vmcore();
  fake::FakeShelf shelf;
  fake::Nexus alpha;
  fake::Nexus beta;
  pb::Plan plan;
  ManualClock clock;
  RecordingReporter reporter;
  DumpSettings settings;
  NoFrameClasses no_classes;
  FrameClasses* classes = &no_classes;
  EngineSize engine_size{.max_zstd_level = 3};
  std::deque<TimedEngine> engines;
  std::vector<DumpCandidate> candidates;

 private:
  class Medium;

  std::deque<std::unique_ptr<BlockDevice>> devices_;
  std::deque<std::unique_ptr<ScsiLun>> luns_;
  std::deque<DumpTarget> targets_;
};

}  // namespace lastword::test
