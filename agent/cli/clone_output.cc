#include "agent/cli/clone_output.h"

#include <fmt/format.h>

#include "agent/cli/table.h"

namespace lastword {
namespace {

std::string of_gib(std::uint64_t bytes) {
  return fmt::format("{:.2f}", static_cast<double>(bytes) / (1 << 30));
}

std::size_t depth_of(const pb::CloneListed& listed, const pb::CloneList& list) {
  std::size_t depth = 0;
  std::string parent = listed.parent();
  for (int i = list.volumes_size() - 1; i >= 0 && !parent.empty(); --i) {
    if (list.volumes(i).path() != parent) continue;
    ++depth;
    parent = list.volumes(i).parent();
  }
  return depth;
}

}  // namespace

std::string list_text(const pb::CloneList& list) {
  Table table({{"VOLUME"}, {"GIB", true}, {"MAPPED", true}, {"OWN", true}, {"SHARED MOST WITH"}});
  std::string outside;
  for (const pb::CloneListed& one : list.volumes()) {
    const std::string most =
        one.shared().empty()
            ? ""
            : fmt::format("{} {}", of_gib(one.shared(0).bytes()), one.shared(0).with());
    const bool mark = !one.external_origin().empty();
    table.add({std::string(2 * depth_of(one, list), ' ') + one.path() + (mark ? " (!)" : ""),
               of_gib(one.size()), of_gib(one.mapped()), of_gib(one.own()), most});
    if (!mark) continue;
    outside += fmt::format(
        "(!) {} also reads {}, which is outside of the pool: it is neither kept in a snapshot nor "
        "sent.\n",
        one.path(), one.external_origin());
  }
  return fmt::format(
      "{}{} GiB in blocks, each counted once; {} GiB without sharing. In the pool {} GiB are "
      "used, {} GiB free.\n{}",
      table.text(), of_gib(list.distinct_bytes()), of_gib(list.mapped_bytes()),
      of_gib(list.pool_used_bytes()), of_gib(list.pool_free_bytes()), outside);
}

}  // namespace lastword
