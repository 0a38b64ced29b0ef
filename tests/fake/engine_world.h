// One disk and one write engine on it, for the suite that every engine must pass.
#pragma once

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>

#include "storage/block/linux_block_device.h"
#include "storage/engine/write_engine.h"
#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"
#include "tests/fake/fault_engine.h"
#include "tests/support/image_file.h"

namespace lastword::fake {

inline constexpr std::array<std::size_t, 4> kBufferSizes{kBlockBytes, 64 << 10, 64 << 10, 1 << 20};
inline constexpr std::uint64_t kDiskBytes = 64 << 20;

// Asks the kernel itself, so that an engine that gives up without need does not pass as missing.
inline boost::test_tools::assertion_result io_uring_permitted(boost::unit_test::test_unit_id = {}) {
  io_uring_params params{};
  const long fd = ::syscall(SYS_io_uring_setup, 4, &params);
  boost::test_tools::assertion_result answer(fd >= 0);
  if (fd < 0) answer.message() << "io_uring is not permitted here: " << strerrordesc_np(errno);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return answer;
}

using EngineMaker = Result<std::unique_ptr<WriteEngine>> (*)(int, std::string_view,
                                                             std::span<const std::size_t>);

template <EngineMaker kMake>
class KernelWorld {
 public:
  KernelWorld() {
    auto opened = LinuxBlockDevice::open(image_.path(), Access::kReadWrite);
    BOOST_TEST_REQUIRE(ok(opened));
    device_ = std::move(*opened);
    engine = make(device_->fd());
  }
  [[nodiscard]] std::string disk() const { return image_.path(); }
  [[nodiscard]] std::string content(std::uint64_t offset, std::size_t length) {
    return image_.read(offset, length);
  }
  // From now on every write fails.
  void break_disk() {
    auto opened = LinuxBlockDevice::open(image_.path(), Access::kReadOnly);
    BOOST_TEST_REQUIRE(ok(opened));
    engine.reset();
    device_ = std::move(*opened);
    engine = make(device_->fd());
  }

 private:
  [[nodiscard]] std::unique_ptr<WriteEngine> make(int fd) const {
    auto made = kMake(fd, image_.path(), kBufferSizes);
    BOOST_TEST_REQUIRE(ok(made));
    return std::move(*made);
  }
  test::ImageFile image_{kDiskBytes};
  std::unique_ptr<LinuxBlockDevice> device_;

 public:
  std::unique_ptr<WriteEngine> engine;
};
using UringWorld = KernelWorld<make_io_uring_engine>;
using LibaioWorld = KernelWorld<make_libaio_engine>;

class FaultWorld {
 public:
  [[nodiscard]] std::string disk() const { return std::string(device_->name()); }
  [[nodiscard]] std::string content(std::uint64_t offset, std::size_t length) {
    AlignedBuffer found(length);
    shelf_.peek(0, offset, found.span());
    return {reinterpret_cast<const char*>(found.span().data()), length};
  }
  void break_disk() { shelf_.inject(0, {.kind = FaultKind::kIoError}); }

 private:
  FakeShelf shelf_{{.lun_bytes = kDiskBytes}};
  std::unique_ptr<BlockDevice> device_ = shelf_.connect("alpha").device(0);

 public:
  std::unique_ptr<WriteEngine> engine = std::make_unique<FaultEngine>(*device_, kBufferSizes);
};

}  // namespace lastword::fake
