// The io_uring engine. Buffers and file are registered where the kernel allows it (RLIMIT_MEMLOCK
// counts for buffers); without that each write costs a little more, and nothing else changes.
#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "storage/block/io_error.h"
#include "storage/engine/engine_state.h"

namespace lastword {
namespace {

class UringEngine final : public WriteEngine {
 public:
  UringEngine(int fd, std::string_view disk, std::span<const std::size_t> buffer_sizes)
      : fd_(fd), state_(disk, buffer_sizes) {}
  ~UringEngine() override {
    // Does not wait for what is in flight: the kernel takes the ring apart on its own time.
    if (ready_) io_uring_queue_exit(&ring_);
  }

  [[nodiscard]] Status start() {
    io_uring_params params{};
    const unsigned entries = state_.count() + 1;
    if (const int result = io_uring_queue_init_params(entries, &ring_, &params); result < 0) {
      return fail(unsupported(-result, "this kernel does not permit io_uring"));
    }
    ready_ = true;
    // Since Linux 5.11: waiting with a time limit, without a submission of its own for the timer.
    if ((params.features & IORING_FEAT_EXT_ARG) == 0) {
      return fail(unsupported(0, "this kernel's io_uring is too old"));
    }
    registered_file_ = io_uring_register_files(&ring_, &fd_, 1) == 0;
    std::vector<iovec> memory;
    for (unsigned i = 0; i < state_.count(); ++i) {
      memory.push_back({state_.buffer(i).data(), state_.buffer(i).size()});
    }
    registered_buffers_ =
        !memory.empty() && io_uring_register_buffers(&ring_, memory.data(), state_.count()) == 0;
    return {};
  }

  [[nodiscard]] std::string_view name() const override { return "io_uring"; }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) override {
    return state_.buffer(index);
  }
  [[nodiscard]] unsigned buffer_count() const override { return state_.count(); }
  [[nodiscard]] unsigned in_flight() const override { return state_.in_flight(); }

  [[nodiscard]] Status submit(unsigned index, std::uint64_t offset, std::size_t length) override {
    if (Status status = state_.check_write(index, offset, length); !status) return status;
    if (Status status = check_usable("submit write", offset); !status) return status;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    void* data = state_.buffer(index).data();
    const auto bytes = static_cast<unsigned>(length);
    if (registered_buffers_) {
      io_uring_prep_write_fixed(entry, target(), data, bytes, offset, static_cast<int>(index));
    } else {
      io_uring_prep_write(entry, target(), data, bytes, offset);
    }
    if (Status status = send(entry, index, "submit write", offset); !status) return status;
    state_.start_write(index, offset, length);
    return {};
  }

  [[nodiscard]] Status submit_flush() override {
    if (Status status = state_.check_flush(); !status) return status;
    if (Status status = check_usable("submit flush", kNoOffset); !status) return status;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_fsync(entry, target(), IORING_FSYNC_DATASYNC);
    if (Status status = send(entry, Completion::kFlush, "submit flush", kNoOffset); !status) {
      return status;
    }
    state_.start_flush();
    return {};
  }

  [[nodiscard]] Result<Completion> wait(std::chrono::milliseconds timeout) override {
    using Clock = std::chrono::steady_clock;
    if (state_.in_flight() == 0) return fail(state_.idle_error());
    if (timeout <= std::chrono::milliseconds(0)) {
      // Completions are in the ring already; the kernel puts them there whenever this thread enters
      // it.
      io_uring_cqe* entry = nullptr;
      if (io_uring_peek_cqe(&ring_, &entry) != 0 || entry == nullptr) {
        return fail(state_.timeout_error());
      }
      return take(entry);
    }
    const auto end = Clock::now() + timeout;
    for (;;) {
      const auto left = std::max(end - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      __kernel_timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
      io_uring_cqe* entry = nullptr;
      const int result = io_uring_wait_cqe_timeout(&ring_, &entry, &limit);
      if (result == 0 && entry != nullptr) return take(entry);
      if (result == -ETIME) return fail(state_.timeout_error());
      if (result != -EINTR && result != -EAGAIN) {
        return fail(io_error("wait for writes", state_.disk(), kNoOffset, -result));
      }
    }
  }

 private:
  [[nodiscard]] Completion take(io_uring_cqe* entry) {
    const auto buffer = static_cast<unsigned>(io_uring_cqe_get_data64(entry));
    const int outcome = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    return state_.finish(buffer, outcome);
  }

  [[nodiscard]] int target() const { return registered_file_ ? 0 : fd_; }

  [[nodiscard]] Error unsupported(int number, std::string_view why) const {
    return {.code = Code::kUnsupported,
            .sys_errno = number,
            .operation = "start io_uring",
            .disk = state_.disk(),
            .detail = why};
  }

  // An entry that the kernel did not take stays in the ring. It would be sent together with the
  // next entry, from a buffer that the caller uses again by then. So a broken ring sends nothing
  // more.
  [[nodiscard]] Status check_usable(std::string_view operation, std::uint64_t offset) const {
    if (broken_errno_ == 0) return {};
    return fail(io_error(operation, state_.disk(), offset, broken_errno_));
  }

  [[nodiscard]] Status send(io_uring_sqe* entry, unsigned id, std::string_view operation,
                            std::uint64_t offset) {
    if (registered_file_) io_uring_sqe_set_flags(entry, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(entry, id);
    int result = 0;
    do {
      result = io_uring_submit(&ring_);
    } while (result == -EINTR);
    if (result == 1) return {};
    broken_errno_ = result < 0 ? -result : EIO;
    return fail(io_error(operation, state_.disk(), offset, broken_errno_));
  }

  int fd_;
  EngineState state_;
  io_uring ring_{};
  bool ready_ = false;
  bool registered_file_ = false;
  bool registered_buffers_ = false;
  int broken_errno_ = 0;
};

}  // namespace

Result<std::unique_ptr<WriteEngine>> make_io_uring_engine(
    int fd, std::string_view disk, std::span<const std::size_t> buffer_sizes) {
  auto engine = std::make_unique<UringEngine>(fd, disk, buffer_sizes);
  if (Status status = engine->start(); !status) return fail(status.error());
  return engine;
}

}  // namespace lastword
