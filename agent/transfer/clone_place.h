// Where a set of clones is: a directory on an XFS, or a thin pool of LVM. Here they are told apart,
// and nowhere else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/executor.h"
#include "agent/transfer/clone.pb.h"
#include "agent/transfer/lvm_commands.h"
#include "agent/transfer/prune_plan.h"
#include "agent/transfer/receive_stream.h"
#include "agent/transfer/send_run.h"

namespace lastword {

class ClonePlace {
 public:
  // "lvm:VG/POOL", or a path. kUsage: it begins as a pool, and is none. `commands` outlives it.
  [[nodiscard]] static Result<std::unique_ptr<ClonePlace>> at(const std::string& text,
                                                              LvmCommands& commands = real_lvm());
  virtual ~ClonePlace() = default;
  ClonePlace(const ClonePlace&) = delete;
  ClonePlace& operator=(const ClonePlace&) = delete;

  // list_run.h, thin_list.h; of a directory also a pool of sets.
  [[nodiscard]] virtual Result<pb::CloneList> list() = 0;
  // snapshot_run.h, thin_snapshot.h.
  [[nodiscard]] virtual Result<pb::CloneSnapshot> take_snapshot(Executor& executor) = 0;

  // send_run.h, thin_send.h. The set of the request is this one.
  [[nodiscard]] virtual Result<pb::CloneTransfer> send(const SendRequest& request) = 0;
  // An empty UUID is the newest snapshot.
  [[nodiscard]] virtual Result<pb::CloneSnapshot> verify(const std::string& uuid) = 0;
  // `peer` has that snapshot as well.
  [[nodiscard]] virtual Status note_common(const std::string& peer, const std::string& uuid) = 0;
  // What a send that is killed leaves behind here, a sentence; empty: nothing.
  [[nodiscard]] virtual std::string left_by_send() const = 0;

  struct ReceiveHow {
    bool allow_unshared = false;
    std::function<void(std::uint64_t unshared_bytes, std::uint64_t data_bytes)> tell_cost = {};
  };
  // xfs_staging.h, thin_staging.h.
  [[nodiscard]] virtual std::unique_ptr<Staging> staging(const ReceiveHow& how) = 0;
  // What a receive that is killed leaves behind here, and what removes it, a sentence.
  [[nodiscard]] virtual std::string left_by_receive(bool resumable) const = 0;
  // The same, while what has arrived is published.
  [[nodiscard]] virtual std::string left_by_publishing() const = 0;

  // UUIDs of the snapshots of the set.
  [[nodiscard]] virtual Result<std::vector<std::string>> snapshots() = 0;
  struct Set {
    std::string name;
    std::vector<pb::CloneSnapshot> snapshots;  // UUID and time
  };
  // kNotFound: it has no snapshot.
  [[nodiscard]] virtual Result<Set> examine() = 0;
  // What others can go on with.
  [[nodiscard]] virtual Result<std::vector<pb::CloneStaged>> staged() = 0;
  // False: there was nothing.
  [[nodiscard]] virtual Result<bool> remove_staged() = 0;
  // prune_run.h, thin_store.h.
  [[nodiscard]] virtual Result<PrunePlan> prune(std::size_t keep, bool force) = 0;

  // kUsage: a thin pool, for which some commands are not there yet.
  [[nodiscard]] virtual Status require_directory() const = 0;
  // Paths of devices that the volumes of a thin pool are on; the first that is there counts. None:
  // they are files.
  [[nodiscard]] virtual Result<std::vector<std::string>> devices() = 0;

 protected:
  ClonePlace() = default;
};

// Of a set there, in a pool of that name: what `lastword clone` calls it.
[[nodiscard]] std::string set_in(const std::string& pool, const std::string& set_name);

}  // namespace lastword
