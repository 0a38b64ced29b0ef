#include "tests/fake/shelf_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "storage/block/io_error.h"
#include "storage/reserve/scsi_outcome.h"

namespace lastword::fake {
namespace {

bool is_block_io(Command command) {
  return command == Command::kRead || command == Command::kWrite || command == Command::kFlush;
}

Error sense_error(const LunState& lun, const Request& request, Code code, std::uint8_t key,
                  Attention what) {
  Error error = request_error(lun, request, code);
  error.sense = {.status = kStatusCheckCondition, .key = key, .asc = what.asc, .ascq = what.ascq};
  return error;
}

Error conflict(const LunState& lun, const Request& request) {
  if (is_block_io(request.command)) return request_error(lun, request, Code::kConflict);
  Error error = request_error(lun, request, Code::kConflict);
  error.sense.status = kStatusReservationConflict;
  return error;
}

Error with_errno(Error error, int number) {
  error.sys_errno = number;
  return error;
}

CommandTrace trace_of(const Request& request) {
  return {.initiator = request.initiator,
          .lun = request.lun,
          .command = request.command,
          .own = request.own,
          .victim = request.victim,
          .offset = request.offset,
          .length = request.length,
          .outcome = {}};
}

}  // namespace

std::string_view name_of(Command command) {
  switch (command) {
    case Command::kTestUnitReady:
      return "TEST UNIT READY";
    case Command::kReadKeys:
      return "READ KEYS";
    case Command::kReadReservation:
      return "READ RESERVATION";
    case Command::kReportCapabilities:
      return "REPORT CAPABILITIES";
    case Command::kRegister:
      return "REGISTER AND IGNORE";
    case Command::kReserve:
      return "RESERVE";
    case Command::kRelease:
      return "RELEASE";
    case Command::kPreempt:
      return "PREEMPT";
    case Command::kPreemptAndAbort:
      return "PREEMPT AND ABORT";
    case Command::kReset:
      return "LOGICAL UNIT RESET";
    case Command::kRead:
      return "read";
    case Command::kWrite:
      return "write";
    case Command::kFlush:
      return "flush";
  }
  return "unknown";
}

Error request_error(const LunState& lun, const Request& request, Code code) {
  Error error{.code = code, .operation = name_of(request.command), .disk = lun.name};
  if (request.command == Command::kRead || request.command == Command::kWrite) {
    error.offset = request.offset;
  }
  if (is_block_io(request.command)) {
    if (code == Code::kConflict) error.sys_errno = EBADE;
    if (code == Code::kGone) error.sys_errno = ENODEV;
    if (code == Code::kTimeout) error.sys_errno = ETIMEDOUT;
  }
  return error;
}

ShelfState::ShelfState(const ShelfOptions& wanted) : options(wanted), luns(wanted.luns) {
  for (unsigned i = 0; i < wanted.luns; ++i) luns[i].name = fmt::format("/dev/fake{}", i);
}

void ShelfState::add_attention(LunState& lun, NexusId nexus, Attention attention) {
  std::vector<Attention>& pending = lun.attentions[nexus];
  if (std::ranges::find(pending, attention) == pending.end()) pending.push_back(attention);
}

void ShelfState::abort_commands(LunState& lun, NexusId nexus) {
  bool any = false;
  std::erase_if(lun.queue, [&](const auto& write) {
    if (write->nexus != nexus) return false;
    write->aborted = write->done = any = true;
    return true;
  });
  // SAM-5 5.14 with TAS 0: whoever lost commands to another initiator finds out by this.
  if (any) add_attention(lun, nexus, kCommandsCleared);
  changed.notify_all();
}

Status ShelfState::apply(LunState& lun, const Request& request,
                         const PersistentReservations::Effect& effect) {
  using Outcome = PersistentReservations::Outcome;
  constexpr std::uint8_t kNotReady = 2;
  constexpr std::uint8_t kIllegalRequest = 5;
  switch (effect.outcome) {
    case Outcome::kConflict:
      return fail(conflict(lun, request));
    case Outcome::kInvalidField:
      return fail(sense_error(lun, request, Code::kUnsupported, kIllegalRequest, {0x26, 0x00}));
    case Outcome::kInvalidRelease:
      return fail(sense_error(lun, request, Code::kRefused, kIllegalRequest, {0x26, 0x04}));
    case Outcome::kNotKept:
      return fail(sense_error(lun, request, Code::kIo, kNotReady, {0x08, 0x00}));
    case Outcome::kGood:
      break;
  }
  for (const auto& [nexus, attention] : effect.attentions) add_attention(lun, nexus, attention);
  if (request.command == Command::kPreemptAndAbort &&
      (effect.took_reservation || !options.aborts_for_holder_only)) {
    for (const NexusId nexus : effect.preempted) abort_commands(lun, nexus);
  }
  return {};
}

void ShelfState::reset(LunState& lun) {
  for (const auto& write : lun.queue) write->aborted = write->done = true;
  lun.queue.clear();
  for (NexusId nexus = 0; nexus < initiators.size(); ++nexus) {
    add_attention(lun, nexus, kDeviceReset);
  }
  changed.notify_all();
}

unsigned ShelfState::execute_queued(LunState& lun) {
  const auto count = static_cast<unsigned>(lun.queue.size());
  for (const auto& write : lun.queue) {
    lun.medium.write(write->offset, write->data);
    write->done = true;
  }
  lun.queue.clear();
  changed.notify_all();
  return count;
}

std::optional<Fault> ShelfState::next_fault(LunState& lun, const Request& request) {
  for (ArmedFault& armed : lun.faults) {
    const Fault& fault = armed.fault;
    if (fault.only && *fault.only != request.command) continue;
    const bool writes_only =
        fault.kind == FaultKind::kShortWrite || fault.kind == FaultKind::kTornBlock;
    if (writes_only && request.command != Command::kWrite) continue;
    if (!fault.initiator.empty() && fault.initiator != request.initiator) continue;
    const unsigned number = armed.seen++;
    if (number < fault.skip || number - fault.skip >= fault.times) continue;
    return fault;
  }
  return std::nullopt;
}

// Unit attentions, and reservation conflicts of block I/O; those of PR OUT come from
// PersistentReservations itself.
Status ShelfState::admit(LunState& lun, const Request& request) {
  std::vector<Attention>& pending = lun.attentions[request.nexus];
  const bool blocked =
      request.command == Command::kRead
          ? !lun.reservations.allows_read(request.nexus)
          : (request.command == Command::kWrite || request.command == Command::kFlush) &&
                !lun.reservations.allows_write(request.nexus);
  if (is_block_io(request.command)) {
    // The kernel's disk driver repeats a command after a unit attention: nobody sees it.
    pending.clear();
  } else if (!pending.empty() && request.command != Command::kReset) {
    constexpr std::uint8_t kUnitAttention = 6;
    const Attention first = pending.front();
    pending.erase(pending.begin());
    return fail(sense_error(lun, request, Code::kUnitAttention, kUnitAttention, first));
  }
  if (blocked) return fail(conflict(lun, request));
  return {};
}

Status ShelfState::strike(LunState& lun, const Request& request, const Fault& fault) {
  constexpr std::uint8_t kIllegalRequest = 5;
  constexpr std::uint8_t kUnitAttention = 6;
  const auto error = [&](Code code) { return request_error(lun, request, code); };
  switch (fault.kind) {
    case FaultKind::kIoError:
      return fail(with_errno(error(Code::kIo), EIO));
    case FaultKind::kMediumError:
      return fail(with_errno(error(Code::kIo), ENODATA));
    case FaultKind::kConflict:
      return fail(conflict(lun, request));
    case FaultKind::kAttention:
      return fail(sense_error(lun, request, Code::kUnitAttention, kUnitAttention, kPowerOn));
    case FaultKind::kUnsupported:
      return fail(sense_error(lun, request, Code::kUnsupported, kIllegalRequest, {0x20, 0x00}));
    case FaultKind::kGone:
      return fail(error(Code::kGone));
    case FaultKind::kTimeout:
      if (request.command == Command::kWrite) {
        if (Status status = accept_write(request); !status) return status;
      }
      return fail(error(Code::kTimeout));
    case FaultKind::kShortWrite:
    case FaultKind::kTornBlock: {
      if (Status status = admit(lun, request); !status) return status;
      const std::size_t blocks = request.to_write.size() / kBlockBytes;
      const bool torn = fault.kind == FaultKind::kTornBlock;
      const std::size_t whole = torn ? blocks - 1 : std::min<std::size_t>(fault.argument, blocks);
      lun.medium.write(request.offset, request.to_write.first(whole * kBlockBytes));
      if (torn) {
        lun.medium.write_torn(request.offset + whole * kBlockBytes,
                              request.to_write.subspan(whole * kBlockBytes), fault.argument);
      }
      return fail(error(Code::kIo));
    }
    case FaultKind::kHang:
      break;
  }
  return {};
}

Status ShelfState::accept_write(const Request& request) {
  LunState& lun = luns[request.lun];
  if (Status status = admit(lun, request); !status) return status;
  lun.queue.push_back(std::make_shared<QueuedWrite>(
      QueuedWrite{.nexus = request.nexus,
                  .offset = request.offset,
                  .data = {request.to_write.begin(), request.to_write.end()}}));
  return {};
}

Status ShelfState::hang(LunState& lun, const Request& request, const Execute& execute,
                        std::unique_lock<std::mutex>& lock) {
  std::shared_ptr<QueuedWrite> write;
  if (request.command == Command::kWrite) {
    if (Status status = accept_write(request); !status) return status;
    write = lun.queue.back();
  }
  const std::uint64_t before = lun.release;
  ++lun.hung;
  changed.notify_all();
  changed.wait(lock, [&] { return closed || (write ? write->done : lun.release != before); });
  --lun.hung;
  if (closed) return fail(request_error(lun, request, Code::kGone));
  if (write) {
    if (write->aborted) return fail(with_errno(request_error(lun, request, Code::kIo), EIO));
    return {};
  }
  if (Status status = admit(lun, request); !status) return status;
  return execute(lun);
}

Status ShelfState::run_locked(const Request& request, const Execute& execute,
                              std::unique_lock<std::mutex>& lock) {
  LunState& lun = luns[request.lun];
  if (closed) return fail(request_error(lun, request, Code::kGone));
  if (const std::optional<Fault> fault = next_fault(lun, request)) {
    if (fault->kind == FaultKind::kHang) return hang(lun, request, execute, lock);
    return strike(lun, request, *fault);
  }
  if (Status status = admit(lun, request); !status) return status;
  return execute(lun);
}

Status ShelfState::run(const Request& request, const Execute& execute) {
  std::function<void(const CommandTrace&)> call;
  {
    const std::lock_guard lock(mutex);
    call = hook;
  }
  if (call) call(trace_of(request));
  std::unique_lock lock(mutex);
  const Status status = run_locked(request, execute, lock);
  if (!options.keeps_trace) return status;
  trace.push_back(trace_of(request));
  trace.back().outcome = status;
  return status;
}

}  // namespace lastword::fake
