#include "dumpwriter/stream/disk_writer.h"

#include <algorithm>

#include "proto/format_text.h"

namespace lastword {
namespace {

// How long one wait lasts before ages are looked at again.
constexpr milliseconds kWaitSlice{100};

// What the last write counts among all.
constexpr double kNewShare = 0.5;

}  // namespace

Status DiskWriter::check_usable() const {
  if (failure_) return fail(*failure_);
  return {};
}

Status DiskWriter::give_up(Error error) {
  if (error.code == Code::kConflict) {
    error.code = Code::kFenced;
    error.detail = "another node took this disk: nothing more is written to it";
  }
  // The first failure explains the ones after it; being fenced outweighs everything.
  if (!failure_ || error.code == Code::kFenced) failure_ = error;
  return fail(*failure_);
}

Result<std::optional<unsigned>> DiskWriter::free_buffer(milliseconds wait) {
  bool waited = false;
  for (;;) {
    if (Status status = poll(); !status) return fail(status.error());
    for (unsigned i = 0; i < header_buffer_; ++i) {
      if (slots_[i].state != SlotState::kFree) continue;
      slots_[i].state = SlotState::kHeld;
      return i;
    }
    if (waited) return std::nullopt;
    bool came = false;
    if (Status status = wait_one(wait, came); !status) return fail(status.error());
    waited = !came;
  }
}

Status DiskWriter::submit(unsigned buffer, std::uint64_t disk_offset, std::size_t length,
                          const StreamMark& after) {
  if (Status status = check_usable(); !status) return status;
  if (Status status = engine_.submit(buffer, disk_offset, length); !status) {
    return give_up(status.error());
  }
  slots_[buffer] = {.state = SlotState::kInFlight,
                    .since = clock_.since_panic(),
                    .before = submitted_,
                    .pages = after.handled_pages() - submitted_.handled_pages()};
  submitted_ = after;
  return {};
}

Status DiskWriter::submit_flush() {
  if (Status status = check_usable(); !status) return status;
  const Flush flush{.since = clock_.since_panic(), .covers = complete_prefix()};
  if (Status status = engine_.submit_flush(); !status) return give_up(status.error());
  flush_ = flush;
  return {};
}

Status DiskWriter::submit_header(std::uint64_t disk_offset) {
  if (Status status = check_usable(); !status) return status;
  if (Status status = engine_.submit(header_buffer_, disk_offset, kBlockBytes); !status) {
    return give_up(status.error());
  }
  slots_[header_buffer_] = {
      .state = SlotState::kInFlight, .since = clock_.since_panic(), .before = {}};
  return {};
}

Status DiskWriter::poll() {
  bool came = true;
  while (came) {
    if (Status status = wait_one(milliseconds(0), came); !status) return status;
  }
  return check_usable();
}

Status DiskWriter::drain() {
  while (engine_.in_flight() > 0) {
    bool came = false;
    if (Status status = wait_one(std::min(kWaitSlice, io_timeout_), came); !status) return status;
  }
  return check_usable();
}

Status DiskWriter::settle() {
  // Each round takes in at least one failed completion; an engine that cannot even say so is done.
  for (unsigned round = 0; round < header_buffer_ + 3; ++round) {
    if (failure_ && (failure_->code == Code::kFenced || failure_->code == Code::kTimeout)) break;
    failure_.reset();
    if (drain()) return {};
  }
  return check_usable();
}

Status DiskWriter::wait_one(milliseconds wait, bool& came) {
  came = false;
  if (Status status = check_usable(); !status) return status;
  if (engine_.in_flight() == 0) return {};
  const Result<Completion> completion = engine_.wait(wait);
  if (!completion) {
    if (completion.error().code != Code::kTimeout) return give_up(completion.error());
    if (!hangs()) return {};
    Error error = completion.error();
    error.detail =
        format_text("no answer for {} ms: the disk is left as it is", io_timeout_.count());
    return give_up(error);
  }
  came = true;
  const milliseconds now = clock_.since_panic();
  if (completion->buffer == Completion::kFlush) {
    if (completion->status) durable_ = flush_->covers;
    // Without the writes that it waited for: those are counted by themselves.
    per_flush_ = now - std::max(last_completion_, flush_->since);
    last_completion_ = now;
    flush_.reset();
  } else {
    Slot& slot = slots_[completion->buffer];
    if (completion->buffer != header_buffer_) {
      const auto took = static_cast<double>((now - std::max(last_completion_, slot.since)).count());
      per_write_ms_ += (took - per_write_ms_) * kNewShare;
      last_completion_ = now;
    }
    // A failed section stays in its slot: the complete prefix ends before it.
    slot.state = completion->status ? SlotState::kFree : SlotState::kFailed;
  }
  return completion->status ? Status{} : give_up(completion->status.error());
}

bool DiskWriter::hangs() const {
  const milliseconds latest = clock_.since_panic() - io_timeout_;
  const auto too_old = [&](const Slot& slot) {
    return slot.state == SlotState::kInFlight && slot.since <= latest;
  };
  return std::any_of(slots_.begin(), slots_.end(), too_old) || (flush_ && flush_->since <= latest);
}

std::uint64_t DiskWriter::arrived_pages() const {
  std::uint64_t pages = submitted_.handled_pages();
  for (unsigned i = 0; i < header_buffer_; ++i) {
    if (slots_[i].state == SlotState::kInFlight) pages -= slots_[i].pages;
  }
  return pages;
}

milliseconds DiskWriter::time_to_end(unsigned sections) const {
  constexpr unsigned kHeaderWrites = 1;
  const auto writes = static_cast<double>(sections + kHeaderWrites);
  return milliseconds(static_cast<milliseconds::rep>(writes * per_write_ms_)) + 2 * per_flush_;
}

StreamMark DiskWriter::complete_prefix() const {
  StreamMark mark = submitted_;
  for (unsigned i = 0; i < header_buffer_; ++i) {
    const bool open =
        slots_[i].state == SlotState::kInFlight || slots_[i].state == SlotState::kFailed;
    if (open && slots_[i].before.stream_bytes < mark.stream_bytes) {
      mark = slots_[i].before;
    }
  }
  return mark;
}

}  // namespace lastword
