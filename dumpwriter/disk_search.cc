#include "dumpwriter/disk_search.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "proto/disk.pb.h"
#include "proto/format_text.h"
#include "proto/timing.h"
#include "proto/unit_attention.h"
#include "storage/block/elsewhere.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Between looks at /sys/block, and between tries on a disk that is not ready yet.
constexpr milliseconds kLook{20};
constexpr milliseconds kRetry{100};

// Owned by every thread of the search: one that hangs outlives it.
struct Search {
  pb::Plan plan;
  milliseconds io_timeout{0};
  SteadyClock::time_point deadline;

  std::mutex mutex;  // of what follows
  std::vector<Result<OpenDisk>> found;
  std::vector<bool> held;  // by the plan's key, as far as found
  std::set<std::string> seen;
  bool over = false;
  SteadyClock::time_point last_news = SteadyClock::now();  // a new disk, or a thread that is done
};

// The block layer's own time-out, below which no command on this disk fails for slowness.
void set_kernel_timeout(const std::string& path, milliseconds timeout) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const auto seconds = std::max<std::int64_t>(1, (timeout.count() + 999) / 1000);
  const FileDescriptor file(
      ::open(("/sys/block/" + name + "/device/timeout").c_str(), O_WRONLY | O_CLOEXEC));
  const auto text = format_text<24>("{}\n", seconds);
  // Without it the kernel's 30 s hold; the write engine's time-out is what the policy goes by.
  if (file.valid()) (void)!::write(file.get(), text.view().data(), text.view().size());
}

// Which candidate this disk is; nothing: none of them. An error: it cannot be told yet.
Result<std::optional<int>> match(const Search& search, const std::string& path) {
  const auto disk = open_disk(path, Access::kReadOnly, search.io_timeout);
  if (!disk) return fail(disk.error());
  // By where a label would be; most disks agree on that.
  std::map<std::uint64_t, std::string> uuids;
  for (int i = 0; i < search.plan.candidates_size(); ++i) {
    const pb::Candidate& candidate = search.plan.candidates(i);
    const auto [found, unread] = uuids.try_emplace(candidate.metadata_offset_bytes());
    if (unread) {
      RecordIo records(*disk->device, found->first);
      pb::Label label;
      const auto read = records.read(RecordPlace::kLabel, label);
      if (!read && (read.error().code == Code::kIo || read.error().code == Code::kGone)) {
        return fail(read.error());
      }
      if (read) found->second = label.disk_uuid();
    }
    if (found->second == candidate.disk_uuid()) return i;
  }
  return std::nullopt;
}

Result<bool> holds(const Search& search, OpenDisk& disk) {
  if (!disk.lun) return false;
  const auto reservation = past_unit_attentions([&] { return disk.lun->read_reservation(); });
  if (!reservation) return fail(reservation.error());
  return *reservation && (*reservation)->holder.value == search.plan.reservation_key();
}

// Again and again, while it cannot be told and there is time.
template <class Question>
auto ask(const Search& search, Question question) {
  auto answer = question();
  while (!answer && SteadyClock::now() + kRetry < search.deadline) {
    std::this_thread::sleep_for(kRetry);
    answer = question();
  }
  return answer;
}

// Of two disks with one UUID (a snapshot, a clone) it is the one that this node holds.
void put(Search& search, std::size_t index, Result<OpenDisk> disk, bool held) {
  const std::lock_guard lock(search.mutex);
  if (search.over || (search.found[index] && (search.held[index] || !held))) return;
  search.found[index] = std::move(disk);
  search.held[index] = held;
}

void look_at(Search& search, const std::string& path) {
  const auto matched = ask(search, [&] { return match(search, path); });
  if (!matched || !*matched) return;
  set_kernel_timeout(path, search.io_timeout);
  Result<OpenDisk> disk = open_disk(path, Access::kReadWrite, search.io_timeout);
  const auto index = static_cast<std::size_t>(**matched);
  auto held = disk ? holds(search, *disk) : Result<bool>(false);
  if (!held) {
    // Until it tells, it counts as a copy: the time may run out over the next answer.
    put(search, index, open_disk(path, Access::kReadWrite, search.io_timeout), false);
    held = ask(search, [&] { return holds(search, *disk); });
  }
  put(search, index, std::move(disk), held.value_or(false));
}

void look_for_new_disks(const std::shared_ptr<Search>& search) {
  const auto disks = list_scsi_disks({}, search->seen);
  if (!disks) return;  // /sys/block is not there before the first disk driver is
  for (const DiskInfo& disk : *disks) {
    search->seen.insert(disk.path);
    search->last_news = SteadyClock::now();
    run_on_lost_thread([search, path = disk.path] {
      look_at(*search, path);
      const std::lock_guard lock(search->mutex);
      search->last_news = SteadyClock::now();
    });
  }
}

bool is_over(const Search& search) {
  // One that is not held may be a copy of the right one, which is still to come.
  const auto missing = std::count(search.held.begin(), search.held.end(), false);
  if (missing == 0) return true;
  const auto now = SteadyClock::now();
  if (now >= search.deadline) return true;
  // Threads that are still looking do not count: theirs may be a sick disk.
  const bool some = static_cast<std::size_t>(missing) < search.held.size();
  return some && now - search.last_news >= kDiskSettle;
}

}  // namespace

std::vector<Result<OpenDisk>> find_candidates(const pb::Plan& plan) {
  const auto search = std::make_shared<Search>();
  search->plan = plan;
  search->held.resize(static_cast<std::size_t>(plan.candidates_size()));
  search->io_timeout = milliseconds(plan.io_timeout_ms());
  // Without any candidate there is nothing else to do; after the grace time they are the partner's.
  search->deadline =
      SteadyClock::now() + std::max(search->io_timeout, milliseconds(plan.grace_ms()));
  for (const pb::Candidate& candidate : plan.candidates()) {
    search->found.emplace_back(fail(
        {.code = Code::kNotFound,
         .operation = "find candidate",
         .detail = format_text("no disk has the label of {} ({}) at byte {}", candidate.disk_uuid(),
                               candidate.description(), candidate.metadata_offset_bytes())}));
  }
  std::unique_lock lock(search->mutex);
  for (;;) {
    look_for_new_disks(search);
    if (is_over(*search)) break;
    lock.unlock();
    std::this_thread::sleep_for(kLook);
    lock.lock();
  }
  // A thread that comes later closes its disk.
  search->over = true;
  std::vector<Result<OpenDisk>> found;
  for (Result<OpenDisk>& disk : search->found) found.push_back(std::exchange(disk, OpenDisk{}));
  return found;
}

}  // namespace lastword
