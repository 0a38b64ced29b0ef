#include "agent/protocol/failure_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/remedies.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"
#include "proto/coredump.h"

namespace lastword {

bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest) {
  return in_cluster(disk, config) && disk.label->owner_node() == config.partner.id &&
         is_current(disk.header, *disk.label) && disk.header.boot_generation() >= latest &&
         tells_of_panic(disk.header);
}

bool is_with_partner(const DiskView& disk, const Config& config) {
  return holder_node(disk, config) == config.partner.id ||
         disk.label->owner_node() == config.partner.id;
}

namespace {

bool partner_has_ours(const DiskView& disk, const Config& config) {
  return in_cluster(disk, config) && disk.label->home_node() == config.self.id &&
         is_with_partner(disk, config);
}

}  // namespace

bool partner_has_taken_over(const Survey& survey, const Config& config) {
  return std::ranges::any_of(survey.disks,
                             [&](const DiskView& disk) { return partner_has_ours(disk, config); });
}

bool is_taken_over_from(const Survey& survey, const Config& config, const NodeState& state,
                        const std::optional<pb::TakeoverIntent>& intent) {
  return !state.waiting && std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return partner_has_ours(disk, config) && !is_left_with_victim(disk, config, state.key, intent);
  });
}

std::string settings_that_differ(const pb::SharedSettings& one, const pb::SharedSettings& other) {
  struct Setting {
    std::string_view name;
    std::uint32_t one;
    std::uint32_t other;
  };
  const std::array settings{
      Setting{"io_timeout", one.io_timeout_ms(), other.io_timeout_ms()},
      Setting{"dump_limit", one.dump_limit_ms(), other.dump_limit_ms()},
      Setting{"grace", one.grace_ms(), other.grace_ms()},
      Setting{"heartbeat", one.heartbeat_ms(), other.heartbeat_ms()},
      Setting{"silence", one.silence_ms(), other.silence_ms()},
  };
  std::string text;
  for (const Setting& setting : settings) {
    if (setting.one == setting.other) continue;
    text += fmt::format("{}{} ({} ms here, {} ms there)", text.empty() ? "" : ", ", setting.name,
                        setting.one, setting.other);
  }
  return text;
}

std::optional<Refusal> against_acting_on_silence(const Survey& survey, const Config& config,
                                                 const NodeState& state,
                                                 const pb::MailboxSlot& last,
                                                 const std::optional<pb::TakeoverIntent>& intent) {
  const auto refuse = [](std::string reason, std::string_view remedy) {
    return Refusal{.reason = std::move(reason), .remedy = std::string(remedy)};
  };
  const std::string& partner = config.partner.name;
  if (state.stopped) {
    return refuse("`lastword stop` has ended this node's life", "`lastword start`");
  }
  if (state.handed_over) return refuse("this life has left its disks", "`lastword start`");
  if (last.protocol() != kProtocolVersion) {
    return refuse(fmt::format("{} speaks version {} of the protocol, and this node {}", partner,
                              last.protocol(), kProtocolVersion),
                  "bring both to one version of lastword");
  }
  if (const std::string which =
          settings_that_differ(shared_settings(config.timing), last.settings());
      !which.empty()) {
    return refuse("settings differ between the nodes: " + which, kSameSettings);
  }
  if (is_taken_over_from(survey, config, state, intent)) {
    return refuse(fmt::format("{} has, or had, taken over from this node", partner),
                  way_to_wait(survey, config, state.boot_generation));
  }
  const bool returning = intent && intent->phase() == pb::TakeoverIntent::RETURNING;
  const bool has_none = !returning && latest_serving_generation(survey, config, config.partner.id) <
                                          last.generation();
  if (last.phase() == pb::PHASE_WAITING && has_none && !state.waiting) {
    return refuse(
        fmt::format("{} waits for its giveback, and has no disk that could be taken", partner),
        config.giveback.on ? "wait, or `lastword giveback` now" : "`lastword giveback`");
  }
  if (!check_mailbox_set(survey, config, state.mailbox_disks)) {
    return refuse("the nodes do not count votes by the same mailbox disks, so both could win",
                  "run `lastword start` on both, with all of them in sight");
  }
  const auto votes = std::ranges::count_if(survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && is_registered(disk, state.key) &&
           std::ranges::count(state.mailbox_disks, disk.label->disk_uuid()) != 0;
  });
  if (2 * static_cast<std::size_t>(votes) <= state.mailbox_disks.size()) {
    return refuse(
        fmt::format("this node is registered on {} of {} mailbox disks, and could not win", votes,
                    state.mailbox_disks.size()),
        "`lastword start` joins the others");
  }
  const auto theirs = std::ranges::count_if(survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && is_registered(disk, config, config.partner.id) &&
           std::ranges::count(state.mailbox_disks, disk.label->disk_uuid()) != 0;
  });
  if (2 * static_cast<std::size_t>(theirs) <= state.mailbox_disks.size()) {
    return refuse(
        fmt::format("{} is registered on {} of {} mailbox disks, so that it may live and "
                    "cannot say so",
                    partner, theirs, state.mailbox_disks.size()),
        fmt::format("`lastword start` on {}; if it is dead, `lastword takeover`", partner));
  }
  if (const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
      latest > last.generation()) {
    return refuse(
        fmt::format("{} lives in life {}, from which nothing was heard yet", partner, latest),
        fmt::format("wait for its agent; `systemctl start lastword-agent` on {}", partner));
  }
  const bool taken = intent && intent->victim_node() == config.partner.id &&
                     intent->victim_generation() >= last.generation() &&
                     (intent->phase() == pb::TakeoverIntent::TAKEN ||
                      (intent->phase() == pb::TakeoverIntent::TAKING &&
                       needs_no_silence(*intent, survey, config, last)));
  if (taken) {
    return refuse(fmt::format("this life of {}'s is taken over already", partner),
                  fmt::format("repair and boot {}: it waits for its giveback then", partner));
  }
  if (partner_disks(survey, config).empty()) {
    return refuse(fmt::format("no disk of {} is in sight", partner),
                  "`lastword candidates` lists what this node sees");
  }
  return std::nullopt;
}

namespace {

Error fenced(const DiskView& disk, std::string detail) {
  return {.code = Code::kFenced,
          .operation = "check reservations",
          .disk = disk.info.path,
          .detail = std::move(detail)};
}

Error fenced_from(const DiskView& disk, const Config& config) {
  return fenced(disk, fmt::format("{} has taken over from this node while it lived: stop the "
                                  "service here and reboot",
                                  config.partner.name));
}

Error fenced_by_loss(const DiskView& disk, const Config& config) {
  return fenced(disk, fmt::format("{} has this disk, and what served it here may write on: {} was "
                                  "lost in this boot. Stop the service here and reboot",
                                  config.partner.name, config.state_directory));
}

}  // namespace

Status check_served(const Survey& survey, const Config& config, const NodeState& state) {
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || !disk.reservations_known || is_registered(disk, state.key) ||
        holder_node(disk, config) != config.partner.id) {
      continue;
    }
    if (std::ranges::count(state.served, disk.label->disk_uuid()) != 0) {
      return fail(fenced_from(disk, config));
    }
    if (state.lost && disk.label->role() == pb::SERVICE &&
        disk.label->home_node() == config.self.id) {
      return fail(fenced_by_loss(disk, config));
    }
  }
  return {};
}

Status check_not_fenced(const Survey& survey, const Config& config, const NodeState& state) {
  if (state.handed_over) return {};
  if (Status held = check_served(survey, config, state); !held) return held;
  // Nothing else could be taken from it.
  if (state.waiting) return {};
  const bool vote_lost = tells_of_lost_vote(survey, config, state.boot_generation);
  std::size_t votes = 0;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || !disk.reservations_known || is_registered(disk, state.key)) {
      continue;
    }
    const bool joined = std::ranges::count(state.mailbox_joined, disk.label->disk_uuid()) != 0;
    if (joined && vote_lost) ++votes;
    const bool held = disk.label->home_node() == config.self.id &&
                      disk.label->home_generation() == state.boot_generation &&
                      holder_node(disk, config) == config.partner.id;
    if (!held && 2 * votes <= state.mailbox_disks.size()) continue;
    return fail(fenced_from(disk, config));
  }
  return {};
}

Error taken_over_from() {
  return {.code = Code::kFenced,
          .operation = "takeover",
          .detail =
              "the partner has, or had, taken over from this node: stop the service here, reboot "
              "it, and look at the partner"};
}

}  // namespace lastword
