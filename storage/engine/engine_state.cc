#include "storage/engine/engine_state.h"

#include <mutex>

#include "storage/block/io_error.h"

namespace lastword {
namespace {

std::mutex abandoned_mutex;
void* abandoned = nullptr;  // keeps given-up memory reachable, for leak checkers

}  // namespace

EngineState::EngineState(std::string_view disk, std::span<const std::size_t> buffer_sizes)
    : disk_(disk), memory_(std::make_unique<Memory>()) {
  memory_->slots.reserve(buffer_sizes.size());
  for (const std::size_t bytes : buffer_sizes) memory_->slots.emplace_back(bytes);
}

EngineState::~EngineState() {
  if (in_flight_ == 0) return;
  const std::lock_guard lock(abandoned_mutex);
  memory_->next_abandoned = static_cast<Memory*>(abandoned);
  abandoned = memory_.release();
}

Error EngineState::refused(std::string_view why, std::uint64_t offset) const {
  return {.code = Code::kRefused,
          .operation = "submit write",
          .disk = disk(),
          .offset = offset,
          .detail = why};
}

Status EngineState::check_write(unsigned index, std::uint64_t offset, std::size_t length) const {
  if (index >= count()) return fail(refused("no such buffer", offset));
  const Slot& slot = memory_->slots[index];
  if (slot.in_flight) return fail(refused("the buffer is in flight", offset));
  if (length == 0 || length > slot.size) {
    return fail(refused("the length does not fit the buffer", offset));
  }
  return check_aligned("submit write", disk(), offset, length, slot.memory.span().data());
}

Status EngineState::check_flush() const {
  if (flush_in_flight_) return fail(refused("a flush is in flight already", kNoOffset));
  return {};
}

void EngineState::start_write(unsigned index, std::uint64_t offset, std::size_t length) {
  Slot& slot = memory_->slots[index];
  slot.offset = offset;
  slot.length = length;
  slot.in_flight = true;
  ++in_flight_;
}

void EngineState::start_flush() {
  flush_in_flight_ = true;
  ++in_flight_;
}

Completion EngineState::finish(unsigned buffer, long result) {
  --in_flight_;
  Completion completion{.buffer = buffer, .status = {}};
  if (buffer == Completion::kFlush) {
    flush_in_flight_ = false;
    if (result < 0) {
      completion.status = fail(io_error("flush", disk(), kNoOffset, static_cast<int>(-result)));
    }
    return completion;
  }
  Slot& slot = memory_->slots[buffer];
  slot.in_flight = false;
  if (result < 0) {
    completion.status = fail(io_error("write", disk(), slot.offset, static_cast<int>(-result)));
  } else if (static_cast<std::size_t>(result) != slot.length) {
    completion.status = fail(short_transfer("write", disk(), slot.offset, slot.length,
                                            static_cast<std::size_t>(result)));
  }
  return completion;
}

Error EngineState::idle_error() const {
  return {.code = Code::kNotFound,
          .operation = "wait for writes",
          .disk = disk(),
          .detail = "nothing is in flight"};
}

Error EngineState::timeout_error() const {
  return {.code = Code::kTimeout,
          .operation = "wait for writes",
          .disk = disk(),
          .detail = "no answer from the disk; what is in flight may still reach it"};
}

}  // namespace lastword
