#include "storage/block/linux_block_device.h"

#include <fcntl.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "storage/block/aligned_buffer.h"
#include "storage/block/io_error.h"
#include "tests/fake/check.h"
#include "tests/support/image_file.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr std::uint64_t kBytes = 64 * kBlockBytes;

struct Image {
  Image() {
    auto opened = LinuxBlockDevice::open(file.path(), Access::kReadWrite);
    BOOST_TEST_REQUIRE(ok(opened));
    device = std::move(*opened);
  }
  test::ImageFile file{kBytes};
  std::unique_ptr<LinuxBlockDevice> device;
  AlignedBuffer buffer{2 * kBlockBytes};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(linux_block_device, Image)

BOOST_AUTO_TEST_CASE(reads_what_it_wrote) {
  std::ranges::fill(buffer.span(), std::byte{'w'});
  BOOST_TEST(ok(device->write(3 * kBlockBytes, buffer.span())));
  BOOST_TEST(ok(device->flush()));
  BOOST_TEST((file.read(3 * kBlockBytes, 2 * kBlockBytes) == std::string(2 * kBlockBytes, 'w')));
  AlignedBuffer found(2 * kBlockBytes);
  BOOST_TEST(ok(device->read(3 * kBlockBytes, found.span())));
  BOOST_TEST(std::ranges::equal(found.span(), buffer.span()));
}

BOOST_AUTO_TEST_CASE(knows_name_and_size) {
  BOOST_TEST(device->name() == file.path());
  BOOST_TEST(device->size_bytes() == kBytes);
  BOOST_TEST(device->is_image());
}

BOOST_AUTO_TEST_CASE(misaligned_access_is_refused_with_its_offset) {
  BOOST_TEST(
      fails(device->write(kBlockBytes, buffer.span().subspan(1, kBlockBytes)), Code::kRefused));
  BOOST_TEST(fails(device->read(0, buffer.span().first(100)), Code::kRefused));
  const Status status = device->write(1000, buffer.span());
  BOOST_TEST(fails(status, Code::kRefused));
  BOOST_TEST(status.error().offset == 1000U);
}

BOOST_AUTO_TEST_CASE(access_beyond_the_end_is_refused_and_grows_nothing) {
  BOOST_TEST(fails(device->write(kBytes - kBlockBytes, buffer.span()), Code::kRefused));
  BOOST_TEST(fails(device->write(kBytes, buffer.span()), Code::kRefused));
  BOOST_TEST(fails(device->read(~kBlockBytes + 1, buffer.span()), Code::kRefused));
  BOOST_TEST(std::filesystem::file_size(file.path()) == kBytes);
}

BOOST_AUTO_TEST_CASE(short_read_is_an_io_error) {
  std::filesystem::resize_file(file.path(), 5 * kBlockBytes);
  const Status status = device->read(4 * kBlockBytes, buffer.span());
  BOOST_TEST(fails(status, Code::kIo));
  BOOST_TEST(status.error().offset == 4 * kBlockBytes);
  BOOST_TEST((describe(status.error()).find("ends here") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(short_write_says_what_may_be_full) {
  const std::string text = describe(short_transfer("write", "/dev/sdx", 4096, 8192, 4096));
  BOOST_TEST((text.find("only 4096 of 8192 bytes: no room left") != std::string::npos), text);
}

BOOST_AUTO_TEST_CASE(opened_for_reading_does_not_write) {
  const auto reader = LinuxBlockDevice::open(file.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(reader));
  BOOST_TEST((::fcntl((*reader)->fd(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  BOOST_TEST(fails((*reader)->write(0, buffer.span()), Code::kIo));
}

BOOST_AUTO_TEST_CASE(missing_path_is_not_found) {
  BOOST_TEST(
      fails(LinuxBlockDevice::open(file.path() + ".none", Access::kReadOnly), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(directory_is_no_disk) {
  BOOST_TEST(!LinuxBlockDevice::open(file.directory().string(), Access::kReadOnly));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(errno_of_block_io)

BOOST_AUTO_TEST_CASE(means_what_the_block_layer_means) {
  BOOST_TEST(code_of_errno(EBADE) == Code::kConflict);
  for (const int number : {ENODEV, ENXIO, ENOENT}) BOOST_TEST(code_of_errno(number) == Code::kGone);
  for (const int number : {EIO, ENODATA, EREMOTEIO, ENOLINK, EILSEQ}) {
    BOOST_TEST(code_of_errno(number) == Code::kIo);
  }
  for (const int number : {ETIME, ETIMEDOUT}) BOOST_TEST(code_of_errno(number) == Code::kTimeout);
  BOOST_TEST(code_of_errno(ENOSPC) == Code::kNoSpace);
  BOOST_TEST(describe(io_error("write", "/dev/sdx", 0, ENOSPC)).find("thin pool") !=
             std::string::npos);
  BOOST_TEST(code_of_errno(EOPNOTSUPP) == Code::kUnsupported);
}

BOOST_AUTO_TEST_CASE(is_described_with_operation_disk_and_offset) {
  BOOST_TEST(describe(io_error("write", "/dev/sdx", 4096, EBADE)) ==
             "/dev/sdx: write at byte 4096: reservation conflict (Invalid exchange): another node "
             "holds this disk's reservation");
}

BOOST_AUTO_TEST_SUITE_END()
