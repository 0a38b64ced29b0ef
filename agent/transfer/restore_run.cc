#include "agent/transfer/restore_run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "agent/base/file_system.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/receive_stream.h"
#include "agent/transfer/remote.h"
#include "agent/transfer/restore_plan.h"
#include "agent/transfer/send_run.h"
#include "agent/transfer/snapshot_run.h"
#include "agent/transfer/xfs_files.h"
#include "agent/transfer/xfs_staging.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

std::string without_slash(const std::string& path) {
  const std::string whole = fs::absolute(path).lexically_normal().string();
  return whole.ends_with('/') ? whole.substr(0, whole.size() - 1) : whole;
}

tl::unexpected<Error> restore_failed(std::string_view operation, const std::string& path) {
  return fail({.code = errno == ENOSPC ? Code::kNoSpace : Code::kIo,
               .sys_errno = errno,
               .operation = operation,
               .disk = path});
}

Status copy_blocks(int from, int to, const std::string& path, std::uint64_t size) {
  if (::ftruncate(to, static_cast<off_t>(size)) != 0) {
    return restore_failed("set size of volume", path);
  }
  if (Status status = clone_file(from, to, path); !status) return status;
  return ::fsync(to) == 0 ? Status{} : restore_failed("fsync", path);
}

// The same file, whose blocks become those of the snapshot: who exports it knows its inode.
Status roll_back(const std::string& from, const std::string& path) {
  const auto source = open_volume(from);
  if (!source) return fail(source.error());
  const auto target = open_for_writing(path);
  if (!target) return fail(target.error());
  const auto stamp = stamp_of(source->get(), from);
  if (!stamp) return fail(stamp.error());
  return copy_blocks(source->get(), target->get(), path, stamp->size);
}

// Under a hidden name until it is whole.
Status make_volume(const std::string& from, const std::string& set, const std::string& name) {
  const std::string unfinished = set + "/." + name + ".restoring";
  const auto source = open_volume(from);
  if (!source) return fail(source.error());
  (void)::unlink(unfinished.c_str());
  const auto target = create_volume(unfinished);
  if (!target) return fail(target.error());
  const auto stamp = stamp_of(source->get(), from);
  if (!stamp) return fail(stamp.error());
  Status status = copy_blocks(source->get(), target->get(), unfinished, stamp->size);
  if (status) return real_file_system().rename(unfinished, set + "/" + name);
  (void)::unlink(unfinished.c_str());
  return status;
}

class Restore {
 public:
  Restore(const RestoreRequest& request, Executor& executor)
      : request_(request),
        executor_(executor),
        set_(without_slash(request.set)),
        set_there_(request.pool + "/" + fs::path(set_).filename().string()) {}

  Result<pb::CloneRestored> run() {
    if (::mkdir(set_.c_str(), 0755) != 0 && errno != EEXIST) {
      return restore_failed("make directory", set_);
    }
    if (const auto pool = examine_pool(set_); !pool) return fail(pool.error());
    if (Status status = look(); !status) return fail(status.error());
    const auto there =
        remote_lines(request_.host, {"lastword", "clone", "snapshots", "--", set_there_});
    if (!there) return fail(there.error());
    const auto route =
        plan_route(request_.snapshot, here_, *there, !present_.empty(), request_.by_hashes);
    if (!route) return fail(route.error());
    if (Status status = fetch(*route); !status) return fail(status.error());
    // A base that is damaged here has damaged what rests on it, whatever came over the line.
    const auto snapshot = verify_snapshot(set_, request_.snapshot);
    if (!snapshot) return fail(snapshot.error());
    const auto targets = plan_targets(*snapshot, request_.volume, present_,
                                      request_.rollback ? RestoreAs::kRollback : RestoreAs::kNew);
    if (!targets) return fail(targets.error());
    if (Status status = put(*targets); !status) return fail(status.error());
    return result_;
  }

 private:
  // What is here, and, for a rollback, that nobody uses it.
  Status look() {
    const auto paths = find_volumes(set_);
    if (!paths) return fail(paths.error());
    for (const std::string& path : *paths) {
      const std::string name = fs::path(path).filename();
      present_.push_back(name);
      const bool wanted = request_.volume.empty() || request_.volume == name;
      if (!request_.rollback || !wanted) continue;
      if (Status status = require_unused(path); !status) return status;
    }
    const auto uuids = find_snapshots(set_);
    if (!uuids) return fail(uuids.error());
    for (const std::string& uuid : *uuids) {
      auto snapshot = load_snapshot(directory_of(set_, uuid));
      if (!snapshot) return fail(snapshot.error());
      here_.push_back(std::move(*snapshot));
    }
    return {};
  }

  static Status require_unused(const std::string& path) {
    const std::string use = use_of(path);
    if (use.empty()) return {};
    return fail({.code = Code::kRefused,
                 .operation = "roll back",
                 .disk = path,
                 .detail = format_text("{}; stop its export first; no volume was changed", use)});
  }

  Status fetch(const RestoreRoute& route) {
    const bool compares = route.way == RestoreWay::kByHashes;
    if (!present_.empty() && (request_.rollback || compares)) {
      const auto before = take_snapshot(set_, executor_);
      if (!before) return fail(before.error());
      result_.set_before_uuid(before->uuid());
    }
    if (route.way == RestoreWay::kHere) return {};
    std::vector<std::string> words{"lastword", "clone", "send"};
    if (!route.base.empty()) words.insert(words.end(), {"--from", route.base});
    if (compares) words.emplace_back("--against-hashes");
    words.insert(words.end(), {"--", set_there_ + "@" + request_.snapshot});
    auto sender = RemoteCommand::start(
        request_.host, words, compares ? RemoteCommand::Pipe::kBoth : RemoteCommand::Pipe::kOutput);
    if (!sender) return fail(sender.error());
    if (compares) {
      const auto hashes = hashes_of(set_, result_.before_uuid(), false);
      if (!hashes) return fail(hashes.error());
      const std::string bytes = hashes->SerializeAsString();
      const Status told = output_to(sender->input())(std::as_bytes(std::span(bytes)));
      if (!told) return told;
      sender->end_input();
    }
    SectionReader in(input_from(sender->output()));
    XfsStaging staging(set_, XfsStaging::Into::kSet);
    const auto received = receive_stream(in, staging, {.progress = request_.progress});
    const auto status = sender->wait();
    // A sender that refuses has said why; what is missing then is only a consequence.
    if (status && *status != kExitOk && !received && in.broke_off()) {
      const bool refused = *status == kExitRefused;
      return fail({.code = refused ? Code::kRefused : Code::kIo,
                   .operation = "restore",
                   .disk = request_.host,
                   .detail = format_text("the sender there ended with status {}", *status)});
    }
    if (!received) return fail(received.error());
    *result_.mutable_transfer() = *received;
    return {};
  }

  Status put(const std::vector<RestoredVolume>& targets) {
    for (const RestoredVolume& one : targets) {
      const std::string path = set_ + "/" + one.target;
      if (!request_.rollback || ::access(path.c_str(), F_OK) != 0) continue;
      if (Status status = require_unused(path); !status) return status;
    }
    for (const RestoredVolume& one : targets) {
      const std::string from = directory_of(set_, request_.snapshot) + "/" + one.name;
      const std::string path = set_ + "/" + one.target;
      const bool there = ::access(path.c_str(), F_OK) == 0;
      if (Status status = there ? roll_back(from, path) : make_volume(from, set_, one.target);
          !status) {
        return status;
      }
      result_.add_paths(path);
    }
    return real_file_system().sync_directory(set_);
  }

  const RestoreRequest& request_;
  Executor& executor_;
  const std::string set_;
  const std::string set_there_;
  std::vector<std::string> present_;  // names of the volumes here
  std::vector<pb::CloneSnapshot> here_;
  pb::CloneRestored result_;
};

}  // namespace

Result<pb::CloneRestored> restore_set(const RestoreRequest& request, Executor& executor) {
  return Restore(request, executor).run();
}

Result<std::vector<std::string>> promote_snapshot(const std::string& set, const std::string& uuid,
                                                  const std::string& volume) {
  const std::string directory = directory_of(set, uuid);
  const auto snapshot = load_snapshot(directory);
  if (!snapshot) return fail(snapshot.error());
  if (Status status = check_unmodified(directory, *snapshot); !status) return fail(status.error());
  const auto present = find_volumes(set);
  if (!present) return fail(present.error());
  std::vector<std::string> names;
  for (const std::string& path : *present) names.push_back(fs::path(path).filename());
  const auto targets = plan_targets(*snapshot, volume, names, RestoreAs::kServe);
  if (!targets) return fail(targets.error());
  std::vector<std::string> paths;
  for (const RestoredVolume& one : *targets) {
    if (Status status = make_volume(directory + "/" + one.name, set, one.target); !status) {
      return fail(status.error());
    }
    paths.push_back(set + "/" + one.target);
  }
  if (Status status = real_file_system().sync_directory(set); !status) {
    return fail(status.error());
  }
  return paths;
}

}  // namespace lastword
