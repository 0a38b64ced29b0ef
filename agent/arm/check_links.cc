// Do heartbeats come and go by each link of the configuration? A link that does not work costs
// neither dump nor takeover: the mailbox disks carry the heartbeats too.
#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/check_parts.h"
#include "agent/protocol/datagram.h"

namespace lastword {
namespace {

bool is_heard(const PathReport& path, const Config& config) {
  return path.age && *path.age < config.timing.peer_silence() / 2;
}

std::uint64_t unauthenticated(const PathReport& path) {
  const auto found = std::ranges::find(path.dropped, name_of(DatagramFault::kBadAuthentication),
                                       &PathReport::Dropped::reason);
  return found == path.dropped.end() ? 0 : found->count;
}

std::string name_and_place(const PathReport& path) {
  return fmt::format("the link {} ({})", path.name, path.where);
}

void check_link(const CheckFacts& facts, const PathReport& path, bool heard_elsewhere,
                pb::CheckReport& report) {
  const Config& config = *facts.config;
  const std::string& partner = config.partner.name;
  const std::string link = name_and_place(path);
  const auto tell = [&](const std::string& what, const std::string& advice) {
    add_problem(report, Concern::kNeither, fmt::format("{}: {}", link, what), advice);
  };
  if (!path.problem.empty()) {
    return tell(path.problem,
                "look at this node's interface, its address and its routes; the agent tries again "
                "with each heartbeat");
  }
  const std::uint64_t forged = unauthenticated(path);
  if (is_heard(path, config)) {
    if (path.one_way) {
      return tell(fmt::format("{} does not get what this node sends there", partner),
                  fmt::format("look at the firewall of {} (UDP, port of the link), and at the way "
                              "there",
                              partner));
    }
    if (forged != 0) {
      report.add_notes(fmt::format(
          "{}: {} datagrams were not authenticated since the agent began, and are dropped; the "
          "partner's are: somebody else sends there",
          link, forged));
    }
    return;
  }
  if (forged != 0) {
    return tell(fmt::format("what comes there is not authenticated: {} datagrams dropped", forged),
                fmt::format("copy {} from one node to the other, then `systemctl restart "
                            "lastword-agent` on both",
                            config.key_file));
  }
  if (!heard_elsewhere || (!path.age && facts.agent->uptime < config.timing.peer_silence() / 2)) {
    return;
  }
  tell(fmt::format("nothing comes from {}, which is heard otherwise", partner),
       fmt::format(
           "look at the link, at [[link]] in lastword.toml of {}, and at the firewalls (UDP, "
           "port of the link)",
           partner));
}

}  // namespace

void check_links(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  if (config.links.empty()) return;
  if (!facts.agent) {
    report.add_notes(
        "the links are not looked at: this node's agent, which uses them, does not run or does not "
        "answer");
    return;
  }
  const auto& paths = facts.agent->paths;
  for (const LinkConfig& link : config.links) {
    const auto found = std::ranges::find_if(paths, [&](const PathReport& path) {
      return path.kind == PathReport::Kind::kLink && path.name == link.name;
    });
    if (found == paths.end()) {
      add_problem(report, Concern::kNeither,
                  fmt::format("the agent does not use the link {}", link.name),
                  fmt::format("its event link-failed says why, as where {} is of no use; then "
                              "`systemctl restart lastword-agent`",
                              config.key_file));
      continue;
    }
    const bool heard_elsewhere = std::ranges::any_of(
        paths, [&](const PathReport& path) { return &path != &*found && is_heard(path, config); });
    check_link(facts, *found, heard_elsewhere, report);
  }
}

}  // namespace lastword
