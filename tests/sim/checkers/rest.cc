// I8, and I7 and I9 as far as they go without a giveback: at rest no registration outlives its
// purpose, and every disk is in a row of docs/protocol.md that needs no command.
//
// On a disk in service exactly one key is registered: that of its owner's present life, which the
// label names too; and the owner's service was told. On a mailbox disk there are keys of present
// lives only.
#include <fmt/format.h>

#include <algorithm>

#include "agent/node/state_files.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

using Problem = std::optional<std::string>;

// A key of a dead life of the partner: a command that it sent before was executed late. `check`
// names it, and no command but a takeover removes it.
constexpr std::string_view kStray = "left: stray";

// Of the nodes' present lives.
std::vector<ReservationKey> present_keys(const Watched& watched) {
  std::vector<ReservationKey> keys;
  for (const std::uint8_t node : kNodes) {
    if (const auto state = load_node_state(*watched.configs.at(node))) keys.push_back(state->key);
  }
  return keys;
}

bool contains(const std::vector<ReservationKey>& keys, ReservationKey key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Problem unrest_of_mailbox(const Watched& watched, unsigned lun,
                          const std::vector<ReservationKey>& present) {
  for (const ReservationKey key : watched.shelf.registrations(lun).keys) {
    const auto parts = parse_key(key);
    const bool in_service = std::ranges::any_of(present, [&](ReservationKey other) {
      return parts && parse_key(other)->node == parts->node;
    });
    if (contains(present, key) || !in_service) continue;
    return fmt::format("I8: key {} on mailbox disk lun {} is of no present life", to_string(key),
                       lun);
  }
  return std::nullopt;
}

Problem unrest_of_disk(const Watched& watched, unsigned lun,
                       const std::vector<ReservationKey>& present) {
  const auto keys = watched.shelf.registrations(lun).keys;
  const auto held = watched.shelf.reservation(lun);
  const pb::Label label = test::label_on(watched.shelf, lun);
  const auto parts = held ? parse_key(held->holder) : std::nullopt;
  if (!parts || !contains(present, held->holder)) {
    return fmt::format("I9: lun {}, home {}, owner {}, is held by {}", lun,
                       node_name(watched.homes[lun]), label.owner_node(),
                       held ? to_string(held->holder) : "nobody");
  }
  if (keys.size() != 1 || keys.front() != held->holder) {
    std::string all;
    bool dead = true;
    for (const ReservationKey key : keys) {
      all += " " + to_string(key);
      dead = dead && (key == held->holder || !contains(present, key));
    }
    return fmt::format("{}: lun {} is held by {}, and registered are{}", dead ? kStray : "I8", lun,
                       to_string(held->holder), all);
  }
  if (label.owner_node() != parts->node || label.owner_generation() != parts->boot_generation) {
    return fmt::format("I9: lun {} is held by {}, its label says node {}, life {}", lun,
                       to_string(held->holder), label.owner_node(), label.owner_generation());
  }
  if (watched.roles[lun] == pb::SERVICE && !watched.truth.of(parts->node).serves.at(lun)) {
    return fmt::format("I7: lun {} is held by {}, whose service does not run on it", lun,
                       node_name(parts->node));
  }
  return std::nullopt;
}

}  // namespace

Problem unrest(const Watched& watched) {
  const auto present = present_keys(watched);
  for (unsigned lun = 0; lun < watched.roles.size(); ++lun) {
    if (watched.roles[lun] == pb::ROLE_UNSPECIFIED) continue;
    Problem problem = watched.roles[lun] == pb::MAILBOX ? unrest_of_mailbox(watched, lun, present)
                                                        : unrest_of_disk(watched, lun, present);
    if (problem) return problem;
  }
  return std::nullopt;
}

}  // namespace lastword::sim
