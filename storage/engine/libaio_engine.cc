// The libaio engine: for kernels and containers without io_uring.
#include <libaio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "storage/block/io_error.h"
#include "storage/engine/engine_state.h"

namespace lastword {
namespace {

class LibaioEngine final : public WriteEngine {
 public:
  LibaioEngine(int fd, std::string_view disk, std::span<const std::size_t> buffer_sizes)
      : fd_(fd), state_(disk, buffer_sizes), blocks_(buffer_sizes.size() + 1) {}
  ~LibaioEngine() override {
    // io_destroy waits until the last write has ended, without a limit. A hung disk must not hang
    // whoever wants to go on with another one: the context is left to the end of the process.
    if (context_ != nullptr && state_.in_flight() == 0) io_destroy(context_);
  }

  [[nodiscard]] Status start() {
    const int result = io_setup(static_cast<int>(blocks_.size()), &context_);
    if (result == 0) return {};
    context_ = nullptr;
    return fail({.code = Code::kUnsupported,
                 .sys_errno = -result,
                 .operation = "start libaio",
                 .disk = state_.disk(),
                 .detail = "this kernel does not offer it, or fs.aio-max-nr is used up"});
  }

  [[nodiscard]] std::string_view name() const override { return "libaio"; }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) override {
    return state_.buffer(index);
  }
  [[nodiscard]] unsigned buffer_count() const override { return state_.count(); }
  [[nodiscard]] unsigned in_flight() const override { return state_.in_flight(); }

  [[nodiscard]] Status submit(unsigned index, std::uint64_t offset, std::size_t length) override {
    if (Status status = state_.check_write(index, offset, length); !status) return status;
    iocb& block = blocks_[index];
    io_prep_pwrite(&block, fd_, state_.buffer(index).data(), length,
                   static_cast<long long>(offset));
    if (const int result = send(block, index); result != 1) {
      return fail(io_error("submit write", state_.disk(), offset, -result));
    }
    state_.start_write(index, offset, length);
    return {};
  }

  [[nodiscard]] Status submit_flush() override {
    if (Status status = state_.check_flush(); !status) return status;
    iocb& block = blocks_.back();
    io_prep_fdsync(&block, fd_);
    const int result = send(block, Completion::kFlush);
    if (result == -EINVAL) {
      // Before Linux 4.18 no file could be flushed asynchronously. What completed before this call
      // is made durable here, and the caller waits for it.
      flushed_ = ::fdatasync(fd_) == 0 ? 0 : -errno;
    } else if (result != 1) {
      return fail(io_error("submit flush", state_.disk(), kNoOffset, -result));
    }
    state_.start_flush();
    return {};
  }

  [[nodiscard]] Result<Completion> wait(std::chrono::milliseconds timeout) override {
    using Clock = std::chrono::steady_clock;
    if (state_.in_flight() == 0) return fail(state_.idle_error());
    if (flushed_) {
      const int result = *flushed_;
      flushed_.reset();
      return state_.finish(Completion::kFlush, result);
    }
    const auto end = Clock::now() + timeout;
    for (;;) {
      const auto left = std::max(end - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
      io_event event{};
      const int result = io_getevents(context_, 1, 1, &event, &limit);
      if (result == 1) {
        const auto id = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(event.data));
        return state_.finish(id, static_cast<long>(event.res));
      }
      if (result == 0) return fail(state_.timeout_error());
      if (result != -EINTR) {
        return fail(io_error("wait for writes", state_.disk(), kNoOffset, -result));
      }
    }
  }

 private:
  // 1, or a negated errno.
  [[nodiscard]] int send(iocb& block, unsigned id) {
    block.data = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
    iocb* list = &block;
    const int result = io_submit(context_, 1, &list);
    return result == 0 ? -EAGAIN : result;
  }

  int fd_;
  EngineState state_;
  std::vector<iocb> blocks_;    // one for each buffer, the last one for the flush
  std::optional<int> flushed_;  // result of a flush that was done in place
  io_context_t context_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<WriteEngine>> make_libaio_engine(int fd, std::string_view disk,
                                                        std::span<const std::size_t> buffer_sizes) {
  auto engine = std::make_unique<LibaioEngine>(fd, disk, buffer_sizes);
  if (Status status = engine->start(); !status) return fail(status.error());
  return engine;
}

}  // namespace lastword
