#include "storage/block/batch_read.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "storage/block/aligned_buffer.h"
#include "tests/fake/engine_world.h"

namespace {

using namespace lastword;
using namespace lastword::fake;

constexpr std::chrono::milliseconds kLong{20000};
constexpr unsigned kDisks = 20;

// Some images whose block 1 names them.
struct Disks {
  Disks() {
    for (unsigned i = 0; i < kDisks; ++i) {
      images.push_back(std::make_unique<test::ImageFile>(16 * kBlockBytes));
      images[i]->write(kBlockBytes, std::string(kBlockBytes, static_cast<char>('a' + i)));
      auto device = LinuxBlockDevice::open(images[i]->path(), Access::kReadOnly);
      BOOST_TEST_REQUIRE(ok(device));
      devices.push_back(std::move(*device));
      requests.push_back({.fd = devices[i]->fd(),
                          .disk = devices[i]->name(),
                          .offset = kBlockBytes,
                          .buffer = buffers.block(i)});
    }
  }
  [[nodiscard]] bool is_read(unsigned i) const {
    return requests[i].status && std::ranges::all_of(requests[i].buffer, [&](std::byte byte) {
             return byte == static_cast<std::byte>('a' + i);
           });
  }

  std::vector<std::unique_ptr<test::ImageFile>> images;
  std::vector<std::unique_ptr<LinuxBlockDevice>> devices;
  AlignedBuffer buffers{kDisks * kBlockBytes};
  std::vector<ReadRequest> requests;
};

// A buffer, and whether somebody still keeps it.
struct Kept {
  [[nodiscard]] bool is_let_go() const { return watch.expired(); }
  void wait() const {
    while (!is_let_go()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::shared_ptr<AlignedBuffer> buffer = std::make_shared<AlignedBuffer>(kBlockBytes);
  std::weak_ptr<AlignedBuffer> watch = buffer;
};

using Reader = Status (*)(std::span<ReadRequest>, std::chrono::milliseconds);
Status by_threads(std::span<ReadRequest> requests, std::chrono::milliseconds timeout) {
  return read_batch_threads(requests, timeout);
}

void check_all_disks_are_read(Reader read) {
  Disks disks;
  BOOST_TEST(ok(read(disks.requests, kLong)));
  for (unsigned i = 0; i < kDisks; ++i) BOOST_TEST(disks.is_read(i));
}

void check_bad_requests_spoil_no_other(Reader read) {
  Disks disks;
  disks.requests[3].offset = 512;
  disks.requests[4].offset = 16 * kBlockBytes;
  disks.requests[5].fd = -1;
  BOOST_TEST(ok(read(disks.requests, kLong)));
  BOOST_TEST(fails(disks.requests[3].status, Code::kRefused));
  BOOST_TEST(fails(disks.requests[4].status, Code::kIo));
  BOOST_TEST(disks.requests[4].status.error().disk.view() ==
             disks.devices[4]->name().substr(0, 96));
  BOOST_TEST(disks.requests[4].status.error().offset == 16 * kBlockBytes);
  BOOST_TEST(fails(disks.requests[5].status, Code::kIo));
  for (unsigned i = 6; i < kDisks; ++i) BOOST_TEST(disks.is_read(i));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_read_io_uring, *boost::unit_test::precondition(io_uring_permitted))

BOOST_AUTO_TEST_CASE(reads_all_disks) {
  check_all_disks_are_read(read_batch_io_uring);
}

BOOST_AUTO_TEST_CASE(bad_requests_spoil_no_other) {
  check_bad_requests_spoil_no_other(read_batch_io_uring);
}

BOOST_AUTO_TEST_CASE(hung_disk_times_out_and_the_others_are_read) {
  Disks disks;
  int ends[2];  // an empty pipe never answers
  BOOST_TEST_REQUIRE(::pipe(ends) == 0);
  const FileDescriptor out(ends[0]);
  const FileDescriptor in(ends[1]);
  disks.requests[0].fd = out.get();
  Kept kept;
  disks.requests[0].buffer = kept.buffer->span();
  disks.requests[0].keep = std::exchange(kept.buffer, nullptr);
  BOOST_TEST(ok(read_batch_io_uring(disks.requests, std::chrono::milliseconds(1500))));
  BOOST_TEST(fails(disks.requests[0].status, Code::kTimeout));
  for (unsigned i = 1; i < kDisks; ++i) BOOST_TEST(disks.is_read(i));
  disks.requests.clear();
  BOOST_TEST(!kept.is_let_go());
  BOOST_TEST_REQUIRE(::write(in.get(), "answered", 8) == 8);
  kept.wait();
}

// What such a read answers later is not taken for the answer of another one.
BOOST_AUTO_TEST_CASE(batches_after_one_that_hangs_have_nothing_to_do_with_it) {
  int ends[2];
  BOOST_TEST_REQUIRE(::pipe(ends) == 0);
  const FileDescriptor out(ends[0]);
  const FileDescriptor in(ends[1]);
  Kept kept;
  ReadRequest hung{.fd = out.get(), .disk = "pipe", .buffer = kept.buffer->span()};
  hung.keep = std::exchange(kept.buffer, nullptr);
  BOOST_TEST(ok(read_batch_io_uring({&hung, 1}, std::chrono::milliseconds(1))));
  BOOST_TEST(fails(hung.status, Code::kTimeout));
  hung.keep.reset();
  BOOST_TEST_REQUIRE(::write(in.get(), "answered", 8) == 8);
  kept.wait();
  for (int i = 0; i < 10; ++i) {
    Disks disks;
    BOOST_TEST(ok(read_batch_io_uring({disks.requests.data(), 1}, kLong)));
    BOOST_TEST(disks.is_read(0));
    BOOST_TEST(ok(read_batch_io_uring(disks.requests, kLong)));
    for (unsigned disk = 0; disk < kDisks; ++disk) BOOST_TEST(disks.is_read(disk));
  }
}

BOOST_AUTO_TEST_CASE(rings_do_not_pile_up) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  Disks disks;
  BOOST_TEST(ok(read_batch_io_uring(disks.requests, kLong)));
  const auto before = open_files();
  for (unsigned count = 1; count <= kDisks; ++count) {
    BOOST_TEST(ok(read_batch_io_uring({disks.requests.data(), count}, kLong)));
  }
  BOOST_TEST(open_files() <= before + 4);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batch_read_threads)

BOOST_AUTO_TEST_CASE(reads_all_disks) {
  check_all_disks_are_read(by_threads);
}

BOOST_AUTO_TEST_CASE(bad_requests_spoil_no_other) {
  check_bad_requests_spoil_no_other(by_threads);
}

BOOST_AUTO_TEST_CASE(hung_disk_times_out_and_the_others_are_read) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    unsigned passed = 0;
  };
  const auto gate = std::make_shared<Gate>();
  Disks disks;
  const std::uint64_t hung_offset = 2 * kBlockBytes;
  disks.requests[0].offset = hung_offset;
  Kept kept;
  disks.requests[0].buffer = kept.buffer->span();
  disks.requests[0].keep = std::exchange(kept.buffer, nullptr);
  const auto read = [gate](int fd, std::span<std::byte> buffer, std::uint64_t offset) -> long {
    if (offset == hung_offset) {
      std::unique_lock lock(gate->mutex);
      gate->changed.wait(lock, [&] { return gate->open; });
      ++gate->passed;
      gate->changed.notify_all();
      return 0;
    }
    return ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
  };
  BOOST_TEST(ok(read_batch_threads(disks.requests, std::chrono::milliseconds(1500), read)));
  BOOST_TEST(fails(disks.requests[0].status, Code::kTimeout));
  for (unsigned i = 1; i < kDisks; ++i) BOOST_TEST(disks.is_read(i));
  // The thread that was left behind ends without touching the requests.
  disks.requests.clear();
  std::unique_lock lock(gate->mutex);
  gate->open = true;
  gate->changed.notify_all();
  BOOST_TEST(!kept.is_let_go());
  gate->changed.wait(lock, [&] { return gate->passed == 1; });
  lock.unlock();
  kept.wait();
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(batch_read_of_nothing_is_done) {
  BOOST_TEST(ok(read_batch({}, kLong)));
}

BOOST_AUTO_TEST_CASE(batch_read_works_whatever_the_kernel_permits) {
  check_all_disks_are_read(read_batch);
}
