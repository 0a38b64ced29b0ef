#include "agent/transfer/push_run.h"

#include <algorithm>
#include <filesystem>

#include "agent/transfer/clone_store.h"
#include "agent/transfer/remote.h"
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

PushPlan plan_push(std::span<const pb::CloneSnapshot> here, std::span<const std::string> there) {
  std::vector<const pb::CloneSnapshot*> newest_first;
  for (const pb::CloneSnapshot& one : here) newest_first.push_back(&one);
  std::ranges::stable_sort(newest_first, std::ranges::greater{},
                           [](const auto* one) { return one->taken_utc(); });
  PushPlan plan;
  if (newest_first.empty()) return plan;
  plan.snapshot = newest_first.front()->uuid();
  for (const pb::CloneSnapshot* one : newest_first) {
    if (std::ranges::find(there, one->uuid()) == there.end()) continue;
    plan.base = one->uuid();
    break;
  }
  plan.needed = plan.base != plan.snapshot;
  return plan;
}

Result<Pushed> push_set(const PushRequest& request) {
  const auto newest = newest_snapshot(request.set);
  if (!newest) return fail(newest.error());
  const auto here = load_snapshots(request.set);
  if (!here) return fail(here.error());
  const auto latest = load_snapshot(directory_of(request.set, *newest));
  if (!latest) return fail(latest.error());
  const auto there = remote_lines(request.host, {"lastword", "clone", "snapshots", "--",
                                                 request.pool + "/" + latest->set_name()});
  if (!there) return fail(there.error());
  Pushed pushed{.plan = plan_push(*here, *there), .figures = {}};
  if (!pushed.plan.needed) return pushed;
  auto receiver =
      RemoteCommand::start(request.host, {"lastword", "clone", "receive", "--", request.pool},
                           RemoteCommand::Pipe::kInput);
  if (!receiver) return fail(receiver.error());
  auto sent = send_set({.set = request.set,
                        .snapshot = pushed.plan.snapshot,
                        .base = pushed.plan.base,
                        .codec = request.codec,
                        .output = output_to(receiver->pipe()),
                        .progress = request.progress});
  const auto status = receiver->wait();
  if (!status) return fail(status.error());
  // A receiver that refuses closes the pipe: its answer is the better one.
  if (*status != kExitOk && *status != kExitCorrupt) return fail(of_status(request.host, *status));
  if (!sent) return fail(sent.error());
  if (*status != kExitOk) return fail(of_status(request.host, *status));
  pushed.figures = std::move(*sent);
  return pushed;
}

}  // namespace lastword
