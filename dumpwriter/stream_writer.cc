#include "dumpwriter/stream_writer.h"

#include <algorithm>
#include <cstring>

#include "dumpwriter/kernel_log.h"
#include "dumpwriter/text.h"
#include "proto/timing.h"

namespace lastword {
namespace {

// How long one wait for a free buffer lasts before time limit and heartbeat are looked at.
constexpr milliseconds kBufferWait{50};

// With more frames than this unreadable it is /proc/vmcore that fails, not memory.
constexpr std::uint64_t kMaxUnreadablePages = 1 << 18;

Outcome outcome_of(Code code) {
  switch (code) {
    case Code::kFenced:
      return Outcome::kFenced;
    case Code::kTimeout:
      return Outcome::kTimeout;
    default:
      return Outcome::kIoError;
  }
}

}  // namespace

StreamWriter::StreamWriter(const Vmcore& core, PageReader& pages, DumpTarget& target,
                           const UuidBytes& crash_id, const Clock& clock, milliseconds limit,
                           DumpReporter& reporter)
    : core_(core),
      pages_(pages),
      target_(target),
      writer_(target.writer()),
      crash_id_(crash_id),
      clock_(clock),
      limit_(limit),
      reporter_(reporter),
      meter_(core.memory_bytes(), clock.since_panic()),
      next_heartbeat_(clock.since_panic() + kProgressInterval) {
  pages_.rewind();
}

StreamResult StreamWriter::run() {
  if (write_head() && write_log() && write_pages()) (void)write_end();
  const Outcome outcome = result_.outcome;
  if (outcome == Outcome::kDone || outcome == Outcome::kLimit || outcome == Outcome::kDiskFull ||
      outcome == Outcome::kVmcore) {
    (void)make_durable();
  }
  return result_;
}

bool StreamWriter::write_head() {
  for (std::uint64_t at = 0; at < core_.head_bytes();) {
    if (!open_section(SectionKind::kElfHead)) return false;
    const std::size_t n = std::min<std::uint64_t>(section_.room().size(), core_.head_bytes() - at);
    if (Status status = core_.read(at, section_.room().first(n)); !status) {
      return end(Outcome::kVmcore, status.error());
    }
    section_.advance(n);
    at += n;
    if (!close_section()) return false;
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
    if (!open_section(SectionKind::kDmesg)) return false;
    const auto room = section_.room();
    if (room.size() < KernelLog::kMinReadBytes) break;
    const std::size_t n = log->read({reinterpret_cast<char*>(room.data()), room.size()});
    section_.advance(n);
    total += n;
    if (n == 0) {
      section_open_ = false;  // nothing in it; its buffer is free
      return true;
    }
    if (!close_section()) return false;
  }
  section_open_ = false;
  reporter_.note("kernel log cut: the disk is full, or the log longer than a reader would take");
  return true;
}

bool StreamWriter::write_pages() {
  while (const auto frames = pages_.next()) {
    if (!keep_going() || !write_frames(*frames)) return false;
  }
  return !section_open_ || close_section();
}

bool StreamWriter::write_frames(const FrameSpan& frames) {
  if (frames.data == nullptr) {
    const auto add = [&] {
      return section_.add_without_content(frames.first_pfn, frames.count, RunKind::kUnreadable);
    };
    if (!add_to_section(add)) return false;
    mark_.unreadable_pages += frames.count;
    mark_.scanned_pages += frames.count;
    if (mark_.unreadable_pages <= kMaxUnreadablePages) return true;
    return end(Outcome::kVmcore,
               {.code = Code::kIo,
                .operation = "read vmcore",
                .disk = core_.name(),
                .detail = format_text("{} page frames could not be read", mark_.unreadable_pages)});
  }
  for (std::uint64_t i = 0; i < frames.count; ++i) {
    const std::uint64_t pfn = frames.first_pfn + i;
    const std::byte* const page = frames.data + i * kPageBytes;
    const bool zero = is_zero_page(page);
    const auto add = [&] {
      return zero ? section_.add_without_content(pfn, 1, RunKind::kZero)
                  : section_.add_page(pfn, page);
    };
    if (!add_to_section(add)) return false;
    ++(zero ? mark_.zero_pages : mark_.stored_pages);
    ++mark_.scanned_pages;
  }
  return true;
}

template <class Add>
bool StreamWriter::add_to_section(Add add) {
  if (!section_open_ && !open_section(SectionKind::kPages)) return false;
  if (add()) return true;
  if (!close_section() || !open_section(SectionKind::kPages)) return false;
  if (add()) return true;
  // Only what is left of the disk makes an empty section too small for one page.
  return end(Outcome::kDiskFull, {.code = Code::kNoSpace,
                                  .operation = "write dump",
                                  .disk = target_.name(),
                                  .detail = "the data region is full"});
}

bool StreamWriter::write_end() {
  if (!open_section(SectionKind::kEnd)) return false;
  const EndPayload payload{.memory_pages = core_.map().frame_count(),
                           .stored_pages = mark_.stored_pages,
                           .zero_pages = mark_.zero_pages,
                           .section_count = mark_.sections + 1,
                           .stream_bytes = mark_.stream_bytes + 2 * kBlockBytes,
                           .unreadable_pages = mark_.unreadable_pages,
                           .excluded_pages = {},
                           .untold_pages = 0};
  std::memcpy(section_.room().data(), &payload, sizeof payload);
  section_.advance(sizeof payload);
  return close_section();
}

// Waits for a buffer; the section gets as much of it as the extent has room for.
bool StreamWriter::open_section(SectionKind kind) {
  const std::uint64_t left = target_.extent_length() - mark_.stream_bytes;
  const std::uint64_t least = kBlockBytes + (kind == SectionKind::kPages ? 0 : kBlockBytes);
  if (left < least) {
    return end(Outcome::kDiskFull, {.code = Code::kNoSpace,
                                    .operation = "write dump",
                                    .disk = target_.name(),
                                    .detail = "the data region is full"});
  }
  std::optional<unsigned> buffer;
  while (!buffer) {
    if (!keep_going()) return false;
    const auto free = writer_.free_buffer(kBufferWait);
    if (!free) return end(free.error());
    buffer = *free;
  }
  section_buffer_ = *buffer;
  const auto whole = writer_.buffer(section_buffer_);
  section_.begin(whole.first(std::min<std::uint64_t>(whole.size(), left)), kind, mark_.sections,
                 crash_id_);
  section_open_ = true;
  return true;
}

bool StreamWriter::close_section() {
  section_open_ = false;
  if (section_.empty()) return true;
  const std::size_t length = section_.seal();
  const std::uint64_t offset = target_.extent_offset() + mark_.stream_bytes;
  StreamMark after = mark_;
  after.stream_bytes += length;
  ++after.sections;
  if (Status status = writer_.submit(section_buffer_, offset, length, after); !status) {
    return end(status.error());
  }
  mark_ = after;
  return true;
}

// Takes in completions, sends heartbeats, watches the limit.
bool StreamWriter::keep_going() {
  if (Status status = writer_.poll(); !status) return end(status.error());
  if (Status status = heartbeat(); !status) return end(status.error());
  if (clock_.since_panic() < limit_) return true;
  return end(Outcome::kLimit, {.code = Code::kTimeout,
                               .operation = "write dump",
                               .disk = target_.name(),
                               .detail = format_text("the dump limit of {} ms passed; what was "
                                                     "written before it is good",
                                                     limit_.count())});
}

// A flush, and when it is done a header that counts what it made durable. While a flush takes
// longer than the interval, headers with the old count keep telling the partner that we live.
Status StreamWriter::heartbeat() {
  const milliseconds now = clock_.since_panic();
  if (now >= next_heartbeat_) {
    next_heartbeat_ = std::max(next_heartbeat_ + kProgressInterval, now);
    header_due_ = true;
    if (writer_.flushing()) return send_header(now);
    if (Status status = writer_.submit_flush(); !status) return status;
  }
  return header_due_ && !writer_.flushing() ? send_header(now) : Status{};
}

Status StreamWriter::send_header(milliseconds now) {
  if (writer_.writing_header()) return {};
  header_due_ = false;
  const Progress progress =
      meter_.update(now, mark_.scanned_pages * kPageBytes, writer_.durable().stream_bytes);
  reporter_.progress(progress, target_.name());
  return target_.submit_progress(progress);
}

bool StreamWriter::end(Outcome outcome, const Error& error) {
  result_ = {.outcome = outcome, .error = error};
  return false;
}

bool StreamWriter::end(const Error& error) {
  Error named = error;
  if (named.disk.empty()) named.disk = target_.name();
  return end(outcome_of(error.code), named);
}

bool StreamWriter::make_durable() {
  if (section_open_ && !close_section()) return false;
  if (Status status = writer_.drain(); !status) return end(status.error());
  if (Status status = writer_.submit_flush(); !status) return end(status.error());
  if (Status status = writer_.drain(); !status) return end(status.error());
  const StreamMark& durable = writer_.durable();
  reporter_.progress(
      meter_.update(clock_.since_panic(), durable.scanned_pages * kPageBytes, durable.stream_bytes),
      target_.name());
  return true;
}

}  // namespace lastword
