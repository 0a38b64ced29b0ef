#include "storage/block/disk_turn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <map>
#include <thread>

#include "proto/timing.h"

namespace lastword {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kTurnPause{1};

struct KnownTurns {
  std::mutex mutex;
  std::map<dev_t, std::weak_ptr<DiskTurn>> by_number;
};

KnownTurns& known_turns() {
  static auto* const turns = new KnownTurns;  // threads that hang outlive main()
  return *turns;
}

std::size_t index_of(DiskTurn::Kind kind) {
  return static_cast<std::size_t>(kind);
}

}  // namespace

std::shared_ptr<DiskTurn> DiskTurn::of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISBLK(status.st_mode) || status.st_rdev == 0) return nullptr;
  KnownTurns& known = known_turns();
  const std::lock_guard lock(known.mutex);
  std::weak_ptr<DiskTurn>& place = known.by_number[status.st_rdev];
  auto turn = place.lock();
  if (turn == nullptr) {
    (void)::mkdir(kFolder, S_IRWXU);
    turn = on(fmt::format("{}/{}:{}", kFolder, major(status.st_rdev), minor(status.st_rdev)));
    place = turn;
  }
  return turn;
}

std::shared_ptr<DiskTurn> DiskTurn::on(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) return nullptr;
  return std::make_shared<DiskTurn>(std::move(file));
}

bool DiskTurn::enter(Kind kind) {
  const std::lock_guard lock(mutex_);
  if (alone_) return false;
  if (kind == Kind::kAlone ? beside_ != 0 : wait_alone_ != 0) return false;
  if (beside_ == 0) {
    const int wanted = kind == Kind::kAlone ? LOCK_EX : LOCK_SH;
    if (::flock(file_.get(), wanted | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  }
  if (kind == Kind::kAlone) {
    alone_ = true;
  } else {
    ++beside_;
  }
  in_vain_.at(index_of(kind)) = false;
  return true;
}

void DiskTurn::leave(Kind kind) {
  const std::lock_guard lock(mutex_);
  if (kind == Kind::kAlone) {
    alone_ = false;
  } else {
    --beside_;
  }
  if (beside_ == 0) (void)::flock(file_.get(), LOCK_UN);
}

// False: one try is enough.
bool DiskTurn::begin_wait(Kind kind) {
  const std::lock_guard lock(mutex_);
  if (in_vain_.at(index_of(kind))) return false;
  if (kind == Kind::kAlone) ++wait_alone_;
  return true;
}

void DiskTurn::end_wait(Kind kind, bool in_vain) {
  const std::lock_guard lock(mutex_);
  if (kind == Kind::kAlone) --wait_alone_;
  if (in_vain) in_vain_.at(index_of(kind)) = true;
}

bool DiskTurn::was_in_vain(Kind kind) {
  const std::lock_guard lock(mutex_);
  return in_vain_.at(index_of(kind));
}

DiskTurn::Held DiskTurn::take(const std::shared_ptr<DiskTurn>& turn, Kind kind) {
  if (turn == nullptr || !turn->enter(kind)) return {};
  return {turn, kind};
}

DiskTurn::Held DiskTurn::wait(const std::shared_ptr<DiskTurn>& turn, Kind kind,
                              Clock::time_point end) {
  if (turn == nullptr) return {};
  if (turn->enter(kind)) return {turn, kind};
  if (!turn->begin_wait(kind)) return {};
  for (;;) {
    const bool entered = turn->enter(kind);
    if (entered || Clock::now() >= end) {
      turn->end_wait(kind, !entered);
      return entered ? Held(turn, kind) : Held();
    }
    std::this_thread::sleep_for(kTurnPause);
  }
}

DiskTurn::Held DiskTurn::wait(const std::shared_ptr<DiskTurn>& turn, Kind kind) {
  return wait(turn, kind, Clock::now() + (kind == Kind::kAlone ? kPatienceAlone : kPatienceBeside));
}

}  // namespace lastword
