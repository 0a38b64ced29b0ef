// The sockets of the links: UDP (RFC 768). The seam to the network: tests and the simulation put
// their own LinkPort in the place of the sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/datagram.h"

namespace lastword {

// This node's end of a link. No call blocks.
class LinkPort {
 public:
  virtual ~LinkPort() = default;
  // kIo with the errno: it did not leave this node; or the partner's host has refused an earlier
  // one.
  [[nodiscard]] virtual Status send(Bytes datagram) = 0;
  // One datagram that has arrived, whole, or cut to a length above kMostDatagramBytes; nothing: no
  // other one is there. kIo as above.
  [[nodiscard]] virtual Result<std::optional<std::vector<std::byte>>> receive() = 0;
};

// Opens this node's end. kIo with the errno: the address is not this node's now, the port is taken,
// or no way leads to the partner.
using OpenLink = std::function<Result<std::unique_ptr<LinkPort>>(const LinkConfig&)>;

// A socket bound to the link's address and connected to the partner's: the kernel gives it nothing
// that comes from elsewhere.
[[nodiscard]] Result<std::unique_ptr<LinkPort>> open_udp_link(const LinkConfig& link);

}  // namespace lastword
