#include "storage/reserve/scsi_outcome.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

using SenseBytes = std::array<std::uint8_t, 18>;
SenseBytes fixed(std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
  return {0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq};
}
Status check_condition(std::span<const std::uint8_t> sense) {
  return judge({.scsi_status = kStatusCheckCondition, .sense = sense}, "PREEMPT", "/dev/sdx");
}
Status check_condition(std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
  const SenseBytes sense = fixed(key, asc, ascq);
  return check_condition(sense);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scsi_outcome)

BOOST_AUTO_TEST_CASE(good_is_good) {
  BOOST_TEST(ok(judge({}, "TEST UNIT READY", "/dev/sdx")));
}

BOOST_AUTO_TEST_CASE(error_says_operation_disk_and_sense) {
  const Status status = check_condition(6, 0x2a, 0x05);
  BOOST_TEST(fails(status, Code::kUnitAttention));
  BOOST_TEST(describe(status.error()) ==
             "/dev/sdx: PREEMPT: unit attention (SCSI status 0x02, sense 6/2a/05)");
}

BOOST_AUTO_TEST_CASE(descriptor_sense_is_understood_too) {
  const std::array<std::uint8_t, 8> sense{0x72, 6, 0x29, 0x00};
  const Status status = check_condition(sense);
  BOOST_TEST(fails(status, Code::kUnitAttention));
  BOOST_TEST(status.error().sense.asc == 0x29);
}

BOOST_AUTO_TEST_CASE(reservation_conflict_is_a_conflict) {
  BOOST_TEST(fails(judge({.scsi_status = kStatusReservationConflict}, "", ""), Code::kConflict));
}

// Another node's PREEMPT AND ABORT took it with it.
BOOST_AUTO_TEST_CASE(aborted_task_may_be_sent_again) {
  const Status status = judge({.scsi_status = kStatusTaskAborted}, "REGISTER", "/dev/sdx");
  BOOST_TEST(fails(status, Code::kUnitAttention));
}

BOOST_AUTO_TEST_CASE(reservation_conflict_goes_before_the_host_status_of_older_kernels) {
  constexpr int kHostNexusFailure = 0x11;
  BOOST_TEST(fails(
      judge({.host_status = kHostNexusFailure, .scsi_status = kStatusReservationConflict}, "", ""),
      Code::kConflict));
}

BOOST_AUTO_TEST_CASE(invalid_opcode_and_invalid_fields_are_unsupported) {
  BOOST_TEST(fails(check_condition(5, 0x20, 0x00), Code::kUnsupported));
  BOOST_TEST(fails(check_condition(5, 0x24, 0x00), Code::kUnsupported));
  BOOST_TEST(fails(check_condition(5, 0x26, 0x00), Code::kUnsupported));
}

BOOST_AUTO_TEST_CASE(release_of_the_wrong_type_is_refused) {
  BOOST_TEST(fails(check_condition(5, 0x26, 0x04), Code::kRefused));
}

BOOST_AUTO_TEST_CASE(missing_logical_unit_is_gone) {
  BOOST_TEST(fails(check_condition(5, 0x25, 0x00), Code::kGone));
  BOOST_TEST(fails(judge({.host_status = kHostNoConnect}, "", ""), Code::kGone));
  BOOST_TEST(fails(judge({.host_status = kHostBadTarget}, "", ""), Code::kGone));
  BOOST_TEST(fails(judge({.sys_errno = ENODEV}, "", ""), Code::kGone));
  BOOST_TEST(fails(judge({.sys_errno = ENXIO}, "", ""), Code::kGone));
}

BOOST_AUTO_TEST_CASE(no_answer_is_a_timeout) {
  BOOST_TEST(fails(judge({.host_status = kHostTimeOut}, "", ""), Code::kTimeout));
  BOOST_TEST(fails(judge({.sys_errno = ETIMEDOUT}, "", ""), Code::kTimeout));
}

BOOST_AUTO_TEST_CASE(recovered_error_is_good) {
  BOOST_TEST(ok(check_condition(1, 0x17, 0x00)));
}

BOOST_AUTO_TEST_CASE(check_condition_without_sense_is_an_error) {
  BOOST_TEST(fails(check_condition({}), Code::kIo));
}

BOOST_AUTO_TEST_CASE(busy_target_is_an_error_and_not_success) {
  constexpr std::uint8_t kBusy = 0x08;
  constexpr std::uint8_t kTaskAborted = 0x40;
  BOOST_TEST(fails(judge({.scsi_status = kBusy}, "", ""), Code::kIo));
  BOOST_TEST(fails(judge({.scsi_status = kTaskAborted}, "", ""), Code::kIo));
}

BOOST_AUTO_TEST_CASE(medium_and_hardware_errors_are_io_errors) {
  BOOST_TEST(fails(check_condition(3, 0x11, 0x00), Code::kIo));
  BOOST_TEST(fails(check_condition(4, 0x44, 0x00), Code::kIo));
}

BOOST_AUTO_TEST_CASE(write_protected_disk_and_full_thin_pool_are_told_apart) {
  const Status protected_disk = check_condition(7, 0x27, 0x00);
  BOOST_TEST(fails(protected_disk, Code::kIo));
  BOOST_TEST(describe(protected_disk.error()).find("write-protected") != std::string::npos);
  const Status full = check_condition(7, 0x27, 0x07);
  BOOST_TEST(fails(full, Code::kNoSpace));
  BOOST_TEST(describe(full.error()).find("thin pool") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(missing_privilege_says_what_is_missing) {
  const Status status = judge({.sys_errno = EPERM}, "PREEMPT", "/dev/sdx");
  BOOST_TEST(fails(status, Code::kIo));
  BOOST_TEST(describe(status.error()).find("CAP_SYS_RAWIO") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
