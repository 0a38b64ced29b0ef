#include "agent/service/halt_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/node/state_files.h"
#include "agent/protocol/handover_plan.h"
#include "agent/service/ended_service.h"

namespace lastword {
namespace {

// UUIDs of the disks whose service has ended.
Result<std::vector<std::string>> end_service(const HaltWork& work, const NodeState& state,
                                             bool ignore_hook) {
  const auto look = work.surveyor.look();
  if (!look) return fail(look.error());
  const Survey& survey = look->survey;
  std::vector<std::size_t> service;
  std::vector<std::string> paths;
  std::vector<std::string> uuids;
  for (const std::size_t index : own_disks(survey, work.config)) {
    const DiskView& disk = survey.disks[index];
    if (disk.label->role() != pb::SERVICE || !is_here(disk, work.config, state.key)) continue;
    service.push_back(index);
    paths.push_back(disk.info.path);
    uuids.push_back(disk.label->disk_uuid());
  }
  if (paths.empty()) return uuids;
  const HookInput input{
      .event = "service-leaving",
      .detail = fmt::format("this node stops: {} disks: {}", paths.size(), fmt::join(paths, " ")),
      .disks = paths};
  work.events({.name = input.event, .disk = {}, .detail = input.detail});
  if (Status ended = work.run_hook(input); !ended) {
    work.events({.name = "hook-failed", .disk = {}, .detail = describe(ended.error())});
    if (!ignore_hook) return fail(ended.error());
  }
  Shelf& shelf = work.surveyor.shelf();
  Executor& executor = work.surveyor.executor();
  const std::string used =
      what_uses(shelf, executor, paths, work.config.timing.settings.io_timeout);
  if (!used.empty()) {
    return fail({.code = Code::kRefused,
                 .operation = "halt",
                 .detail = used + "; end that, and run `lastword halt` again"});
  }
  if (Status written = write_back(survey, service, work.config, shelf, executor); !written) {
    return fail(written.error());
  }
  return uuids;
}

}  // namespace

Result<StopReport> halt_node(const HaltWork& work, bool ignore_hook, const DiskAccess& access) {
  const auto state = load_node_state(work.config);
  if (state) {
    // An agent that has not run the hook service-returned yet does not, while the service ends.
    if (Status kept = set_unannounced(work.config, state->key, false); !kept) {
      return fail(kept.error());
    }
    const auto ended = end_service(work, *state, ignore_hook);
    if (!ended) {
      if (state->unannounced) (void)set_unannounced(work.config, state->key, true);
      return fail(ended.error());
    }
    return stop_node(work.config, work.disarm, access, *ended);
  }
  if (state.error().code != Code::kNotFound) return fail(state.error());
  return stop_node(work.config, work.disarm, access);
}

}  // namespace lastword
