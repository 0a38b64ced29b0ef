#include "agent/transfer/push_run.h"

#include <algorithm>

#include "agent/transfer/clone_place.h"
#include "agent/transfer/clone_position.h"
#include "agent/transfer/remote.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

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

class Push {
 public:
  Push(const PushRequest& request, ClonePlace& place) : request_(request), place_(place) {}

  Result<Pushed> run() {
    auto here = place_.examine();
    if (!here) return fail(here.error());
    here_ = std::move(here->snapshots);
    set_there_ = set_in(request_.pool, here->name);
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
  [[nodiscard]] Status note(const std::string& uuid) const {
    return place_.note_common(request_.host + ":" + request_.pool, uuid);
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
    const auto sent = place_.send(order);
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
  ClonePlace& place_;
  std::vector<pb::CloneSnapshot> here_;
  std::string set_there_;
  Pushed pushed_;
};

}  // namespace

Result<Pushed> push_set(const PushRequest& request) {
  const auto place = ClonePlace::at(request.set);
  return place ? Push(request, **place).run() : fail(place.error());
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
