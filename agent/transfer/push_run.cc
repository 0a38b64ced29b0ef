#include "agent/transfer/push_run.h"

#include <algorithm>
#include <filesystem>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/remote.h"
#include "agent/transfer/thin_send.h"
#include "agent/transfer/thin_store.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

Result<std::vector<pb::CloneSnapshot>> load_snapshots(const std::string& set) {
  const auto uuids = find_snapshots(set);
  if (!uuids) return fail(uuids.error());
  std::vector<pb::CloneSnapshot> snapshots;
  for (const std::string& uuid : *uuids) {
    auto snapshot = load_snapshot(directory_of(set, uuid));
    if (!snapshot) return fail(snapshot.error());
    snapshots.push_back(std::move(*snapshot));
  }
  return snapshots;
}

// What the receiver ended with. It has said why.
Error of_status(const std::string& host, int status) {
  const bool refused = status == kExitRefused;
  return {.code = refused ? Code::kRefused : Code::kIo,
          .operation = "push",
          .disk = host,
          .detail = format_text("the receiver there ended with status {}", status).view()};
}

}  // namespace

PushPlan plan_push(std::span<const pb::CloneSnapshot> here, std::span<const std::string> there,
                   std::span<const pb::CloneStaged> staged) {
  std::vector<const pb::CloneSnapshot*> newest_first;
  for (const pb::CloneSnapshot& one : here) newest_first.push_back(&one);
  std::ranges::stable_sort(newest_first, std::ranges::greater{},
                           [](const auto* one) { return one->taken_utc(); });
  PushPlan plan;
  if (newest_first.empty()) return plan;
  const auto is_here = [&](const std::string& uuid) {
    return std::ranges::any_of(here, [&](const auto& one) { return one.uuid() == uuid; });
  };
  const auto is_there = [&](const std::string& uuid) {
    return std::ranges::find(there, uuid) != there.end();
  };
  plan.snapshot = newest_first.front()->uuid();
  for (const pb::CloneSnapshot* one : newest_first) {
    if (!is_there(one->uuid())) continue;
    plan.base = one->uuid();
    break;
  }
  plan.needed = plan.base != plan.snapshot;
  for (const pb::CloneStaged& one : staged) {
    const std::string& base = one.base_uuid();
    const bool goes_on = is_here(one.snapshot_uuid()) && !is_there(one.snapshot_uuid()) &&
                         (base.empty() || (is_here(base) && is_there(base)));
    if (!plan.needed || !goes_on) continue;
    plan.last = one.snapshot_uuid() == plan.snapshot;
    plan.snapshot = one.snapshot_uuid();
    plan.base = base;
    plan.start = position_of(one.reached());
    break;
  }
  return plan;
}

namespace {

// A directory, or a thin pool.
class Push {
 public:
  explicit Push(const PushRequest& request) : request_(request), thin_(thin_place(request.set)) {}

  Result<Pushed> run() {
    if (thin_ && !*thin_) return fail(thin_->error());
    if (Status status = thin_ ? look_at_pool() : look_at_directory(); !status) {
      return fail(status.error());
    }
    // A thin pool there has the snapshots of all sets itself.
    set_there_ = thin_place(request_.pool) ? request_.pool : request_.pool + "/" + set_name_;
    for (;;) {
      if (Status status = plan(); !status) return fail(status.error());
      if (!pushed_.plan.needed) {
        if (Status status = note(pushed_.plan.base); !status) return fail(status.error());
        return pushed_;
      }
      Status sent = send();
      if (sent) sent = note(pushed_.plan.snapshot);
      if (sent && pushed_.plan.last) return pushed_;
      // The receiver refused to go on with what it kept, and may have removed it.
      const bool again = !sent && sent.error().code == Code::kRefused && resumes();
      if (sent || (again && moved())) continue;
      return fail(sent.error());
    }
  }

 private:
  Status look_at_pool() {
    const auto pool = examine_thin_pool(real_lvm(), **thin_);
    if (!pool) return fail(pool.error());
    if (const auto newest = newest_thin_snapshot(*pool); !newest) return fail(newest.error());
    for (const ThinSnapshotName& one : whole_snapshots(*pool)) {
      here_.emplace_back().set_uuid(one.uuid);
      here_.back().set_taken_utc(one.taken_utc);
    }
    set_name_ = (*thin_)->pool;
    return {};
  }
  Status look_at_directory() {
    const auto newest = newest_snapshot(request_.set);
    if (!newest) return fail(newest.error());
    auto here = load_snapshots(request_.set);
    if (!here) return fail(here.error());
    here_ = std::move(*here);
    const auto latest = load_snapshot(directory_of(request_.set, *newest));
    if (!latest) return fail(latest.error());
    set_name_ = latest->set_name();
    return {};
  }

  [[nodiscard]] Status note(const std::string& uuid) const {
    const std::string peer = request_.host + ":" + request_.pool;
    if (thin_) return note_thin_common(real_lvm(), **thin_, peer, uuid);
    return note_common(request_.set, peer, uuid);
  }
  [[nodiscard]] bool resumes() const { return pushed_.plan.start != ClonePosition{}; }
  // Would it go another way now?
  bool moved() {
    const PushPlan before = pushed_.plan;
    const Status planned = plan();
    const PushPlan& now = pushed_.plan;
    return planned && (now.snapshot != before.snapshot || now.base != before.base ||
                       now.start != before.start);
  }

  Status plan() {
    const auto there =
        remote_lines(request_.host, {"lastword", "clone", "snapshots", "--", set_there_});
    if (!there) return fail(there.error());
    const auto lines =
        remote_lines(request_.host, {"lastword", "clone", "staged", "--", request_.pool});
    if (!lines) return fail(lines.error());
    std::vector<pb::CloneStaged> staged;
    for (const std::string& line : *lines) {
      if (auto one = parse_staged(line)) staged.push_back(std::move(*one));
    }
    pushed_.plan = plan_push(here_, *there, staged);
    return {};
  }

  Status send() {
    auto receiver = RemoteCommand::start(
        request_.host, {"lastword", "clone", "receive", "--resumable", "--", request_.pool},
        RemoteCommand::Pipe::kInput);
    if (!receiver) return fail(receiver.error());
    const SendRequest order{.set = request_.set,
                            .snapshot = pushed_.plan.snapshot,
                            .base = pushed_.plan.base,
                            .start = pushed_.plan.start,
                            .still_held = request_.still_held,
                            .codec = request_.codec,
                            .output = output_to(receiver->input()),
                            .progress = request_.progress};
    const auto sent = thin_ ? send_thin(real_lvm(), **thin_, order) : send_set(order);
    const auto status = receiver->wait();
    if (!status) return fail(status.error());
    // Also where the receiver says only that the stream broke off.
    if (!sent && (sent.error().code == Code::kFenced || sent.error().code == Code::kRefused)) {
      return fail(sent.error());
    }
    // A receiver that refuses closes the pipe: its answer is the better one.
    if (*status != kExitOk && *status != kExitCorrupt) {
      return fail(of_status(request_.host, *status));
    }
    if (!sent) return fail(sent.error());
    if (*status != kExitOk) return fail(of_status(request_.host, *status));
    add(*sent);
    return {};
  }

  void add(const pb::CloneTransfer& sent) {
    pb::CloneTransfer& all = pushed_.figures;
    const pb::CloneTransfer before = all;
    all = sent;
    all.set_data_bytes(sent.data_bytes() + before.data_bytes());
    all.set_shared_bytes(sent.shared_bytes() + before.shared_bytes());
    all.set_stream_bytes(sent.stream_bytes() + before.stream_bytes());
    all.set_resumed_bytes(sent.resumed_bytes() + before.resumed_bytes());
  }

  const PushRequest& request_;
  const std::optional<Result<ThinPlace>> thin_;
  std::string set_name_;
  std::vector<pb::CloneSnapshot> here_;
  std::string set_there_;
  Pushed pushed_;
};

}  // namespace

Result<Pushed> push_set(const PushRequest& request) {
  return Push(request).run();
}

Result<pb::CloneHashes> remote_hashes(const std::string& host, const std::string& pool,
                                      const pb::CloneSnapshot& snapshot) {
  const std::string name = pool + "/" + snapshot.set_name() + "@" + snapshot.uuid();
  auto command = RemoteCommand::start(host, {"lastword", "clone", "hashes", "--fresh", "--", name},
                                      RemoteCommand::Pipe::kOutput);
  if (!command) return fail(command.error());
  auto hashes = read_hashes(input_from(command->output()));
  const auto status = command->wait();
  if (!status) return fail(status.error());
  if (*status == kExitOk) return hashes;
  return fail({.code = Code::kIo,
               .operation = "read hashes",
               .disk = host,
               .detail = format_text("the command there ended with status {}", *status).view()});
}

}  // namespace lastword
