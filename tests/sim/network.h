// The links between the two nodes: none, one or two, drawn for each history, by a source of chance
// of their own, so that a history without links is the same as before there were any.
//
// What may go wrong, since networks do it: a datagram is lost, late, overtaken by others, there
// twice; a link is cut in one direction or in both for a while; somebody who listens sends old
// datagrams again, at any time. Nobody knows the cluster's key.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/daemon/links.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"

namespace lastword::sim {

class Network {
 public:
  Network(Scheduler& scheduler, std::optional<std::uint64_t> seed);

  // Of that node's configuration.
  [[nodiscard]] std::vector<LinkConfig> links_of(std::uint8_t node) const;
  // For an agent on that node; a datagram reaches the port that was opened last there.
  [[nodiscard]] std::unique_ptr<Links> open(std::uint8_t node, const Config& config,
                                            EventSink events, Instant now);
  // Nothing goes wrong from now on.
  void calm();

 private:
  using Text = std::vector<std::byte>;
  // A direction of a link: the link, and the node that sends.
  using Way = std::pair<std::size_t, std::uint8_t>;
  struct Port;
  struct Inbox {
    std::deque<Text> texts;
  };
  struct Weather {
    unsigned lost = 0;  // one in so many; 0: never
    unsigned twice = 0;
    unsigned slow = 0;
    unsigned replayed = 0;
    unsigned cut = 0;  // begins at one datagram in so many
    Time cut_until{0};
    std::deque<Text> recorded;
  };

  void send(std::size_t link, std::uint8_t from, const Text& text);
  void deliver(std::size_t link, std::uint8_t from, Text text, Time after);
  [[nodiscard]] Weather draw();

  Scheduler& scheduler_;
  Random random_;
  std::size_t count_;
  bool calm_ = false;
  std::map<Way, Weather> weather_;
  std::map<Way, std::weak_ptr<Inbox>> inboxes_;  // by the node that receives
};

}  // namespace lastword::sim
