#include "storage/block/batch_read.h"

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include "storage/block/elsewhere.h"
#include "storage/block/file_descriptor.h"
#include "storage/block/io_error.h"

namespace lastword {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kOperation = "read";
constexpr unsigned kMaxRingEntries = 4096;

Status status_of(const ReadRequest& request, long result) {
  if (result < 0) {
    return fail(io_error(kOperation, request.disk, request.offset, static_cast<int>(-result)));
  }
  if (static_cast<std::size_t>(result) != request.buffer.size()) {
    return fail(short_transfer(kOperation, request.disk, request.offset, request.buffer.size(),
                               static_cast<std::size_t>(result)));
  }
  return {};
}

Status timed_out(const ReadRequest& request) {
  return fail(io_error(kOperation, request.disk, request.offset, ETIMEDOUT));
}

// Marks every request: as timed out until its answer comes, or as refused. Returns those to send.
std::vector<std::size_t> prepare(std::span<ReadRequest> requests) {
  std::vector<std::size_t> valid;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ReadRequest& request = requests[i];
    request.status = check_aligned(kOperation, request.disk, request.offset, request.buffer.size(),
                                   request.buffer.data());
    if (!request.status) continue;
    request.status = timed_out(request);
    valid.push_back(i);
  }
  return valid;
}

class Ring {
 public:
  explicit Ring(unsigned entries) : result_(io_uring_queue_init(entries, &ring_, 0)) {}
  // Does not wait for reads that hang; see wait_elsewhere().
  ~Ring() {
    if (result_ == 0) io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  [[nodiscard]] int result() const { return result_; }
  [[nodiscard]] io_uring* get() { return &ring_; }
  [[nodiscard]] std::size_t entries() const { return ring_.sq.ring_entries; }

 private:
  io_uring ring_{};
  int result_;
};

// Rings by which nothing is under way. To make one and to end it costs more than what is read by
// it: the agent reads a few blocks each tenth of a second.
class IdleRings {
 public:
  // One of at least so many entries; see Ring::result().
  std::unique_ptr<Ring> take(std::size_t entries) {
    {
      const std::lock_guard lock(mutex_);
      const auto fits = std::ranges::find_if(
          rings_, [entries](const auto& ring) { return ring->entries() >= entries; });
      if (fits != rings_.end()) {
        auto ring = std::move(*fits);
        rings_.erase(fits);
        return ring;
      }
    }
    return std::make_unique<Ring>(static_cast<unsigned>(entries));
  }
  void give_back(std::unique_ptr<Ring> ring) {
    const std::lock_guard lock(mutex_);
    // In the order of their size: a small batch leaves the large ones to others.
    const auto place = std::ranges::find_if(
        rings_, [&](const auto& other) { return other->entries() >= ring->entries(); });
    rings_.insert(place, std::move(ring));
    if (rings_.size() > kMost) rings_.erase(rings_.begin());
  }

 private:
  static constexpr std::size_t kMost = 4;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

IdleRings& idle_rings() {
  static auto* const rings = new IdleRings;  // threads that hang outlive main()
  return *rings;
}

// What the kernel may still write to, by the index of its request.
using Kept = std::vector<std::shared_ptr<void>>;

// Lets go of each buffer when its read is answered. Where no thread can be had they stay for good.
void wait_elsewhere(std::unique_ptr<Ring> ring, Kept kept, std::size_t in_flight) {
  struct Late {
    std::unique_ptr<Ring> ring;
    Kept kept;
    std::size_t in_flight;
  };
  auto* const late = new Late{std::move(ring), std::move(kept), in_flight};
  try {
    run_on_lost_thread([late] {
      const std::unique_ptr<Late> own(late);
      while (own->in_flight > 0) {
        io_uring_cqe* entry = nullptr;
        const int result = io_uring_wait_cqe(own->ring->get(), &entry);
        if (result == -EINTR || result == -EAGAIN) continue;
        if (result != 0) return;
        own->kept[io_uring_cqe_get_data64(entry)].reset();
        io_uring_cqe_seen(own->ring->get(), entry);
        --own->in_flight;
      }
    });
  } catch (const std::system_error&) {
  }
}

// Takes one answer off the ring, waiting until `end`. False: none came.
bool reap_one(io_uring* ring, std::span<ReadRequest> requests, Clock::time_point end) {
  for (;;) {
    const auto left = std::max(end - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    __kernel_timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    io_uring_cqe* entry = nullptr;
    const int result = io_uring_wait_cqe_timeout(ring, &entry, &limit);
    if (result == -EINTR || result == -EAGAIN) continue;
    if (result != 0 || entry == nullptr) return false;
    ReadRequest& request = requests[io_uring_cqe_get_data64(entry)];
    request.status = status_of(request, entry->res);
    request.keep.reset();
    io_uring_cqe_seen(ring, entry);
    return true;
  }
}

// What a reading thread shares with the caller, who may be gone before it ends.
struct ThreadBatch {
  ReadFunction read;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::optional<long>> results;
  std::size_t missing = 0;

  void report(std::size_t index, long result) {
    const std::lock_guard lock(mutex);
    results[index] = result;
    --missing;
    changed.notify_all();
  }
};

long read_once(int fd, std::span<std::byte> buffer, std::uint64_t offset) {
  for (;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got >= 0) return got;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

Status read_batch_io_uring(std::span<ReadRequest> requests, std::chrono::milliseconds timeout) {
  const auto end = Clock::now() + timeout;
  const std::vector<std::size_t> valid = prepare(requests);
  if (valid.empty()) return {};
  const std::size_t entries = std::min<std::size_t>(valid.size(), kMaxRingEntries);
  auto own_ring = idle_rings().take(entries);
  Ring& ring = *own_ring;
  if (ring.result() < 0 || (ring.get()->features & IORING_FEAT_EXT_ARG) == 0) {
    return fail({.code = Code::kUnsupported,
                 .sys_errno = -ring.result(),
                 .operation = "start io_uring",
                 .detail = "this kernel does not permit io_uring, or its io_uring is too old"});
  }
  std::size_t queued = 0;
  std::size_t answered = 0;
  while (answered < valid.size()) {
    for (; queued < valid.size() && queued - answered < entries; ++queued) {
      io_uring_sqe* entry = io_uring_get_sqe(ring.get());
      if (entry == nullptr) break;
      const ReadRequest& request = requests[valid[queued]];
      io_uring_prep_read(entry, request.fd, request.buffer.data(),
                         static_cast<unsigned>(request.buffer.size()), request.offset);
      io_uring_sqe_set_data64(entry, valid[queued]);
    }
    if (io_uring_sq_ready(ring.get()) != 0) {
      const int result = io_uring_submit(ring.get());
      const std::size_t in_flight = queued - answered - io_uring_sq_ready(ring.get());
      if (result < 0 && result != -EINTR && in_flight == 0) {
        if (answered == 0) return fail(io_error("submit reads", {}, kNoOffset, -result));
        break;
      }
    }
    if (!reap_one(ring.get(), requests, end)) break;
    ++answered;
  }
  const std::size_t in_flight = queued - answered - io_uring_sq_ready(ring.get());
  if (queued == answered) idle_rings().give_back(std::move(own_ring));
  if (in_flight == 0) return {};
  Kept kept(requests.size());
  for (std::size_t i = 0; i < queued; ++i) kept[valid[i]] = requests[valid[i]].keep;
  wait_elsewhere(std::move(own_ring), std::move(kept), in_flight);
  return {};
}

Status read_batch_threads(std::span<ReadRequest> requests, std::chrono::milliseconds timeout,
                          ReadFunction read) {
  const auto end = Clock::now() + timeout;
  const std::vector<std::size_t> valid = prepare(requests);
  const auto batch = std::make_shared<ThreadBatch>();
  batch->read = read ? std::move(read) : ReadFunction(read_once);
  batch->results.resize(requests.size());
  batch->missing = valid.size();
  for (const std::size_t index : valid) {
    const ReadRequest& request = requests[index];
    // A descriptor of its own: the caller may close its one while a read hangs, and the number
    // would then name another file.
    FileDescriptor fd(::fcntl(request.fd, F_DUPFD_CLOEXEC, 0));
    if (!fd.valid()) {
      batch->report(index, -errno);
      continue;
    }
    try {
      const auto own_fd = std::make_shared<FileDescriptor>(std::move(fd));
      run_on_lost_thread([batch, index, own_fd, keep = request.keep, buffer = request.buffer,
                          offset = request.offset] {
        batch->report(index, batch->read(own_fd->get(), buffer, offset));
      });
    } catch (const std::system_error& error) {
      batch->report(index, -error.code().value());
    }
  }
  std::unique_lock lock(batch->mutex);
  batch->changed.wait_until(lock, end, [&] { return batch->missing == 0; });
  for (const std::size_t index : valid) {
    if (!batch->results[index]) continue;
    requests[index].status = status_of(requests[index], *batch->results[index]);
    requests[index].keep.reset();
  }
  return {};
}

Status read_batch(std::span<ReadRequest> requests, std::chrono::milliseconds timeout) {
  Status status = read_batch_io_uring(requests, timeout);
  if (status || status.error().code != Code::kUnsupported) return status;
  return read_batch_threads(requests, timeout);
}

}  // namespace lastword
