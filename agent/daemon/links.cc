#include "agent/daemon/links.h"

#include <fmt/format.h>

#include <utility>

#include "agent/node/cluster_key.h"

namespace lastword {
namespace {

// More than both nodes can have sent since the last call.
constexpr int kMostAtOnce = 64;

std::string where(const LinkConfig& link) {
  return fmt::format("{} to {}, port {}", link.address, link.peer, link.port);
}

// What to do about datagrams that are dropped; empty: it happens on good networks too.
std::string remedy(DatagramFault fault, const Config& config) {
  switch (fault) {
    case DatagramFault::kBadAuthentication:
      return fmt::format(
          "the nodes have different keys, or somebody forges: copy {} from one node "
          "to the other, and restart both agents",
          config.key_file);
    case DatagramFault::kOtherVersion:
      return "bring both nodes to one version of lastword";
    case DatagramFault::kOtherCluster:
      return "another cluster sends here: give its links another port";
    case DatagramFault::kOwnNode:
    case DatagramFault::kOtherNode:
      return "each machine needs a node of its own in lastword.toml, and the link its partner's "
             "address";
    case DatagramFault::kTooShort:
    case DatagramFault::kTooLong:
    case DatagramFault::kForeign:
    case DatagramFault::kMalformed:
      return "something else uses this port: choose another one";
    case DatagramFault::kReplayed:
    case DatagramFault::kUnproven:
      break;
  }
  return {};
}

}  // namespace

struct Links::Link {
  LinkConfig config;
  LinkWatch watch;
  std::unique_ptr<LinkPort> port;  // null: not open
  bool failed = false;             // since the last heartbeat was sent
  LinkState told = LinkState::kNew;
};

Links::Links(const Config& config, Seal seal, OpenLink open, EventSink events, Instant now)
    : config_(config), seal_(std::move(seal)), open_(std::move(open)), events_(std::move(events)) {
  ends_ = {.cluster = parse_uuid(config.cluster_uuid).value_or(UuidBytes{}),
           .self = config.self.id,
           .partner = config.partner.id};
  for (const LinkConfig& link : config.links) {
    links_.push_back(std::make_unique<Link>(
        Link{.config = link, .watch = LinkWatch(config.timing, now), .port = nullptr}));
  }
}

Links::~Links() = default;

void Links::on_error(Link& link, const Error& error) {
  link.failed = true;
  link.watch.attempted(describe(error));
}

void Links::open(Link& link) {
  auto opened = open_(link.config);
  if (!opened) return on_error(link, opened.error());
  link.port = std::move(*opened);
}

void Links::send(const pb::MailboxSlot& slot, const PeerWatch& peer) {
  own_life_ = slot.generation();
  for (const auto& link : links_) {
    // A refusal of the partner's host comes some time after what it refuses.
    if (!std::exchange(link->failed, false)) link->watch.attempted({});
    if (!link->port) open(*link);
    if (!link->port) continue;
    const PeerWatch::Ear* ear = peer.link(link->config.name);
    const auto datagram =
        make_datagram(ends_, {.echo = ear ? ear->newest : HeartbeatId{}, .slot = slot}, seal_);
    const Status sent = datagram ? link->port->send(*datagram) : fail(datagram.error());
    if (!sent) on_error(*link, sent.error());
  }
}

void Links::receive(PeerWatch& peer, Instant now) {
  for (const auto& link : links_) {
    if (!link->port) continue;
    for (int count = 0; count < kMostAtOnce; ++count) {
      const auto received = link->port->receive();
      if (!received) {
        on_error(*link, received.error());
        break;
      }
      if (!*received) {
        peer.emptied(link->config.name, now);
        break;
      }
      take(*link, **received, peer, now);
    }
  }
}

void Links::take(Link& link, Bytes received, PeerWatch& peer, Instant now) {
  const auto datagram = open_datagram(ends_, received, seal_);
  if (!datagram) return drop(link, datagram.error());
  const PeerWatch::Hearing hearing = peer.hear(link.config.name, *datagram, now);
  if (hearing == PeerWatch::Hearing::kOld) return drop(link, DatagramFault::kReplayed);
  link.watch.arrived(*datagram, own_life_, now);
  if (hearing == PeerWatch::Hearing::kUnproven) drop(link, DatagramFault::kUnproven);
}

void Links::drop(Link& link, DatagramFault fault) {
  if (!link.watch.dropped(fault)) return;
  const std::string what_to_do = remedy(fault, config_);
  if (what_to_do.empty()) return;
  events_({.name = "link-drops",
           .disk = {},
           .detail = fmt::format("{} ({}): {}: {}; more of them are only counted", link.config.name,
                                 where(link.config), name_of(fault), what_to_do)});
}

void Links::tell(bool expected, Instant now) {
  for (const auto& link : links_) {
    const LinkState state = link->watch.state(now);
    if (state == LinkState::kQuiet && !expected) continue;
    if (state == LinkState::kNew || std::exchange(link->told, state) == state) continue;
    const std::string link_of = fmt::format("{} ({})", link->config.name, where(link->config));
    const std::string& name = config_.partner.name;
    std::string detail = link_of;
    if (state == LinkState::kFailed) {
      detail = fmt::format("{}; tried again with each heartbeat", link->watch.problem());
    } else if (state == LinkState::kQuiet) {
      detail = fmt::format(
          "{}: nothing comes from {}, which is heard otherwise: look at its link, "
          "and at the firewalls (UDP)",
          link_of, name);
    } else if (state == LinkState::kOneWay) {
      detail = fmt::format(
          "{}: {} does not get what this node sends there: look at its firewall "
          "(UDP), and at the way there",
          link_of, name);
    }
    events_({.name = fmt::format("link-{}", name_of(state)), .disk = {}, .detail = detail});
  }
}

std::vector<PathReport> Links::reports(const PeerWatch& peer, Instant now) const {
  std::vector<PathReport> reports;
  for (const auto& link : links_) {
    PathReport report{
        .kind = PathReport::Kind::kLink, .name = link->config.name, .where = where(link->config)};
    if (const PeerWatch::Ear* ear = peer.link(link->config.name)) {
      if (ear->heard_at) report.age = now - *ear->heard_at;
      report.heard = ear->heard;
    }
    report.one_way = link->watch.state(now) == LinkState::kOneWay;
    report.problem = link->watch.problem();
    for (std::size_t i = 0; i < kDatagramFaults; ++i) {
      const auto fault = static_cast<DatagramFault>(i);
      const std::uint64_t count = link->watch.dropped_of(fault);
      if (count != 0) report.dropped.push_back({std::string(name_of(fault)), count});
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

std::unique_ptr<Links> links_of(const Config& config, const EventSink& events, Instant now) {
  if (config.links.empty()) return nullptr;
  auto key = load_cluster_key(config.key_file);
  if (!key) {
    events({.name = "link-failed",
            .disk = {},
            .detail = describe(key.error()) + "; no link is used until the agent is restarted"});
    return nullptr;
  }
  return std::make_unique<Links>(config, seal_with(std::move(*key)), open_udp_link, events, now);
}

}  // namespace lastword
