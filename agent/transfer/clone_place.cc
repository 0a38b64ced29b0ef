#include "agent/transfer/clone_place.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "agent/transfer/clone_store.h"
#include "agent/transfer/list_run.h"
#include "agent/transfer/prune_run.h"
#include "agent/transfer/publication.h"
#include "agent/transfer/snapshot_run.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/thin_list.h"
#include "agent/transfer/thin_lock.h"
#include "agent/transfer/thin_send.h"
#include "agent/transfer/thin_snapshot.h"
#include "agent/transfer/thin_staging.h"
#include "agent/transfer/xfs_staging.h"

namespace lastword {
namespace {

// The volumes of a snapshot and of its base are files that are all open at once, and 1024 is what a
// program may have open unless it asks for more. Where that is refused, opening a volume says so.
void allow_open_files() {
  constexpr rlim_t kWanted = 4 * kMaxCloneVolumes;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

class DirectoryClones final : public ClonePlace {
 public:
  explicit DirectoryClones(std::string path) : path_(std::move(path)) { allow_open_files(); }

  Result<pb::CloneList> list() override { return list_clones(path_); }
  Result<pb::CloneSnapshot> take_snapshot(Executor& executor) override {
    return lastword::take_snapshot(path_, executor);
  }
  Result<pb::CloneTransfer> send(const SendRequest& request) override { return send_set(request); }
  Result<pb::CloneSnapshot> verify(const std::string& uuid) override {
    if (!uuid.empty()) return verify_snapshot(path_, uuid);
    const auto newest = newest_snapshot(path_);
    return newest ? verify_snapshot(path_, *newest) : fail(newest.error());
  }
  Status note_common(const std::string& peer, const std::string& uuid) override {
    return lastword::note_common(path_, peer, uuid);
  }
  std::string left_by_send() const override { return {}; }
  std::unique_ptr<Staging> staging(const ReceiveHow&) override {
    return std::make_unique<XfsStaging>(path_);
  }
  std::string left_by_receive(bool resumable) const override {
    return (resumable ? "lastword clone push goes on where this ends, or lastword clone abort " +
                            path_ + " removes what is kept"
                      : "what is staged is removed by the next receive, or by lastword clone "
                        "abort " +
                            path_);
  }
  std::string left_by_publishing() const override {
    return "lastword clone abort " + path_ + ", or the next receive, ends that or removes it all";
  }
  Result<std::vector<std::string>> snapshots() override { return find_snapshots(path_); }
  Result<Set> examine() override {
    const auto newest = newest_snapshot(path_);
    if (!newest) return fail(newest.error());
    const auto uuids = find_snapshots(path_);
    if (!uuids) return fail(uuids.error());
    const auto latest = load_snapshot(directory_of(path_, *newest));
    if (!latest) return fail(latest.error());
    Set set{.name = latest->set_name(), .snapshots = {}};
    for (const std::string& uuid : *uuids) {
      auto snapshot = load_snapshot(directory_of(path_, uuid));
      if (!snapshot) return fail(snapshot.error());
      set.snapshots.push_back(std::move(*snapshot));
    }
    return set;
  }
  Result<std::vector<pb::CloneStaged>> staged() override { return find_staged(path_); }
  Result<bool> remove_staged() override { return lastword::remove_staged(path_); }
  Result<PrunePlan> prune(std::size_t keep, bool force) override {
    return prune_set(path_, keep, force);
  }
  Status require_directory() const override { return {}; }
  Result<std::vector<std::string>> devices() override { return std::vector<std::string>(); }

 private:
  const std::string path_;
};

class ThinClones final : public ClonePlace {
 public:
  ThinClones(ThinPlace place, LvmCommands& commands)
      : place_(std::move(place)), commands_(commands) {}

  Result<pb::CloneList> list() override { return list_thin_pool(commands_, place_); }
  Result<pb::CloneSnapshot> take_snapshot(Executor& executor) override {
    return take_thin_snapshot(commands_, place_, executor);
  }
  Result<pb::CloneTransfer> send(const SendRequest& request) override {
    return send_thin(commands_, place_, request);
  }
  Result<pb::CloneSnapshot> verify(const std::string& uuid) override {
    return verify_thin(commands_, place_, uuid);
  }
  Status note_common(const std::string& peer, const std::string& uuid) override {
    return note_thin_common(commands_, place_, peer, uuid);
  }
  std::string left_by_send() const override {
    return "volumes lastword-UUID-N of " + pool() + " may have stayed active: lvchange -an";
  }
  std::unique_ptr<Staging> staging(const ReceiveHow& how) override {
    return std::make_unique<ThinStaging>(
        commands_, place_,
        ThinStaging::Options{.allow_unshared = how.allow_unshared, .tell_cost = how.tell_cost});
  }
  std::string left_by_receive(bool /*resumable*/) const override {
    return "volumes lastword-UUID-staged-N of " + pool() + " may be left: lastword clone abort " +
           to_string(place_) +
           " removes them, and so does the next receive; a thin pool cannot go on with them";
  }
  std::string left_by_publishing() const override {
    return "lastword clone snapshots " + to_string(place_) +
           " says whether it is there, and lastword clone abort " + to_string(place_) +
           " removes what is left of the transfer";
  }
  Result<std::vector<std::string>> snapshots() override {
    const auto pool = examine_thin_pool(commands_, place_);
    if (!pool) return fail(pool.error());
    std::vector<std::string> uuids;
    for (const ThinSnapshotName& one : whole_snapshots(*pool)) uuids.push_back(one.uuid);
    return uuids;
  }
  Result<Set> examine() override {
    const auto pool = examine_thin_pool(commands_, place_);
    if (!pool) return fail(pool.error());
    if (const auto newest = newest_thin_snapshot(*pool); !newest) return fail(newest.error());
    Set set{.name = place_.pool, .snapshots = {}};
    for (const ThinSnapshotName& one : whole_snapshots(*pool)) {
      pb::CloneSnapshot& snapshot = set.snapshots.emplace_back();
      snapshot.set_uuid(one.uuid);
      snapshot.set_taken_utc(one.taken_utc);
    }
    return set;
  }
  // It keeps nothing.
  Result<std::vector<pb::CloneStaged>> staged() override { return std::vector<pb::CloneStaged>(); }
  Result<bool> remove_staged() override {
    const auto lock = lock_thin_pool(commands_, place_);
    if (!lock) return fail(lock.error());
    const auto pool = examine_thin_pool(commands_, place_);
    return pool ? sweep_thin_pool(commands_, *pool) : fail(pool.error());
  }
  Result<PrunePlan> prune(std::size_t keep, bool force) override {
    return prune_thin(commands_, place_, keep, force);
  }
  Status require_directory() const override {
    return fail({.code = Code::kUsage,
                 .disk = to_string(place_),
                 .detail = "is a thin pool, for which this is not there yet"});
  }
  // The device that volumes are on has the first name where any of them is in use.
  Result<std::vector<std::string>> devices() override {
    const auto pool = examine_thin_pool(commands_, place_);
    if (!pool) return fail(pool.error());
    const std::string device = device_of(place_, place_.pool);
    return std::vector<std::string>{device + "-tpool", device};
  }

 private:
  [[nodiscard]] std::string pool() const { return whole_name(place_, place_.pool); }
  const ThinPlace place_;
  LvmCommands& commands_;
};

}  // namespace

Result<std::unique_ptr<ClonePlace>> ClonePlace::at(const std::string& text, LvmCommands& commands) {
  const auto thin = thin_place(text);
  if (!thin) return std::make_unique<DirectoryClones>(text);
  if (!*thin) return fail(thin->error());
  return std::make_unique<ThinClones>(**thin, commands);
}

// A thin pool has one set.
std::string set_in(const std::string& pool, const std::string& set_name) {
  return thin_place(pool) ? pool : pool + "/" + set_name;
}

}  // namespace lastword
