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

}  // namespace

std::shared_ptr<DiskTurn> DiskTurn::of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISBLK(status.st_mode)) return nullptr;
  KnownTurns& known = known_turns();
  const std::lock_guard lock(known.mutex);
  std::weak_ptr<DiskTurn>& place = known.by_number[status.st_rdev];
  auto turn = place.lock();
  if (turn == nullptr) {
    // Not on the disk's node: flock(2) there is udev's, and what formats a disk holds it for long.
    turn = on(fmt::format("/sys/dev/block/{}:{}", major(status.st_rdev), minor(status.st_rdev)));
    place = turn;
  }
  return turn;
}

std::shared_ptr<DiskTurn> DiskTurn::on(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return nullptr;
  return std::make_shared<DiskTurn>(std::move(file));
}

bool DiskTurn::enter(Kind kind) {
  const std::lock_guard lock(mutex_);
  if (alone_ || (kind == Kind::kAlone && beside_ != 0)) return false;
  if (beside_ == 0) {
    const int wanted = kind == Kind::kAlone ? LOCK_EX : LOCK_SH;
    if (::flock(file_.get(), wanted | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  }
  if (kind == Kind::kAlone) {
    alone_ = true;
  } else {
    ++beside_;
  }
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

DiskTurn::Held DiskTurn::take(const std::shared_ptr<DiskTurn>& turn, Kind kind) {
  if (turn == nullptr || !turn->enter(kind)) return nullptr;
  return Held(turn.get(), [turn, kind](void*) { turn->leave(kind); });
}

DiskTurn::Held DiskTurn::wait(const std::shared_ptr<DiskTurn>& turn, Kind kind,
                              Clock::time_point end) {
  if (turn == nullptr) return nullptr;
  for (;;) {
    if (Held held = take(turn, kind)) return held;
    if (Clock::now() >= end) return nullptr;
    std::this_thread::sleep_for(kTurnPause);
  }
}

DiskTurn::Held DiskTurn::wait(const std::shared_ptr<DiskTurn>& turn, Kind kind) {
  return wait(turn, kind, Clock::now() + (kind == Kind::kAlone ? kPatienceAlone : kPatienceBeside));
}

}  // namespace lastword
