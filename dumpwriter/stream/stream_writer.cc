#include "dumpwriter/stream/stream_writer.h"

#include <algorithm>
#include <cstring>

#include "dumpwriter/memory/kernel_log.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// With more frames than this unreadable it is /proc/vmcore that fails, not memory.
constexpr std::uint64_t kMaxUnreadablePages = 1 << 18;

PageRun run_without_content(std::uint64_t pfn, std::uint64_t count, RunKind what,
                            PageClass page_class = PageClass::kKernel) {
  return {.pfn = pfn,
          .count = static_cast<std::uint32_t>(count),
          .what = static_cast<std::uint16_t>(what),
          .page_class = static_cast<std::uint16_t>(page_class)};
}

}  // namespace

StreamWriter::StreamWriter(const Vmcore& core, const DumpTools& tools, DumpTarget& target,
                           const StreamSettings& settings, const PageFilter& filter,
                           const Clock& clock, DumpReporter& reporter)
    : core_(core),
      tools_(tools),
      target_(target),
      filter_(filter),
      reporter_(reporter),
      work_(core.map().frame_count()),
      stream_(target, tools.pool, settings, work_, core.memory_bytes(), clock, reporter),
      counts_(stream_.counts()) {}

StreamResult StreamWriter::run() {
  if (core_.left_out_segments() > 0) {
    reporter_.note(format_text("{} PT_LOADs beyond the first {} are left out: they are missing in "
                               "the dump",
                               core_.left_out_segments(), kMostSegments)
                       .view());
  }
  if (write_head() && write_log() && write_pages()) (void)write_end();
  const Outcome outcome = stream_.result().outcome;
  if (outcome == Outcome::kDone || outcome == Outcome::kLimit || outcome == Outcome::kDiskFull ||
      outcome == Outcome::kVmcore || outcome == Outcome::kStopped) {
    (void)stream_.make_durable();
  }
  return stream_.result();
}

bool StreamWriter::write_head() {
  for (std::uint64_t at = 0; at < core_.head_bytes();) {
    if (!stream_.open(SectionKind::kElfHead)) return false;
    const auto room = stream_.section().room();
    const std::size_t n = std::min<std::uint64_t>(room.size(), core_.head_bytes() - at);
    if (Status status = core_.read(at, room.first(n)); !status) {
      return stream_.end(Outcome::kVmcore, status.error());
    }
    stream_.section().advance(n);
    at += n;
    if (!stream_.close()) return false;
  }
  return true;
}

// The log is a convenience; whatever goes wrong with it, the pages follow.
bool StreamWriter::write_log() {
  Result<KernelLog> log = KernelLog::open(core_);
  if (!log) {
    char text[512];
    reporter_.note(describe_to(log.error(), text, sizeof text));
    reporter_.note("kernel log left out; memory follows");
    return true;
  }
  std::uint64_t total = 0;
  while (total + kSectionPayloadBytes <= kMaxDmesgBytes) {
    if (!stream_.open(SectionKind::kDmesg)) return false;
    const auto room = stream_.section().room();
    if (room.size() < KernelLog::kMinReadBytes) break;
    const std::size_t n = log->read({reinterpret_cast<char*>(room.data()), room.size()});
    stream_.section().advance(n);
    total += n;
    if (!stream_.close()) return false;
    if (n == 0) return true;
  }
  stream_.drop();
  reporter_.note("kernel log cut: the disk is full, or the log longer than a reader would take");
  return true;
}

bool StreamWriter::excluded(PageClass page_class) const {
  return filter_.excludes(page_class) || !pass_of(page_class);
}

std::span<const PageClass> StreamWriter::classify(const FrameWindow& window) {
  const auto classes = std::span(window_classes_).first(window.count);
  tools_.classes.classify(window.first_pfn, classes);
  return classes;
}

// A few classes all over memory, in the order of the passes, so that the time left is known from
// the beginning.
bool StreamWriter::estimate() {
  constexpr std::uint64_t kFrames = 64;
  constexpr std::uint64_t kWindowsAtOnce = 1024;
  std::uint64_t before = 0;  // frames in the windows before
  std::size_t i = 0;
  std::uint64_t windows = 0;
  VisitOrder order = tools_.pages.order();
  for (const auto part : VisitOrder::kParts) {
    order.begin(part);
    while (const auto window = order.next()) {
      if (windows++ % kWindowsAtOnce == 0 && !stream_.keep_going()) return false;
      for (; i < WorkEstimate::kSamples && work_.begin_of(i) < before + window->count; ++i) {
        if (!stream_.keep_going()) return false;
        const std::uint64_t at = work_.begin_of(i) - before;
        const auto classes = classify(
            {.first_pfn = window->first_pfn + at, .count = std::min(kFrames, window->count - at)});
        const auto wanted = std::count_if(classes.begin(), classes.end(),
                                          [this](PageClass one) { return !excluded(one); });
        work_.sampled(i, static_cast<std::uint64_t>(wanted), classes.size());
      }
      before += window->count;
    }
  }
  return true;
}

bool StreamWriter::write_pages() {
  // Both read memory here and there, with heartbeats: the partner would take silence for a stall.
  tools_.essential.find(core_, [this] { return stream_.keep_going(); });
  if (!stream_.keep_going()) return false;
  tools_.pages.order().tell(tools_.essential.essential(), tools_.essential.image());
  if (!estimate()) return false;
  for (std::size_t pass = 0; pass < kPagePasses; ++pass) {
    pass_ = static_cast<PagePass>(pass);
    if (!wanted_[pass]) continue;
    if (!write_pass() || !stream_.close()) return false;
  }
  return true;
}

// In one pass of each part of memory a run says what is not stored, and the work left is counted.
bool StreamWriter::counts_all() const {
  return pass_ <= PagePass::kKernel && pass_ != PagePass::kSlab;
}

bool StreamWriter::write_pass() {
  const std::size_t last_part = VisitOrder::kParts.size() - 1;
  tools_.pages.begin(VisitOrder::kParts[std::min(static_cast<std::size_t>(pass_), last_part)]);
  while (const auto window = tools_.pages.next()) {
    if (!stream_.keep_going()) return false;
    const std::uint64_t unclassified = tools_.classes.unclassified();
    const auto classes = classify(*window);
    if (counts_all()) counts_.unclassified_pages += tools_.classes.unclassified() - unclassified;
    std::uint64_t wanted = 0;
    for (std::size_t i = 0; i < classes.size();) {
      const auto next =
          std::find_if(classes.begin() + static_cast<std::ptrdiff_t>(i), classes.end(),
                       [&](PageClass one) { return one != classes[i]; });
      const auto count = static_cast<std::size_t>(next - classes.begin()) - i;
      if (!excluded(classes[i])) wanted += count;
      if (!write_class(window->first_pfn + i, count, classes[i])) return false;
      i += count;
    }
    if (counts_all()) work_.classified(classes.size(), wanted);
    // What is mapped now, or in the reader's buffer, will not be.
    if (stream_.is_open()) stream_.section().detach();
  }
  return true;
}

bool StreamWriter::write_class(std::uint64_t pfn, std::uint64_t count, PageClass page_class) {
  if (excluded(page_class)) return !counts_all() || exclude(pfn, count, page_class);
  if (pass_ > PagePass::kImage) {
    const PagePass pass = *pass_of(page_class);
    wanted_[static_cast<std::size_t>(pass)] = true;
    if (pass != pass_) return true;
  }
  while (count > 0) {
    // Where frames are read into a buffer, it is used again.
    if (stream_.is_open()) stream_.section().detach();
    const FrameSpan frames = tools_.pages.read(pfn, count);
    if (!(frames.data == nullptr ? leave_out(frames) : write_frames(frames, page_class))) {
      return false;
    }
    work_.handled(frames.count);
    pfn += frames.count;
    count -= frames.count;
  }
  return true;
}

bool StreamWriter::exclude(std::uint64_t pfn, std::uint64_t count, PageClass page_class) {
  const PageRun run = run_without_content(pfn, count, RunKind::kExcluded, page_class);
  if (!add_to_section([&] { return stream_.section().add_without_content(run); })) return false;
  counts_.excluded_pages[static_cast<std::size_t>(page_class)] += count;
  counts_.scanned_pages += count;
  return true;
}

bool StreamWriter::leave_out(const FrameSpan& frames) {
  const PageRun run = run_without_content(frames.first_pfn, frames.count, RunKind::kUnreadable);
  if (!add_to_section([&] { return stream_.section().add_without_content(run); })) return false;
  counts_.unreadable_pages += frames.count;
  counts_.scanned_pages += frames.count;
  const std::uint64_t most = std::min(kMaxUnreadablePages, core_.map().frame_count() / 2);
  if (counts_.unreadable_pages <= most) return true;
  return stream_.end(Outcome::kVmcore, {.code = Code::kIo,
                                        .operation = "read vmcore",
                                        .disk = core_.name(),
                                        .detail = format_text("{} page frames could not be read",
                                                              counts_.unreadable_pages)});
}

bool StreamWriter::write_frames(const FrameSpan& frames, PageClass page_class) {
  for (std::uint64_t i = 0; i < frames.count; ++i) {
    const std::uint64_t pfn = frames.first_pfn + i;
    const std::byte* const page = frames.data + i * kPageBytes;
    const bool zero = is_zero_page(page);
    const auto add = [&] {
      return zero ? stream_.section().add_without_content(
                        run_without_content(pfn, 1, RunKind::kZero))
                  : stream_.section().add_page(pfn, page_class, page);
    };
    if (!add_to_section(add)) return false;
    ++(zero ? counts_.zero_pages : counts_.stored_pages);
    ++counts_.scanned_pages;
    // At once, while its pages are still where they were read.
    if (stream_.section().full() && !stream_.close()) return false;
  }
  return true;
}

template <class Add>
bool StreamWriter::add_to_section(Add add) {
  if (!stream_.is_open() && !stream_.open(SectionKind::kPages, pass_)) return false;
  if (add()) return true;
  if (!stream_.close() || !stream_.open(SectionKind::kPages, pass_)) return false;
  // Only what is left of the disk makes an empty section too small for one page.
  return add() || stream_.end_disk_full();
}

bool StreamWriter::write_end() {
  // Struct pages that cannot be read any more make another class of a frame whose pass is over.
  const std::uint64_t frames = core_.map().frame_count();
  if (counts_.scanned_pages != frames) {
    return stream_.end(Outcome::kVmcore,
                       {.code = Code::kIo,
                        .operation = "classify page frames",
                        .disk = core_.name(),
                        .detail = format_text("{} of {} visited: classes changed on the way",
                                              counts_.scanned_pages, frames)});
  }
  if (!stream_.open(SectionKind::kEnd) || !stream_.commit_all()) return false;
  const StreamMark& so_far = stream_.committed();
  const EndPayload payload{.memory_pages = core_.map().frame_count(),
                           .stored_pages = counts_.stored_pages,
                           .zero_pages = counts_.zero_pages,
                           .section_count = so_far.sections + 1,
                           .stream_bytes = so_far.stream_bytes + 2 * kBlockBytes,
                           .unreadable_pages = counts_.unreadable_pages,
                           .excluded_pages = counts_.excluded_pages,
                           .unclassified_pages = counts_.unclassified_pages};
  std::memcpy(stream_.section().room().data(), &payload, sizeof payload);
  stream_.section().advance(sizeof payload);
  return stream_.close();
}

}  // namespace lastword
