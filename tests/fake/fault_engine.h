// A WriteEngine over any BlockDevice, so that the fake shelf's faults and reservations strike
// asynchronous writes too. The device is written when the completion is waited for, the newest
// submission first: nobody may rely on order.
#pragma once

#include <vector>

#include "storage/block/block_device.h"
#include "storage/engine/engine_state.h"

namespace lastword::fake {

class FaultEngine final : public WriteEngine {
 public:
  // `device` must outlive the engine.
  FaultEngine(BlockDevice& device, std::span<const std::size_t> buffer_sizes)
      : device_(device), state_(device.name(), buffer_sizes) {}

  [[nodiscard]] std::string_view name() const override { return "fault"; }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) override {
    return state_.buffer(index);
  }
  [[nodiscard]] unsigned buffer_count() const override { return state_.count(); }
  [[nodiscard]] unsigned in_flight() const override { return state_.in_flight(); }

  [[nodiscard]] Status submit(unsigned index, std::uint64_t offset, std::size_t length) override {
    if (Status status = state_.check_write(index, offset, length); !status) return status;
    state_.start_write(index, offset, length);
    pending_.push_back({.buffer = index, .offset = offset, .length = length});
    return {};
  }
  [[nodiscard]] Status submit_flush() override {
    if (Status status = state_.check_flush(); !status) return status;
    state_.start_flush();
    pending_.push_back({});
    return {};
  }

  // From now on no completion comes: wait is kTimeout, whatever is in flight.
  void hang() { hung_ = true; }

  [[nodiscard]] Result<Completion> wait(std::chrono::milliseconds) override {
    if (state_.in_flight() == 0) return fail(state_.idle_error());
    if (hung_) return fail(state_.timeout_error());
    const Pending next = pending_.back();
    Status status;
    long result = 0;
    if (next.buffer == Completion::kFlush) {
      status = device_.flush();
    } else {
      status = device_.write(next.offset, state_.buffer(next.buffer).first(next.length));
      result = static_cast<long>(next.length);
    }
    // A command that the device does not answer stays in flight.
    if (!status && status.error().code == Code::kTimeout) {
      hung_ = true;
      return fail(state_.timeout_error());
    }
    pending_.pop_back();
    Completion completion = state_.finish(next.buffer, result);
    completion.status = status;
    return completion;
  }

 private:
  struct Pending {
    unsigned buffer = Completion::kFlush;
    std::uint64_t offset = 0;
    std::size_t length = 0;
  };

  BlockDevice& device_;
  EngineState state_;
  std::vector<Pending> pending_;
  bool hung_ = false;
};

}  // namespace lastword::fake
