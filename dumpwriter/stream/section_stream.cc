#include "dumpwriter/stream/section_stream.h"

#include <algorithm>

#include "proto/format_text.h"
#include "proto/timing.h"

namespace lastword {
namespace {

// How long one wait for a free buffer lasts before time limit and heartbeat are looked at.
constexpr milliseconds kBufferWait{50};
// The same while the disk is at work too, and may give one back any time.
constexpr milliseconds kShortWait{1};

// A disk that was slow once must not end a dump long before its limit.
constexpr milliseconds kMostTimeToEnd{5000};

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

nanoseconds now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace

SectionStream::SectionStream(DumpTarget& target, CompressorPool& pool,
                             const StreamSettings& settings, const WorkEstimate& work,
                             std::uint64_t memory_bytes, const Clock& clock, DumpReporter& reporter)
    : target_(target),
      writer_(target.writer()),
      pool_(pool),
      settings_(settings),
      work_(work),
      clock_(clock),
      reporter_(reporter),
      chooser_(settings.codec, pool.processors()),
      meter_(memory_bytes, clock.since_panic()),
      next_heartbeat_(clock.since_panic() + kProgressInterval) {}

SectionStream::~SectionStream() {
  if (open_ != nullptr && open_->raw) pool_.give_back_raw(*open_->raw);
  for (; closed_ > 0; --closed_, front_ = (front_ + 1) % kMaxDataBuffers) {
    Pending& front = ring_[front_];
    while (!pool_.is_done(front.job)) work_on_front();
    if (front.raw) pool_.give_back_raw(*front.raw);
  }
}

std::uint64_t SectionStream::room_left() const {
  return target_.extent_length() - committed_.stream_bytes - most_bytes_;
}

// Near the end of the extent it must be known how much the sections before really took.
bool SectionStream::make_room(SectionKind kind) {
  if (room_left() < kSectionBufferBytes && !commit_all()) return false;
  const std::uint64_t least = kBlockBytes + (kind == SectionKind::kPages ? 0 : kBlockBytes);
  return room_left() >= least || end_disk_full();
}

bool SectionStream::open(SectionKind kind, PagePass pass) {
  if (!make_room(kind)) return false;
  const auto buffer = acquire_buffer();
  if (!buffer) return false;
  Pending& next = ring_[(front_ + closed_) % kMaxDataBuffers];
  next.buffer = *buffer;
  next.raw.reset();
  next.wanted = kind == SectionKind::kPages ? chooser_.current() : CodecLevel{};
  if (next.wanted.codec != Codec::kNone && !acquire_raw(next)) {
    writer_.give_back(*buffer);
    return false;
  }
  const auto whole = writer_.buffer(*buffer);
  const auto room = whole.first(std::min<std::uint64_t>(whole.size(), room_left()));
  if (kind != SectionKind::kPages) {
    next.builder.begin(room, kind, opened_, settings_.crash_id);
  } else {
    const auto raw = next.raw ? pool_.raw(*next.raw) : room.subspan(kBlockBytes);
    next.builder.begin_pages(room, raw, pass, opened_, settings_.crash_id);
  }
  ++opened_;
  open_ = &next;
  return true;
}

std::optional<unsigned> SectionStream::acquire_buffer() {
  for (;;) {
    if (!commit_ready() || !keep_going()) return std::nullopt;
    auto free = writer_.free_buffer(milliseconds(0));
    if (free && !*free) {
      if (closed_ > 0) {
        work_on_front();
        continue;
      }
      const nanoseconds before = now_ns();
      free = writer_.free_buffer(kBufferWait);
      chooser_.waited(now_ns() - before);
    }
    if (!free) {
      (void)end(free.error());
      return std::nullopt;
    }
    if (*free) return **free;
  }
}

bool SectionStream::acquire_raw(Pending& pending) {
  for (;;) {
    pending.raw = pool_.take_raw();
    if (pending.raw) return true;
    work_on_front();
    if (!commit_ready() || !keep_going()) return false;
  }
}

void SectionStream::work_on_front() {
  const Pending& front = ring_[front_];
  if (pool_.is_done(front.job) || pool_.help()) return;
  (void)pool_.wait(front.job, writer_.in_flight() > 0 ? kShortWait : kBufferWait);
}

void SectionStream::drop() {
  if (open_ == nullptr) return;
  writer_.give_back(open_->buffer);
  if (open_->raw) pool_.give_back_raw(*open_->raw);
  --opened_;
  open_ = nullptr;
}

bool SectionStream::close() {
  if (open_ == nullptr) return true;
  if (open_->builder.empty()) {
    drop();
    return true;
  }
  Pending& closing = *open_;
  open_ = nullptr;
  // A thread must not read what the main one is about to unmap.
  if (pool_.processors() > 1) closing.builder.detach();
  const auto raw = closing.builder.raw();
  closing.counts = counts_;
  closing.most_bytes = kBlockBytes + round_up_to_block(raw.size());
  most_bytes_ += closing.most_bytes;
  closing.job = {.raw = raw, .out = closing.builder.payload(), .codec = closing.wanted};
  ++closed_;
  pool_.submit(closing.job);
  return commit_ready();
}

bool SectionStream::commit_ready() {
  while (closed_ > 0 && pool_.is_done(ring_[front_].job)) {
    if (!commit_front()) return false;
  }
  return true;
}

bool SectionStream::commit_all() {
  while (closed_ > 0) {
    work_on_front();
    if (!commit_ready()) return false;
  }
  return true;
}

bool SectionStream::commit_front() {
  Pending& front = ring_[front_];
  front_ = (front_ + 1) % kMaxDataBuffers;
  --closed_;
  most_bytes_ -= front.most_bytes;
  if (front.raw) pool_.give_back_raw(*front.raw);
  const CompressJob& job = front.job;
  const std::size_t length = front.builder.seal(job.codec.codec, job.stored_bytes, job.crc);
  chooser_.compressed(front.wanted, job.raw.size(), job.stored_bytes, job.took);
  StreamMark after = front.counts;
  after.stream_bytes = committed_.stream_bytes + length;
  after.sections = committed_.sections + 1;
  const std::uint64_t offset = target_.extent_offset() + committed_.stream_bytes;
  if (Status status = writer_.submit(front.buffer, offset, length, after); !status) {
    return end(status.error());
  }
  committed_ = after;
  chooser_.chunk_done(now_ns());
  return true;
}

bool SectionStream::keep_going() {
  if (Status status = writer_.poll(); !status) return end(status.error());
  if (Status status = heartbeat(); !status) return end(status.error());
  if (settings_.stop != nullptr && *settings_.stop) {
    return end(Outcome::kStopped, {.code = Code::kRefused,
                                   .operation = "write dump",
                                   .disk = target_.name(),
                                   .detail = "stopped by a signal; what was written before it is "
                                             "good"});
  }
  const unsigned sections = writer_.in_flight() + closed_ + (open_ != nullptr ? 1 : 0);
  const milliseconds to_end = std::min(writer_.time_to_end(sections), kMostTimeToEnd);
  if (clock_.since_panic() < settings_.limit - to_end) return true;
  return end(Outcome::kLimit, {.code = Code::kTimeout,
                               .operation = "write dump",
                               .disk = target_.name(),
                               .detail = format_text("the dump limit of {} ms passed; what was "
                                                     "written before it is good",
                                                     settings_.limit.count())});
}

// A flush, and when it is done a header that counts what it made durable. While a flush takes
// longer than the interval, headers with the old count keep telling the partner that we live.
Status SectionStream::heartbeat() {
  const milliseconds now = clock_.since_panic();
  if (now >= next_heartbeat_) {
    next_heartbeat_ = std::max(next_heartbeat_ + kProgressInterval, now);
    header_due_ = true;
    if (writer_.flushing()) return send_header(now);
    if (Status status = writer_.submit_flush(); !status) return status;
  }
  return header_due_ && !writer_.flushing() ? send_header(now) : Status{};
}

Progress SectionStream::progress(milliseconds now, std::uint64_t durable_bytes) {
  // What is in buffers is still to be written.
  const std::uint64_t handled = writer_.arrived_pages();
  Progress progress = meter_.update(now,
                                    {.scanned = counts_.scanned_pages * kPageBytes,
                                     .durable = durable_bytes,
                                     .handled = handled * kPageBytes,
                                     .left = (work_.wanted() - handled) * kPageBytes},
                                    chooser_.current());
  if (progress.eta.count() > 0) progress.eta += writer_.time_to_end(0);
  return progress;
}

Status SectionStream::send_header(milliseconds now) {
  if (writer_.writing_header()) return {};
  header_due_ = false;
  const Progress now_done = progress(now, writer_.durable().stream_bytes);
  reporter_.progress(now_done, target_.name());
  return target_.submit_progress(now_done);
}

bool SectionStream::make_durable() {
  if (!close() || !commit_all()) return false;
  if (Status status = writer_.drain(); !status) return end(status.error());
  if (Status status = writer_.submit_flush(); !status) return end(status.error());
  if (Status status = writer_.drain(); !status) return end(status.error());
  const Progress last = progress(clock_.since_panic(), writer_.durable().stream_bytes);
  reporter_.progress(last, target_.name());
  target_.note_progress(last);
  return true;
}

bool SectionStream::end(Outcome outcome, const Error& error) {
  result_ = {.outcome = outcome, .error = error};
  return false;
}

bool SectionStream::end(const Error& error) {
  Error named = error;
  if (named.disk.empty()) named.disk = target_.name();
  return end(outcome_of(error.code), named);
}

bool SectionStream::end_disk_full() {
  return end(Outcome::kDiskFull, {.code = Code::kNoSpace,
                                  .operation = "write dump",
                                  .disk = target_.name(),
                                  .detail = "the data region is full"});
}

}  // namespace lastword
