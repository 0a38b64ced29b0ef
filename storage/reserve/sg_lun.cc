#include "storage/reserve/sg_lun.h"

#include <fcntl.h>
#include <scsi/sg.h>
#include <scsi/sg_pt.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <thread>

#include "proto/timing.h"
#include "storage/block/io_error.h"
#include "storage/reserve/scsi_outcome.h"
#include "storage/reserve/write_wire.h"

namespace lastword {
namespace {

// Linux include/scsi/sg.h; glibc's copy of that header lacks it.
constexpr int kResetNoEscalate = 0x100;

constexpr std::chrono::milliseconds kRecoveryPause{20};

// Room for 63 registrations, more than most shelves ever have. read_keys() asks for more if need
// be.
constexpr std::size_t kFirstKeyListBytes = 512;

}  // namespace

Result<std::unique_ptr<SgLun>> SgLun::open(const std::string& path,
                                           std::chrono::milliseconds io_timeout) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return fail(io_error("open", path, kNoOffset, errno));
  sg_pt_base* pass_through = construct_scsi_pt_obj_with_fd(fd.get(), 0);
  if (pass_through == nullptr) return fail(io_error("open", path, kNoOffset, ENOMEM));
  const auto timeout = std::chrono::ceil<std::chrono::seconds>(io_timeout);
  return std::unique_ptr<SgLun>(
      new SgLun(path, std::move(fd), pass_through, static_cast<int>(timeout.count())));
}

SgLun::SgLun(std::string path, FileDescriptor fd, sg_pt_base* pass_through, int timeout_s)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      turn_(DiskTurn::of(fd_.get())),
      pass_through_(pass_through),
      timeout_s_(timeout_s) {}

SgLun::~SgLun() {
  destruct_scsi_pt_obj(pass_through_);
}

Error SgLun::with_disk(Error error) const {
  error.disk = path_;
  return error;
}

Result<std::size_t> SgLun::execute(const Command& command) {
  std::array<std::uint8_t, 64> sense{};
  clear_scsi_pt_obj(pass_through_);
  set_scsi_pt_cdb(pass_through_, command.cdb.data(), static_cast<int>(command.cdb.size()));
  set_scsi_pt_sense(pass_through_, sense.data(), static_cast<int>(sense.size()));
  if (!command.data_in.empty()) {
    set_scsi_pt_data_in(pass_through_, command.data_in.data(),
                        static_cast<int>(command.data_in.size()));
  }
  if (!command.data_out.empty()) {
    set_scsi_pt_data_out(pass_through_, command.data_out.data(),
                         static_cast<int>(command.data_out.size()));
  }
  const int timeout_s = command.timeout_s != 0 ? command.timeout_s : timeout_s_;
  const DiskTurn::Held held = DiskTurn::wait(turn_, command.turn);
  const int sent = do_scsi_pt(pass_through_, fd_.get(), timeout_s, 0);
  if (sent > 0) {
    return fail({.code = sent == SCSI_PT_DO_TIMEOUT ? Code::kTimeout : Code::kUnsupported,
                 .operation = command.operation,
                 .disk = path_,
                 .detail = "the kernel's SCSI pass-through did not take the command"});
  }
  const auto sense_bytes = static_cast<std::size_t>(get_scsi_pt_sense_len(pass_through_));
  const CommandOutcome outcome{
      .sys_errno = sent < 0 ? -sent : 0,
      .host_status = get_scsi_pt_transport_err(pass_through_),
      .scsi_status = static_cast<std::uint8_t>(get_scsi_pt_status_response(pass_through_)),
      .sense = std::span(sense).first(std::min(sense.size(), sense_bytes))};
  if (Status status = judge(outcome, command.operation, path_); !status) {
    return fail(status.error());
  }
  const auto residual = static_cast<std::size_t>(std::max(0, get_scsi_pt_resid(pass_through_)));
  if (!command.data_out.empty() && residual != 0) {
    return fail(
        short_transfer(command.operation, path_, kNoOffset, command.data_out.size(),
                       command.data_out.size() - std::min(command.data_out.size(), residual)));
  }
  return command.data_in.size() - std::min(command.data_in.size(), residual);
}

Result<std::span<const std::uint8_t>> SgLun::reserve_in(PrInAction action,
                                                        std::span<std::uint8_t> data) {
  const PrCdb cdb = pr_in_cdb(action, static_cast<std::uint16_t>(data.size()));
  const auto received = execute({.operation = name_of(action), .cdb = cdb, .data_in = data});
  if (!received) return fail(received.error());
  return data.first(*received);
}

Status SgLun::reserve_out(PrOutAction action, std::optional<PrType> type,
                          const PrOutParameters& parameters, DiskTurn::Kind turn) {
  const PrCdb cdb = pr_out_cdb(action, type);
  const auto list = pr_out_parameter_list(parameters);
  const auto sent =
      execute({.operation = name_of(action), .cdb = cdb, .data_out = list, .turn = turn});
  if (!sent) return fail(sent.error());
  return {};
}

Status SgLun::test_unit_ready() {
  const auto sent = execute({.operation = "TEST UNIT READY", .cdb = kTestUnitReadyCdb});
  if (!sent) return fail(sent.error());
  return {};
}

Result<Registrations> SgLun::read_keys() {
  constexpr std::size_t kMaxBytes = std::numeric_limits<std::uint16_t>::max();
  std::vector<std::uint8_t> data(kFirstKeyListBytes);
  for (;;) {
    const auto received = reserve_in(PrInAction::kReadKeys, data);
    if (!received) return fail(received.error());
    Result<KeyList> list = parse_keys(*received);
    if (!list) return fail(with_disk(list.error()));
    if (!list->truncated_at(received->size())) return std::move(list->registrations);
    // Another nexus may register before the next try: ask for more than needed. The loop ends,
    // because each try asks for more and kMaxBytes is the most.
    const std::size_t wanted = std::min(list->needed_bytes + kFirstKeyListBytes, kMaxBytes);
    if (wanted <= data.size()) {
      return fail({.code = Code::kCorrupt,
                   .operation = name_of(PrInAction::kReadKeys),
                   .disk = path_,
                   .detail = "the key list is cut short, whatever length is asked for"});
    }
    data.assign(wanted, 0);
  }
}

Result<std::optional<Reservation>> SgLun::read_reservation() {
  std::array<std::uint8_t, kReservationBytes> data{};
  const auto received = reserve_in(PrInAction::kReadReservation, data);
  if (!received) return fail(received.error());
  auto reservation = parse_reservation(*received);
  if (!reservation) return fail(with_disk(reservation.error()));
  return reservation;
}

Result<PrCapabilities> SgLun::report_capabilities() {
  std::array<std::uint8_t, kCapabilitiesBytes> data{};
  const auto received = reserve_in(PrInAction::kCapabilities, data);
  if (!received) return fail(received.error());
  auto capabilities = parse_capabilities(*received);
  if (!capabilities) return fail(with_disk(capabilities.error()));
  return capabilities;
}

Status SgLun::register_ignoring_existing(ReservationKey key, bool aptpl) {
  return reserve_out(PrOutAction::kRegisterIgnoringExisting, std::nullopt,
                     {.own = {}, .service_action = key, .aptpl = aptpl});
}

Status SgLun::reserve(ReservationKey own, PrType type) {
  return reserve_out(PrOutAction::kReserve, type, {.own = own, .service_action = {}});
}

Status SgLun::release(ReservationKey own, PrType type) {
  return reserve_out(PrOutAction::kRelease, type, {.own = own, .service_action = {}});
}

Status SgLun::preempt(ReservationKey own, ReservationKey victim, PrType type) {
  return reserve_out(PrOutAction::kPreempt, type, {.own = own, .service_action = victim});
}

Status SgLun::preempt_and_abort(ReservationKey own, ReservationKey victim, PrType type) {
  return reserve_out(PrOutAction::kPreemptAndAbort, type, {.own = own, .service_action = victim},
                     DiskTurn::Kind::kAlone);
}

Status SgLun::write_blocks(std::uint64_t lba, std::uint32_t block_bytes,
                           std::span<const std::byte> data) {
  const WriteCdb cdb = write_cdb(lba, static_cast<std::uint32_t>(data.size() / block_bytes));
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  const auto sent = execute({.operation = "WRITE", .cdb = cdb.bytes(), .data_out = bytes});
  if (!sent) return fail(sent.error());
  return {};
}

Status SgLun::synchronize_cache(std::uint64_t lba, std::uint32_t blocks) {
  const auto cdb = synchronize_cache_cdb(lba, blocks);
  constexpr auto kLongest = std::chrono::duration_cast<std::chrono::seconds>(kLongestFlush);
  const auto sent =
      execute({.operation = "SYNCHRONIZE CACHE",
               .cdb = cdb,
               .timeout_s = std::max(timeout_s_, static_cast<int>(kLongest.count()))});
  if (!sent) return fail(sent.error());
  return {};
}

Status SgLun::logical_unit_reset() {
  // On a non-blocking descriptor, drivers/scsi/scsi_ioctl.c answers EAGAIN while the host adapter
  // is in error recovery. The reset of another disk on the adapter is such a recovery, and soon
  // over.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_s_);
  int error_number = EAGAIN;
  while (error_number == EAGAIN && std::chrono::steady_clock::now() < give_up) {
    DiskTurn::Held held = DiskTurn::wait(turn_, DiskTurn::Kind::kAlone);
    int what = SG_SCSI_RESET_DEVICE | kResetNoEscalate;
    if (::ioctl(fd_.get(), SG_SCSI_RESET, &what) == 0) return {};
    error_number = errno;
    held.give_back();
    if (error_number == EAGAIN) std::this_thread::sleep_for(kRecoveryPause);
  }
  Error error = io_error("LOGICAL UNIT RESET", path_, kNoOffset, error_number);
  if (error_number == EAGAIN) error.detail = "the host adapter is in error recovery; repeat";
  return fail(error);
}

}  // namespace lastword
