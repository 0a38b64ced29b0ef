// What every write engine keeps: its buffers, and what is in flight. No I/O. Runs in the capture
// kernel: no member allocates after construction.
#pragma once

#include <memory>
#include <vector>

#include "storage/block/aligned_buffer.h"
#include "storage/engine/write_engine.h"

namespace lastword {

class EngineState {
 public:
  EngineState(std::string_view disk, std::span<const std::size_t> buffer_sizes);
  // With writes in flight the memory is given up instead of freed: the disk may still read from it,
  // and would write out whatever was allocated there next.
  ~EngineState();
  EngineState(const EngineState&) = delete;
  EngineState& operator=(const EngineState&) = delete;

  [[nodiscard]] std::string_view disk() const { return disk_.view(); }
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(memory_->slots.size()); }
  [[nodiscard]] unsigned in_flight() const { return in_flight_; }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) const {
    const Slot& slot = memory_->slots[index];
    return slot.memory.span().first(slot.size);
  }

  // kRefused when the write or flush breaks the interface's rules.
  [[nodiscard]] Status check_write(unsigned index, std::uint64_t offset, std::size_t length) const;
  [[nodiscard]] Status check_flush() const;

  void start_write(unsigned index, std::uint64_t offset, std::size_t length);
  void start_flush();
  // `buffer` as in Completion; `result` as the kernel gives it: bytes, or a negated errno.
  [[nodiscard]] Completion finish(unsigned buffer, long result);

  [[nodiscard]] Error idle_error() const;     // kNotFound: nothing is in flight
  [[nodiscard]] Error timeout_error() const;  // kTimeout

 private:
  struct Slot {
    explicit Slot(std::size_t bytes) : memory(bytes), size(bytes) {}
    AlignedBuffer memory;
    std::size_t size;
    std::uint64_t offset = 0;
    std::size_t length = 0;
    bool in_flight = false;
  };
  struct Memory {
    std::vector<Slot> slots;
    Memory* next_abandoned = nullptr;
  };

  [[nodiscard]] Error refused(std::string_view why, std::uint64_t offset) const;

  FixedText<96> disk_;
  std::unique_ptr<Memory> memory_;
  unsigned in_flight_ = 0;
  bool flush_in_flight_ = false;
};

}  // namespace lastword
