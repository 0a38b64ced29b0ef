#include "tests/fake/fake_shelf.h"

#include <algorithm>

#include "storage/block/io_error.h"
#include "tests/fake/shelf_state.h"

namespace lastword::fake {
namespace {

class FakeDevice final : public BlockDevice {
 public:
  FakeDevice(std::shared_ptr<ShelfState> state, Request base)
      : state_(std::move(state)), base_(std::move(base)), name_(state_->luns[base_.lun].name) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return state_->options.lun_bytes; }

  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (Status status = check("read", offset, buffer); !status) return status;
    Request request = base_;
    request.command = Command::kRead;
    request.offset = offset;
    request.length = buffer.size();
    return state_->run(request, [&](LunState& lun) -> Status {
      lun.medium.read(offset, buffer);
      return {};
    });
  }

  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    if (Status status = check("write", offset, buffer); !status) return status;
    Request request = base_;
    request.command = Command::kWrite;
    request.offset = offset;
    request.length = buffer.size();
    request.to_write = buffer;
    written_ = true;
    return state_->run(request, [&](LunState& lun) -> Status {
      lun.medium.write(offset, buffer);
      return {};
    });
  }

  // As PassThroughDevice: sends nothing where it wrote nothing.
  [[nodiscard]] Status flush() override { return written_ ? flush_all() : Status(); }
  [[nodiscard]] Status flush_all() override {
    Request request = base_;
    request.command = Command::kFlush;
    Status flushed = state_->run(request, [](LunState& lun) -> Status {
      lun.medium.flush();
      return {};
    });
    if (flushed) written_ = false;
    return flushed;
  }

 private:
  // As LinuxBlockDevice refuses it, before any command is sent.
  [[nodiscard]] Status check(std::string_view operation, std::uint64_t offset,
                             std::span<const std::byte> buffer) const {
    if (Status status = check_aligned(operation, name_, offset, buffer.size(), buffer.data());
        !status) {
      return status;
    }
    if (offset > size_bytes() || buffer.size() > size_bytes() - offset) {
      return fail({.code = Code::kRefused,
                   .operation = operation,
                   .disk = name_,
                   .offset = offset,
                   .detail = "beyond the end of the disk"});
    }
    return {};
  }

  std::shared_ptr<ShelfState> state_;
  Request base_;
  std::string name_;
  bool written_ = false;  // something was, and not flushed since
};

class FakeLun final : public ScsiLun {
 public:
  FakeLun(std::shared_ptr<ShelfState> state, Request base)
      : state_(std::move(state)), base_(std::move(base)), name_(state_->luns[base_.lun].name) {}

  [[nodiscard]] std::string_view name() const override { return name_; }

  [[nodiscard]] Status test_unit_ready() override {
    return run(Command::kTestUnitReady, [](LunState&) -> Status { return {}; });
  }
  [[nodiscard]] Result<Registrations> read_keys() override {
    Registrations answer;
    return run_in(Command::kReadKeys, answer,
                  [&](LunState& lun) { answer = lun.reservations.registrations(); });
  }
  [[nodiscard]] Result<std::optional<Reservation>> read_reservation() override {
    std::optional<Reservation> answer;
    return run_in(Command::kReadReservation, answer,
                  [&](LunState& lun) { answer = lun.reservations.reservation(); });
  }
  [[nodiscard]] Result<PrCapabilities> report_capabilities() override {
    PrCapabilities answer{.aptpl = state_->options.aptpl_capable};
    return run_in(Command::kReportCapabilities, answer, [](LunState&) {});
  }

  [[nodiscard]] Status register_ignoring_existing(ReservationKey key, bool aptpl) override {
    return run_out(Command::kRegister, key, {},
                   [this, key, aptpl](PersistentReservations& reservations, NexusId nexus) {
                     using Effect = PersistentReservations::Effect;
                     if (aptpl && !state_->options.aptpl_capable) {
                       return Effect{.outcome = PersistentReservations::Outcome::kInvalidField};
                     }
                     if (state_->options.forgets_registrations) return Effect{};
                     const bool kept = aptpl && !state_->options.aptpl_store_missing;
                     Effect effect = reservations.register_ignoring_existing(nexus, key, kept);
                     if (kept != aptpl) effect.outcome = PersistentReservations::Outcome::kNotKept;
                     return effect;
                   });
  }
  [[nodiscard]] Status reserve(ReservationKey own, PrType type) override {
    return run_out(Command::kReserve, own, {},
                   [&](PersistentReservations& reservations, NexusId nexus) {
                     return reservations.reserve(nexus, own, type);
                   });
  }
  [[nodiscard]] Status release(ReservationKey own, PrType type) override {
    return run_out(Command::kRelease, own, {},
                   [&](PersistentReservations& reservations, NexusId nexus) {
                     return reservations.release(nexus, own, type);
                   });
  }
  [[nodiscard]] Status preempt(ReservationKey own, ReservationKey victim, PrType type) override {
    return run_preempt(Command::kPreempt, own, victim, type);
  }
  [[nodiscard]] Status preempt_and_abort(ReservationKey own, ReservationKey victim,
                                         PrType type) override {
    return run_preempt(Command::kPreemptAndAbort, own, victim, type);
  }
  [[nodiscard]] Status logical_unit_reset() override {
    return run(Command::kReset, [this](LunState& lun) -> Status {
      state_->reset(lun);
      return {};
    });
  }

 private:
  template <class Work>
  [[nodiscard]] Status run(Command command, const Work& work) {
    Request request = base_;
    request.command = command;
    return state_->run(request, work);
  }

  template <class Answer, class Work>
  [[nodiscard]] Result<Answer> run_in(Command command, Answer& answer, const Work& work) {
    const Status status = run(command, [&](LunState& lun) -> Status {
      work(lun);
      return {};
    });
    if (!status) return fail(status.error());
    return answer;
  }

  template <class Work>
  [[nodiscard]] Status run_out(Command command, ReservationKey own, ReservationKey victim,
                               const Work& work) {
    Request request = base_;
    request.command = command;
    request.own = own;
    request.victim = victim;
    return state_->run(request, [&](LunState& lun) {
      return state_->apply(lun, request, work(lun.reservations, request.nexus));
    });
  }

  [[nodiscard]] Status run_preempt(Command command, ReservationKey own, ReservationKey victim,
                                   PrType type) {
    return run_out(command, own, victim, [&](PersistentReservations& reservations, NexusId nexus) {
      return reservations.preempt(nexus, own, victim, type);
    });
  }

  std::shared_ptr<ShelfState> state_;
  Request base_;
  std::string name_;
};

Request base_request(NexusId id, const std::string& initiator, unsigned lun) {
  return {.nexus = id, .initiator = initiator, .lun = lun};
}

}  // namespace

std::unique_ptr<BlockDevice> Nexus::device(unsigned lun) const {
  return std::make_unique<FakeDevice>(state_, base_request(id_, initiator_, lun));
}

std::unique_ptr<ScsiLun> Nexus::lun(unsigned lun) const {
  return std::make_unique<FakeLun>(state_, base_request(id_, initiator_, lun));
}

FakeShelf::FakeShelf(const ShelfOptions& options) : state_(std::make_shared<ShelfState>(options)) {}

FakeShelf::~FakeShelf() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->hook = {};
  state_->changed.notify_all();
}

Nexus FakeShelf::connect(const std::string& initiator) {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string>& known = state_->initiators;
  const auto found = std::ranges::find(known, initiator);
  const auto id = static_cast<NexusId>(found - known.begin());
  if (found == known.end()) {
    known.push_back(initiator);
    if (state_->options.power_on_attention) {
      for (LunState& lun : state_->luns) state_->add_attention(lun, id, kPowerOn);
    }
  }
  return {state_, id, initiator};
}

void FakeShelf::inject(unsigned lun, const Fault& fault) {
  const std::lock_guard lock(state_->mutex);
  state_->luns.at(lun).faults.push_back({.fault = fault});
}

void FakeShelf::heal(unsigned lun) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->luns.at(lun).faults.clear();
  }
  release_hung(lun);
}

void FakeShelf::release_hung(unsigned lun) {
  const std::lock_guard lock(state_->mutex);
  LunState& unit = state_->luns.at(lun);
  state_->execute_queued(unit);
  ++unit.release;
  state_->changed.notify_all();
}

void FakeShelf::wait_for_hung(unsigned lun, unsigned count) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->luns.at(lun).hung >= count; });
}

Status FakeShelf::queue_write(const Nexus& nexus, unsigned lun, std::uint64_t offset,
                              std::span<const std::byte> buffer) {
  const std::lock_guard lock(state_->mutex);
  Request request = base_request(nexus.id_, nexus.initiator_, lun);
  request.command = Command::kWrite;
  request.offset = offset;
  request.to_write = buffer;
  return state_->accept_write(request);
}

unsigned FakeShelf::execute_queued(unsigned lun) {
  const std::lock_guard lock(state_->mutex);
  return state_->execute_queued(state_->luns.at(lun));
}

std::size_t FakeShelf::queued(unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  return state_->luns.at(lun).queue.size();
}

void FakeShelf::lose_power(const Survival& survival) {
  const std::lock_guard lock(state_->mutex);
  for (LunState& lun : state_->luns) {
    for (const auto& write : lun.queue) write->aborted = write->done = true;
    lun.queue.clear();
    lun.medium.lose_power(survival);
    lun.reservations.lose_power();
    for (NexusId nexus = 0; nexus < state_->initiators.size(); ++nexus) {
      lun.attentions[nexus] = {kPowerOn};
    }
  }
  state_->changed.notify_all();
}

Status FakeShelf::clear(const Nexus& nexus, unsigned lun, ReservationKey own) {
  const std::lock_guard lock(state_->mutex);
  LunState& unit = state_->luns.at(lun);
  Request request = base_request(nexus.id_, nexus.initiator_, lun);
  return state_->apply(unit, request, unit.reservations.clear(nexus.id_, own));
}

void FakeShelf::set_hook(std::function<void(const CommandTrace&)> hook) {
  const std::lock_guard lock(state_->mutex);
  state_->hook = std::move(hook);
}

std::vector<CommandTrace> FakeShelf::trace() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trace;
}

void FakeShelf::clear_trace() {
  const std::lock_guard lock(state_->mutex);
  state_->trace.clear();
}

void FakeShelf::peek(unsigned lun, std::uint64_t offset, std::span<std::byte> buffer) const {
  const std::lock_guard lock(state_->mutex);
  state_->luns.at(lun).medium.read(offset, buffer);
}

void FakeShelf::poke(unsigned lun, std::uint64_t offset, std::span<const std::byte> buffer) {
  const std::lock_guard lock(state_->mutex);
  FakeMedium& medium = state_->luns.at(lun).medium;
  medium.write(offset, buffer);
  medium.flush();
}

void FakeShelf::peek_durable(unsigned lun, std::uint64_t offset,
                             std::span<std::byte> buffer) const {
  const std::lock_guard lock(state_->mutex);
  state_->luns.at(lun).medium.read_durable(offset, buffer);
}

void FakeShelf::land(unsigned lun, std::uint64_t offset, std::span<const std::byte> buffer) {
  const std::lock_guard lock(state_->mutex);
  state_->luns.at(lun).medium.write(offset, buffer);
}

std::vector<unsigned> FakeShelf::pending_attentions(unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<unsigned> all(state_->initiators.size());
  for (const auto& [nexus, pending] : state_->luns.at(lun).attentions) {
    all.at(nexus) = static_cast<unsigned>(pending.size());
  }
  return all;
}

std::vector<Registrant> FakeShelf::registrants(unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Registrant> all;
  for (const auto& [nexus, key] : state_->luns.at(lun).reservations.registered()) {
    all.push_back({.initiator = state_->initiators.at(nexus), .key = key});
  }
  return all;
}

bool FakeShelf::allows_write(const std::string& initiator, unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = std::ranges::find(state_->initiators, initiator);
  return found != state_->initiators.end() &&
         state_->luns.at(lun).reservations.allows_write(
             static_cast<NexusId>(found - state_->initiators.begin()));
}

Registrations FakeShelf::registrations(unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  return state_->luns.at(lun).reservations.registrations();
}

std::optional<Reservation> FakeShelf::reservation(unsigned lun) const {
  const std::lock_guard lock(state_->mutex);
  return state_->luns.at(lun).reservations.reservation();
}

}  // namespace lastword::fake
