// What SgLun and PassThroughDevice send, and what they make of the answers. A target in memory
// stands behind libsgutils2's pass-through: its functions are defined here, so that the linker
// takes none from the library. An image file stands in for the block device.
#include "storage/reserve/sg_lun.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <scsi/sg_pt.h>
#include <scsi/sg_unaligned.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdarg>

#include "proto/layout.h"
#include "storage/block/aligned_buffer.h"
#include "storage/reserve/pass_through_device.h"
#include "storage/reserve/scsi_outcome.h"
#include "tests/fake/check.h"
#include "tests/support/image_file.h"

using Bytes = std::vector<std::uint8_t>;

struct sg_pt_base {
  Bytes cdb;
  std::span<std::uint8_t> sense;
  std::span<std::uint8_t> in;
  Bytes out;
  int timeout_s = 0;
  // The answer.
  int sent = 0;
  std::uint8_t status = 0;
  std::size_t sense_bytes = 0;
  int residual = 0;
};

namespace {

// One command at a time, as it came; it answers.
std::function<void(sg_pt_base&)> target;
std::vector<sg_pt_base> commands;
// LOGICAL UNIT RESET; returns an errno.
std::function<int()> reset_target;

std::span<std::uint8_t> bytes_of(unsigned char* data, int length) {
  return {data, static_cast<std::size_t>(length)};
}

}  // namespace

extern "C" {
sg_pt_base* construct_scsi_pt_obj_with_fd(int, int) {
  return new sg_pt_base;
}
void destruct_scsi_pt_obj(sg_pt_base* one) {
  delete one;
}
void clear_scsi_pt_obj(sg_pt_base* one) {
  *one = {};
}
void set_scsi_pt_cdb(sg_pt_base* one, const unsigned char* cdb, int length) {
  one->cdb.assign(cdb, cdb + length);
}
void set_scsi_pt_sense(sg_pt_base* one, unsigned char* sense, int length) {
  one->sense = bytes_of(sense, length);
}
void set_scsi_pt_data_in(sg_pt_base* one, unsigned char* data, int length) {
  one->in = bytes_of(data, length);
}
void set_scsi_pt_data_out(sg_pt_base* one, const unsigned char* data, int length) {
  one->out.assign(data, data + length);
}
int do_scsi_pt(sg_pt_base* one, int, int timeout_s, int) {
  one->timeout_s = timeout_s;
  if (target) target(*one);
  commands.push_back(*one);
  return one->sent;
}
int get_scsi_pt_sense_len(const sg_pt_base* one) {
  return static_cast<int>(one->sense_bytes);
}
int get_scsi_pt_transport_err(const sg_pt_base*) {
  return 0;
}
int get_scsi_pt_status_response(const sg_pt_base* one) {
  return one->status;
}
int get_scsi_pt_resid(const sg_pt_base* one) {
  return one->residual;
}

// An image file counts as a block device of 512-byte blocks.
int fstat(int fd, struct stat* found) noexcept {
  const int status = ::fstatat(fd, "", found, AT_EMPTY_PATH);
  if (status == 0 && S_ISREG(found->st_mode)) {
    found->st_mode = (found->st_mode & ~mode_t{S_IFMT}) | mode_t{S_IFBLK};
  }
  return status;
}
int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (request == BLKSSZGET) {
    *static_cast<int*>(argument) = 512;
    return 0;
  }
  if (request == SG_SCSI_RESET && reset_target) {
    errno = reset_target();
    return errno == 0 ? 0 : -1;
  }
  if (request != BLKGETSIZE64) return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
  struct stat found {};
  if (::fstatat(fd, "", &found, AT_EMPTY_PATH) != 0) return -1;
  *static_cast<std::uint64_t*>(argument) = static_cast<std::uint64_t>(found.st_size);
  return 0;
}
}

namespace lastword::test {
namespace {

constexpr ReservationKey kOwn{0x1122334455667788};
constexpr ReservationKey kVictim{0x99aabbccddeeff00};
constexpr std::chrono::milliseconds kTimeout{5000};

void check_condition(sg_pt_base& one, std::uint8_t key, std::uint8_t asc) {
  one.status = kStatusCheckCondition;
  const Bytes sense{0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, 0, 0, 0, 0, 0};
  std::ranges::copy(sense, one.sense.begin());
  one.sense_bytes = sense.size();
}

// Answers READ KEYS with `count` keys, 1 and so on, as far as there is room.
void answer_keys(sg_pt_base& one, std::uint32_t count) {
  Bytes answer(8 + std::size_t{8} * count);
  sg_put_unaligned_be32(7, answer.data());
  sg_put_unaligned_be32(8 * count, &answer[4]);
  for (std::uint32_t i = 0; i < count; ++i) sg_put_unaligned_be64(i + 1, &answer[8 + 8 * i]);
  const std::size_t n = std::min(answer.size(), one.in.size());
  std::copy_n(answer.begin(), n, one.in.begin());
  one.residual = static_cast<int>(one.in.size() - n);
}

struct Lun {
  Lun() {
    target = {};
    commands.clear();
    auto opened = SgLun::open(image.path(), kTimeout);
    BOOST_TEST_REQUIRE(fake::ok(opened));
    lun = std::move(*opened);
  }
  ~Lun() {
    target = {};
    reset_target = {};
  }

  ImageFile image{1 << 20};
  std::unique_ptr<SgLun> lun;
};

struct Quiet : Lun {
  Quiet() {
    auto opened = PassThroughDevice::open(image.path(), kTimeout);
    BOOST_TEST_REQUIRE(fake::ok(opened));
    device = std::move(*opened);
  }
  // The first block and the number of blocks of a command, in bytes.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> range(const sg_pt_base& one) const {
    const std::uint64_t block = device->logical_block_bytes();
    return {sg_get_unaligned_be32(&one.cdb[2]) * block, sg_get_unaligned_be16(&one.cdb[7]) * block};
  }

  std::unique_ptr<PassThroughDevice> device;
  AlignedBuffer buffer{256 << 10};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sg_lun, Lun)

BOOST_AUTO_TEST_CASE(commands_name_owner_victim_and_type) {
  struct Case {
    Status sent;
    std::uint8_t action;
    ReservationKey own;
    ReservationKey other;
    bool typed;
  };
  const std::vector<Case> cases{
      {lun->reserve(kOwn, kOwnerType), 0x01, kOwn, {}, true},
      {lun->release(kOwn, kOwnerType), 0x02, kOwn, {}, true},
      {lun->preempt(kOwn, kVictim, kOwnerType), 0x04, kOwn, kVictim, true},
      {lun->preempt_and_abort(kOwn, kVictim, kOwnerType), 0x05, kOwn, kVictim, true},
      {lun->register_ignoring_existing(kOwn, true), 0x06, {}, kOwn, false},
  };
  BOOST_TEST_REQUIRE(commands.size() == cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    BOOST_TEST(fake::ok(cases[i].sent));
    const sg_pt_base& command = commands[i];
    BOOST_TEST(unsigned{command.cdb[0]} == 0x5fU);
    BOOST_TEST(unsigned{command.cdb[1]} == unsigned{cases[i].action});
    BOOST_TEST(unsigned{command.cdb[2]} == (cases[i].typed ? 5U : 0U));
    BOOST_TEST_REQUIRE(command.out.size() == 24U);
    BOOST_TEST(sg_get_unaligned_be64(&command.out[0]) == cases[i].own.value);
    BOOST_TEST(sg_get_unaligned_be64(&command.out[8]) == cases[i].other.value);
    BOOST_TEST(unsigned{command.out[20]} == (cases[i].action == 0x06 ? 1U : 0U));
    BOOST_TEST(command.timeout_s == 5);
  }
}

BOOST_AUTO_TEST_CASE(all_keys_are_read_however_many) {
  target = [](sg_pt_base& one) { answer_keys(one, 200); };
  const auto registrations = lun->read_keys();
  BOOST_TEST_REQUIRE(fake::ok(registrations));
  BOOST_TEST(registrations->generation == 7U);
  BOOST_TEST_REQUIRE(registrations->keys.size() == 200U);
  BOOST_TEST(registrations->keys.back().value == 200U);
}

BOOST_AUTO_TEST_CASE(key_list_that_grows_for_ever_is_an_error) {
  target = [](sg_pt_base& one) { answer_keys(one, 9000); };
  BOOST_TEST(fake::fails(lun->read_keys(), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(command_that_times_out_is_told_as_one) {
  target = [](sg_pt_base& one) { one.sent = SCSI_PT_DO_TIMEOUT; };
  BOOST_TEST(fake::fails(lun->test_unit_ready(), Code::kTimeout));
  target = [](sg_pt_base& one) { one.sent = SCSI_PT_DO_BAD_PARAMS; };
  BOOST_TEST(fake::fails(lun->test_unit_ready(), Code::kUnsupported));
}

BOOST_AUTO_TEST_CASE(answers_of_the_target_reach_the_caller) {
  target = [](sg_pt_base& one) { one.status = kStatusReservationConflict; };
  BOOST_TEST(fake::fails(lun->reserve(kOwn, kOwnerType), Code::kConflict));
  target = [](sg_pt_base& one) { check_condition(one, 0x6, 0x29); };
  BOOST_TEST(fake::fails(lun->test_unit_ready(), Code::kUnitAttention));
  target = [](sg_pt_base& one) { check_condition(one, 0x5, 0x20); };
  BOOST_TEST(fake::fails(lun->preempt_and_abort(kOwn, kVictim, kOwnerType), Code::kUnsupported));
}

BOOST_AUTO_TEST_CASE(data_that_the_target_took_in_part_is_an_error) {
  target = [](sg_pt_base& one) { one.residual = 512; };
  const AlignedBuffer block(kBlockBytes);
  BOOST_TEST(fake::fails(lun->write_blocks(0, 512, block.span()), Code::kIo));
}

// storage/block/disk_turn.h says why.
struct Turns : Lun {
  Turns() { lun->use(DiskTurn::on(image.path())); }
  // What another program could do at the disk while the target has a command.
  void look() {
    beside = static_cast<bool>(DiskTurn::take(other, DiskTurn::Kind::kBeside));
    alone = static_cast<bool>(DiskTurn::take(other, DiskTurn::Kind::kAlone));
  }
  std::shared_ptr<DiskTurn> other = DiskTurn::on(image.path());
  bool beside = false;
  bool alone = false;
};

BOOST_FIXTURE_TEST_CASE(preempt_and_abort_goes_alone, Turns) {
  target = [this](sg_pt_base&) { look(); };
  BOOST_TEST(fake::ok(lun->preempt_and_abort(kOwn, kVictim, kOwnerType)));
  BOOST_TEST(!beside);
  BOOST_TEST(!alone);
}

BOOST_FIXTURE_TEST_CASE(other_commands_go_beside_each_other_and_none_that_is_alone, Turns) {
  target = [this](sg_pt_base&) { look(); };
  BOOST_TEST(fake::ok(lun->preempt(kOwn, kVictim, kOwnerType)));
  BOOST_TEST(beside);
  BOOST_TEST(!alone);
  BOOST_TEST(fake::ok(lun->test_unit_ready()));
  BOOST_TEST(beside);
  BOOST_TEST(!alone);
}

BOOST_FIXTURE_TEST_CASE(reset_goes_alone, Turns) {
  int tries = 0;
  reset_target = [&] {
    look();
    BOOST_TEST(!beside);
    return ++tries == 1 ? EAGAIN : 0;
  };
  BOOST_TEST(fake::ok(lun->logical_unit_reset()));
  BOOST_TEST(tries == 2);
  look();
  BOOST_TEST(alone);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(pass_through_device, Quiet)

BOOST_AUTO_TEST_CASE(long_write_goes_in_pieces_that_every_adapter_takes) {
  BOOST_TEST_REQUIRE(fake::ok(device->write(kBlockBytes, buffer.span().first(160 << 10))));
  BOOST_TEST_REQUIRE(commands.size() == 3U);
  std::uint64_t at = kBlockBytes;
  for (const sg_pt_base& command : commands) {
    BOOST_TEST(unsigned{command.cdb[0]} == 0x2aU);
    const auto [offset, length] = range(command);
    BOOST_TEST(offset == at);
    BOOST_TEST(length == command.out.size());
    BOOST_TEST(length <= 64U << 10);
    at += length;
  }
  BOOST_TEST(at == kBlockBytes + (160U << 10));
}

BOOST_AUTO_TEST_CASE(write_beyond_the_end_is_refused_and_not_sent) {
  const std::uint64_t end = device->size_bytes();
  for (const std::uint64_t offset : {end - kBlockBytes, end, end + kBlockBytes}) {
    BOOST_TEST(
        fake::fails(device->write(offset, buffer.span().first(2 * kBlockBytes)), Code::kRefused));
  }
  BOOST_TEST(commands.empty());
}

BOOST_AUTO_TEST_CASE(flush_covers_everything_that_was_written_since_the_last) {
  BOOST_TEST(fake::ok(device->flush()));
  BOOST_TEST(commands.empty());
  for (const std::uint64_t block : {9U, 4U, 6U}) {
    BOOST_TEST(fake::ok(device->write(block * kBlockBytes, buffer.span().first(kBlockBytes))));
  }
  BOOST_TEST(fake::ok(device->flush()));
  BOOST_TEST_REQUIRE(commands.size() == 4U);
  BOOST_TEST(unsigned{commands.back().cdb[0]} == 0x35U);
  const auto [offset, length] = range(commands.back());
  BOOST_TEST(offset == 4 * kBlockBytes);
  BOOST_TEST(length == 6 * kBlockBytes);
  BOOST_TEST(fake::ok(device->flush()));
  BOOST_TEST(commands.size() == 4U);
}

BOOST_AUTO_TEST_CASE(flush_of_all_covers_what_others_wrote) {
  BOOST_TEST(fake::ok(device->flush_all()));
  BOOST_TEST_REQUIRE(commands.size() == 1U);
  BOOST_TEST(unsigned{commands.back().cdb[0]} == 0x35U);
  const auto [offset, length] = range(commands.back());
  BOOST_TEST(offset == 0U);
  BOOST_TEST(length == 0U);  // all of them
  target = [](sg_pt_base& one) { check_condition(one, 0x3, 0x0c); };
  BOOST_TEST(fake::fails(device->flush_all(), Code::kIo));
  target = [](sg_pt_base& one) { check_condition(one, 0x5, 0x20); };
  BOOST_TEST(fake::ok(device->flush_all()));
}

BOOST_AUTO_TEST_CASE(unit_attention_repeats_a_write_and_a_conflict_ends_it) {
  unsigned asked = 0;
  target = [&](sg_pt_base& one) {
    if (++asked <= 2) check_condition(one, 0x6, 0x29);
  };
  BOOST_TEST(fake::ok(device->write(0, buffer.span().first(kBlockBytes))));
  BOOST_TEST(commands.size() == 3U);
  target = [](sg_pt_base& one) { one.status = kStatusReservationConflict; };
  BOOST_TEST(fake::fails(device->write(0, buffer.span().first(kBlockBytes)), Code::kConflict));
  BOOST_TEST(commands.size() == 4U);
}

BOOST_AUTO_TEST_CASE(flush_that_fails_is_told_unless_there_is_no_cache) {
  BOOST_TEST(fake::ok(device->write(0, buffer.span().first(kBlockBytes))));
  target = [](sg_pt_base& one) { check_condition(one, 0x3, 0x0c); };
  BOOST_TEST(fake::fails(device->flush(), Code::kIo));
  target = [](sg_pt_base& one) { check_condition(one, 0x5, 0x20); };
  BOOST_TEST(fake::ok(device->flush()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
