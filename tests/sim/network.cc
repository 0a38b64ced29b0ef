#include "tests/sim/network.h"

#include <fmt/format.h>

#include <cerrno>

#include "tests/sim/truth.h"
#include "tests/support/check_seal.h"

namespace lastword::sim {
namespace {

constexpr std::uint64_t kOwnChance = 0x6c696e6b73;
constexpr std::size_t kMostWaiting = 200;  // a socket's buffer
constexpr std::size_t kMostRecorded = 40;

std::string address_of(std::uint8_t node, std::size_t link) {
  return fmt::format("10.0.{}.{}", link, node);
}

}  // namespace

struct Network::Port final : LinkPort {
  Port(Network& net, std::size_t which, std::uint8_t id)
      : network(net), link(which), node(id), inbox(std::make_shared<Inbox>()) {
    network.inboxes_[{link, node}] = inbox;
  }
  Status send(Bytes datagram) override {
    network.send(link, node, {datagram.begin(), datagram.end()});
    return {};
  }
  Result<std::optional<Text>> receive() override {
    if (inbox->texts.empty()) return std::optional<Text>();
    Text first = std::move(inbox->texts.front());
    inbox->texts.pop_front();
    return first;
  }

  Network& network;
  std::size_t link;
  std::uint8_t node;
  std::shared_ptr<Inbox> inbox;
};

Network::Network(Scheduler& scheduler, std::optional<std::uint64_t> seed)
    : scheduler_(scheduler),
      random_(seed.value_or(0) ^ kOwnChance),
      count_(seed ? random_.pick(3) : 0) {
  for (std::size_t link = 0; link < count_; ++link) {
    for (const std::uint8_t node : kNodes) weather_[{link, node}] = draw();
  }
}

Network::Weather Network::draw() {
  const auto rate = [&](unsigned least) {
    return random_.one_in(2) ? 0 : least + random_.pick(10 * least);
  };
  return {.lost = rate(2), .twice = rate(3), .slow = rate(3), .replayed = rate(3), .cut = rate(10)};
}

std::vector<LinkConfig> Network::links_of(std::uint8_t node) const {
  std::vector<LinkConfig> links;
  for (std::size_t link = 0; link < count_; ++link) {
    links.push_back({.name = fmt::format("link{}", link),
                     .address = address_of(node, link),
                     .peer = address_of(partner_of(node), link)});
  }
  return links;
}

std::unique_ptr<Links> Network::open(std::uint8_t node, const Config& config, EventSink events,
                                     Instant now) {
  if (config.links.empty()) return nullptr;
  const OpenLink opens = [this,
                          node](const LinkConfig& config_of) -> Result<std::unique_ptr<LinkPort>> {
    const auto link = static_cast<std::size_t>(config_of.name.back() - '0');
    return std::make_unique<Port>(*this, link, node);
  };
  return std::make_unique<Links>(config, test::check_seal(), opens, std::move(events), now);
}

void Network::calm() {
  calm_ = true;
  for (auto& [way, weather] : weather_) weather = {};
}

void Network::send(std::size_t link, std::uint8_t from, const Text& text) {
  Weather& weather = weather_.at({link, from});
  const Time now = scheduler_.now();
  if (!calm_) {
    weather.recorded.push_back(text);
    if (weather.recorded.size() > kMostRecorded) weather.recorded.pop_front();
    if (random_.one_in(weather.replayed)) {
      const auto which = random_.below(weather.recorded.size());
      deliver(link, from, weather.recorded.at(which), random_.between(Time(100), Time(20'000'000)));
    }
    if (random_.one_in(weather.cut)) {
      weather.cut_until = now + random_.between(Time(100'000), Time(15'000'000));
    }
  }
  if (now < weather.cut_until || random_.one_in(weather.lost)) return;
  const bool slow = random_.one_in(weather.slow);
  const Time after = random_.between(Time(50), Time(slow ? 2'000'000 : 1000));
  if (random_.one_in(weather.twice)) deliver(link, from, text, after + Time(300));
  deliver(link, from, text, after);
}

void Network::deliver(std::size_t link, std::uint8_t from, Text text, Time after) {
  scheduler_.after(after, [this, way = Way{link, partner_of(from)}, text = std::move(text)] {
    const auto found = inboxes_.find(way);
    const auto inbox = found == inboxes_.end() ? nullptr : found->second.lock();
    if (inbox && inbox->texts.size() < kMostWaiting) inbox->texts.push_back(text);
  });
}

}  // namespace lastword::sim
