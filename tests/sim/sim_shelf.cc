#include "tests/sim/sim_shelf.h"

#include <algorithm>

#include "storage/block/aligned_buffer.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/digest.h"

namespace lastword::sim {
namespace {

using fake::Command;

// Of one nexus to one logical unit; shared with the commands under way.
struct Way {
  Way(Target& way_target, ActorPtr way_actor, unsigned way_lun, std::string way_path)
      : target(way_target),
        actor(std::move(way_actor)),
        lun(way_lun),
        path(std::move(way_path)),
        nexus(target.shelf().connect(actor->initiator)),
        fake_lun(nexus.lun(lun)),
        fake_device(nexus.device(lun)) {}

  Target& target;
  ActorPtr actor;
  unsigned lun;
  std::string path;
  fake::Nexus nexus;
  std::unique_ptr<ScsiLun> fake_lun;
  std::unique_ptr<BlockDevice> fake_device;

  [[nodiscard]] fake::CommandTrace about(Command command) const {
    return {.initiator = actor->initiator, .lun = lun, .command = command};
  }
  [[nodiscard]] Status send(Target::Order order) const {
    Status status = target.send(actor, std::move(order));
    if (status) return status;
    Error error = status.error();
    error.disk = path;
    return fail(error);
  }
};
using WayPtr = std::shared_ptr<Way>;

std::uint64_t digest_of_answer(const Registrations& found) {
  std::uint64_t digest = 1;
  for (const ReservationKey key : found.keys) digest = mix(digest, key.value);
  return digest;
}
std::uint64_t digest_of_answer(const std::optional<Reservation>& found) {
  return found ? mix(found->holder.value, static_cast<std::uint64_t>(found->type)) : 2;
}
std::uint64_t digest_of_answer(const PrCapabilities&) {
  return 3;
}

class SimLun final : public ScsiLun {
 public:
  explicit SimLun(WayPtr way) : way_(std::move(way)) {}
  [[nodiscard]] std::string_view name() const override { return way_->path; }

  [[nodiscard]] Status test_unit_ready() override {
    return way_->send({.about = way_->about(Command::kTestUnitReady),
                       .execute = [way = way_] { return way->fake_lun->test_unit_ready(); }});
  }
  [[nodiscard]] Result<Registrations> read_keys() override {
    return ask<Registrations>(Command::kReadKeys,
                              [way = way_] { return way->fake_lun->read_keys(); });
  }
  [[nodiscard]] Result<std::optional<Reservation>> read_reservation() override {
    return ask<std::optional<Reservation>>(
        Command::kReadReservation, [way = way_] { return way->fake_lun->read_reservation(); });
  }
  [[nodiscard]] Result<PrCapabilities> report_capabilities() override {
    return ask<PrCapabilities>(Command::kReportCapabilities,
                               [way = way_] { return way->fake_lun->report_capabilities(); });
  }
  [[nodiscard]] Status register_ignoring_existing(ReservationKey key, bool aptpl) override {
    return change(Command::kRegister, key, {}, [way = way_, key, aptpl] {
      return way->fake_lun->register_ignoring_existing(key, aptpl);
    });
  }
  [[nodiscard]] Status reserve(ReservationKey own, PrType type) override {
    return change(Command::kReserve, own, {},
                  [way = way_, own, type] { return way->fake_lun->reserve(own, type); });
  }
  [[nodiscard]] Status release(ReservationKey own, PrType type) override {
    return change(Command::kRelease, own, {},
                  [way = way_, own, type] { return way->fake_lun->release(own, type); });
  }
  [[nodiscard]] Status preempt(ReservationKey own, ReservationKey victim, PrType type) override {
    return change(Command::kPreempt, own, victim, [way = way_, own, victim, type] {
      return way->fake_lun->preempt(own, victim, type);
    });
  }
  [[nodiscard]] Status preempt_and_abort(ReservationKey own, ReservationKey victim,
                                         PrType type) override {
    return change(Command::kPreemptAndAbort, own, victim, [way = way_, own, victim, type] {
      return way->fake_lun->preempt_and_abort(own, victim, type);
    });
  }
  [[nodiscard]] Status logical_unit_reset() override {
    return way_->send({.about = way_->about(Command::kReset),
                       .execute = [way = way_] { return way->fake_lun->logical_unit_reset(); }});
  }

 private:
  template <class Answer, class Ask>
  [[nodiscard]] Result<Answer> ask(Command command, Ask question) {
    const auto answer = std::make_shared<Answer>();
    const Status status = way_->send({.about = way_->about(command),
                                      .execute = [question, answer]() -> Status {
                                        auto found = question();
                                        if (!found) return fail(found.error());
                                        *answer = std::move(*found);
                                        return {};
                                      },
                                      .only_if_awaited = true});
    if (!status) return fail(status.error());
    if (Director* director = way_->target.director) {
      director->learnt(*way_->actor, digest_of_answer(*answer));
    }
    return std::move(*answer);
  }
  [[nodiscard]] Status change(Command command, ReservationKey own, ReservationKey victim,
                              std::function<Status()> execute) {
    fake::CommandTrace about = way_->about(command);
    about.own = own;
    about.victim = victim;
    return way_->send({.about = about, .execute = std::move(execute)});
  }

  WayPtr way_;
};

class SimDevice final : public BlockDevice {
 public:
  explicit SimDevice(WayPtr way) : way_(std::move(way)) {}
  [[nodiscard]] std::string_view name() const override { return way_->path; }
  [[nodiscard]] std::uint64_t size_bytes() const override {
    return way_->fake_device->size_bytes();
  }

  // The sender waits for it: its buffer is there for as long as it does.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    Status status = way_->send(
        {.about = at(Command::kRead, offset, buffer.size()),
         .execute = [way = way_, offset, buffer] { return way->fake_device->read(offset, buffer); },
         .only_if_awaited = true,
         .bounded = false});
    if (Director* director = way_->target.director; director != nullptr && status) {
      director->learnt(*way_->actor, digest_of(buffer));
    }
    return status;
  }
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    const auto data = std::make_shared<std::vector<std::byte>>(buffer.begin(), buffer.end());
    return way_->send({.about = at(Command::kWrite, offset, buffer.size()),
                       .execute =
                           [way = way_, offset, data] {
                             const AlignedBuffer aligned(data->size());
                             std::ranges::copy(*data, aligned.span().begin());
                             return way->fake_device->write(offset,
                                                            aligned.span().first(data->size()));
                           },
                       .data = data,
                       .bounded = false});
  }
  [[nodiscard]] Status flush() override { return flush_all(); }
  [[nodiscard]] Status flush_all() override {
    return way_->send({.about = way_->about(Command::kFlush),
                       .execute = [way = way_] { return way->fake_device->flush_all(); },
                       .bounded = false});
  }

 private:
  [[nodiscard]] fake::CommandTrace at(Command command, std::uint64_t offset,
                                      std::size_t length) const {
    fake::CommandTrace about = way_->about(command);
    about.offset = offset;
    about.length = length;
    return about;
  }

  WayPtr way_;
};

}  // namespace

OpenDisk open_lun(Target& target, const ActorPtr& actor, const Sight& sight, unsigned lun) {
  const auto way = std::make_shared<Way>(target, actor, lun, sight.path_of(lun));
  return {
      .info = {.path = way->path, .description = "", .size_bytes = way->fake_device->size_bytes()},
      .device = std::make_unique<SimDevice>(way),
      .lun = std::make_unique<SimLun>(way),
      .fd = static_cast<int>(lun)};
}

Result<std::vector<DiskInfo>> SimShelf::list() {
  std::vector<DiskInfo> disks;
  for (unsigned place = 0; place < sight_.luns; ++place) {
    const std::string path = "/dev/sd" + std::string(1, static_cast<char>('a' + place));
    if (sight_.unseen.at(sight_.lun_of(path))) continue;
    disks.push_back({.path = path, .description = "", .size_bytes = 64 << 20});
  }
  return disks;
}

Status SimShelf::wait_for(unsigned lun, const std::string& path) {
  if (sight_.unseen.at(lun)) return fail({.code = Code::kGone, .operation = "open", .disk = path});
  while (target_.hangs(actor_->node, lun)) {
    scheduler_.sleep_until(target_.hung_until(actor_->node, lun));
  }
  return {};
}

// As for a real disk, something is read: a disk that hangs is noticed here.
Result<OpenDisk> SimShelf::open(const DiskInfo& info, Access, milliseconds) {
  const unsigned lun = sight_.lun_of(info.path);
  if (Status there = wait_for(lun, info.path); !there) return fail(there.error());
  OpenDisk disk = open_lun(target_, actor_, sight_, lun);
  disk.info = info;
  return disk;
}

Result<bool> SimShelf::is_claimed(const std::string& disk) {
  const unsigned lun = sight_.lun_of(disk);
  if (Status there = wait_for(lun, disk); !there) return fail(there.error());
  return sight_.claims.at(lun) != 0;
}

Result<std::uint64_t> SimShelf::find_records(OpenDisk&) {
  return test::kMetadataOffset;
}

Status SimShelf::drop_stale_cache(const DiskInfo&) {
  scheduler_.sleep(random_.between(Time(100), Time(5000)));
  return {};
}

Openers SimShelf::find_openers(const std::vector<std::string>&) {
  return {};
}

void SimShelf::read_each(std::span<ReadRequest> requests) {
  while (!requests.empty()) {
    const int fd = requests.front().fd;
    std::size_t count = 1;
    while (count < requests.size() && requests[count].fd == fd) ++count;
    const auto group = requests.first(count);
    requests = requests.subspan(count);
    const auto lun = static_cast<unsigned>(fd);
    const auto nexus = target_.shelf().connect(actor_->initiator);
    fake::CommandTrace about{.initiator = actor_->initiator, .lun = lun, .command = Command::kRead};
    about.offset = group.front().offset;
    about.length = group.back().offset + group.back().buffer.size() - about.offset;
    const Status status = target_.send(actor_, {.about = about,
                                                .execute = [&]() -> Status {
                                                  for (ReadRequest& request : group) {
                                                    request.status = nexus.device(lun)->read(
                                                        request.offset, request.buffer);
                                                  }
                                                  return {};
                                                },
                                                .only_if_awaited = true,
                                                .bounded = false});
    for (ReadRequest& request : group) {
      if (!status) request.status = fail({.code = Code::kTimeout, .operation = "read"});
      if (!status) request.status.error().disk = request.disk;
      if (request.status) target_.director->learnt(*actor_, digest_of(request.buffer));
    }
  }
}

// All of a disk's requests at one moment; now and then there is time between two of them.
Status SimShelf::read(std::span<ReadRequest> requests, milliseconds timeout) {
  if (target_.director != nullptr) {
    read_each(requests);
    return {};
  }
  const Time asked = scheduler_.now();
  bool hung = false;
  scheduler_.sleep(random_.between(Time(80), Time(600)));
  const auto nexus = target_.shelf().connect(actor_->initiator);
  std::array<std::unique_ptr<BlockDevice>, kMaxLuns> devices;
  for (ReadRequest& request : requests) {
    const auto lun = static_cast<unsigned>(request.fd);
    const Time until = target_.hung_until(actor_->node, lun);
    if (until > scheduler_.now() || sight_.unseen.at(lun) || random_.one_in(target_.rates().lost)) {
      hung = true;
      request.status = fail({.code = sight_.unseen.at(lun) ? Code::kGone : Code::kTimeout,
                             .operation = "read",
                             .disk = request.disk});
      // The kernel lets go of it in the end.
      scheduler_.at(until, [keep = request.keep] {});
      continue;
    }
    if (random_.one_in(24)) scheduler_.sleep(random_.between(Time(50), Time(3000)));
    if (!devices.at(lun)) devices.at(lun) = nexus.device(lun);
    request.status = devices.at(lun)->read(request.offset, request.buffer);
  }
  if (hung) scheduler_.sleep_until(asked + timeout);
  return {};
}

}  // namespace lastword::sim
