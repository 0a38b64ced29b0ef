#include "agent/daemon/udp_link.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

Error failed(const char* operation, const LinkConfig& link, int error) {
  return {.code = Code::kIo, .sys_errno = error, .operation = operation, .disk = link.name};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses numeric(const std::string& address, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_DGRAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;  // no resolver is asked, so nothing waits
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) {
    found = nullptr;
  }
  return {found, &::freeaddrinfo};
}

class UdpPort final : public LinkPort {
 public:
  UdpPort(LinkConfig link, FileDescriptor socket)
      : link_(std::move(link)), socket_(std::move(socket)) {}

  Status send(Bytes datagram) override {
    const ssize_t sent =
        ::send(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    // A full queue is the same as a datagram that is lost on the way.
    if (sent >= 0 || errno == EAGAIN || errno == ENOBUFS) return {};
    return fail(failed("send", link_, errno));
  }

  Result<std::optional<std::vector<std::byte>>> receive() override {
    std::array<std::byte, kMostDatagramBytes + 1> buffer{};
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got >= 0) {
      return std::vector<std::byte>(buffer.begin(), buffer.begin() + got);
    }
    if (errno == EAGAIN || errno == EINTR) return std::optional<std::vector<std::byte>>();
    return fail(failed("receive", link_, errno));
  }

 private:
  LinkConfig link_;
  FileDescriptor socket_;
};

}  // namespace

Result<std::unique_ptr<LinkPort>> open_udp_link(const LinkConfig& link) {
  const Addresses own = numeric(link.address, link.port);
  const Addresses peer = numeric(link.peer, link.port);
  if (!own || !peer) return fail(failed("find address", link, EADDRNOTAVAIL));
  FileDescriptor socket(
      ::socket(own->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (socket.get() < 0) return fail(failed("socket", link, errno));
  if (::bind(socket.get(), own->ai_addr, own->ai_addrlen) != 0) {
    return fail(failed("bind", link, errno));
  }
  if (::connect(socket.get(), peer->ai_addr, peer->ai_addrlen) != 0) {
    return fail(failed("connect", link, errno));
  }
  return std::make_unique<UdpPort>(link, std::move(socket));
}

}  // namespace lastword
