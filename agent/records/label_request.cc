#include "agent/records/label_request.h"

#include <fmt/format.h>

#include "proto/uuid.h"

namespace lastword {
namespace {

Error usage(std::string_view detail) {
  return {.code = Code::kUsage, .operation = "label", .detail = detail};
}

Result<LabelRequest> without_config(const LabelWish& wish) {
  if (!wish.home.empty()) {
    return fail(usage("--home goes with a configuration file; use --home-id N with --cluster"));
  }
  const auto cluster = canonical_cluster_uuid(wish.cluster);
  if (!cluster) {
    return fail(usage(fmt::format("--cluster {} {}", wish.cluster, cluster.error().detail.view())));
  }
  if (wish.role != pb::MAILBOX && wish.home_id == 0) {
    return fail(usage("--cluster needs --home-id N too, unless the role is mailbox"));
  }
  return LabelRequest{.cluster_uuid = *cluster,
                      .home_node = static_cast<std::uint8_t>(wish.home_id)};
}

Result<LabelRequest> with_config(const LabelWish& wish, const Config& config) {
  if (wish.home_id != 0) {
    return fail(usage("--home-id goes with --cluster; use --home NAME with a configuration file"));
  }
  const std::string& home = wish.home.empty() ? config.self.name : wish.home;
  LabelRequest request{.cluster_uuid = config.cluster_uuid, .self_node = config.self.id};
  for (const NodeConfig& node : {config.self, config.partner}) {
    if (node.name == home) request.home_node = node.id;
  }
  if (request.home_node == 0) {
    return fail(usage(fmt::format("--home \"{}\" is neither \"{}\" nor \"{}\"", home,
                                  config.self.name, config.partner.name)));
  }
  return request;
}

Status check_force(const LabelWish& wish) {
  if (wish.wipe && (wish.force.empty() || wish.adopt)) {
    return fail(usage("--wipe goes with --force, and not with --adopt"));
  }
  const bool named = wish.disks.size() == 1 && wish.disks.front() == wish.force;
  if (wish.force.empty() || named) return {};
  return fail(
      usage(fmt::format("--force takes the name of the one disk to be labelled, typed out again: "
                        "lastword label {0} --force {0}",
                        wish.disks.front())));
}

}  // namespace

Result<LabelRequest> make_label_request(const LabelWish& wish, const Result<Config>& config) {
  if (wish.role == pb::MAILBOX && (!wish.home.empty() || wish.home_id != 0)) {
    return fail(usage("a mailbox disk belongs to both nodes: leave the home out"));
  }
  if (Status status = check_force(wish); !status) return fail(status.error());
  if (wish.cluster.empty() && !config) return fail(config.error());
  auto request = wish.cluster.empty() ? with_config(wish, *config) : without_config(wish);
  if (!request) return request;
  request->role = wish.role;
  if (wish.role == pb::MAILBOX) request->home_node = 0;
  request->adopt = wish.adopt;
  request->force = !wish.force.empty();
  request->wipe = wish.wipe;
  return request;
}

}  // namespace lastword
