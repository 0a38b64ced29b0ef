#include "agent/daemon/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/daemon/control_socket.h"

namespace lastword {
namespace {

constexpr std::string_view kNoAnswer =
    "this node's agent does not answer: `systemctl status lastword-agent` shows what it does; "
    "systemd restarts one that hangs";

Error no_agent(const std::string& path) {
  return {.code = Code::kNotFound,
          .sys_errno = errno,
          .operation = "ask the agent",
          .disk = path,
          .detail = "no agent runs on this node: `systemctl start lastword-agent`"};
}

Error no_answer(const std::string& path) {
  return {.code = Code::kTimeout,
          .sys_errno = errno,
          .operation = "ask the agent",
          .disk = path,
          .detail = kNoAnswer};
}

Error failed(const char* operation, const std::string& path) {
  return {.code = Code::kIo, .sys_errno = errno, .operation = operation, .disk = path};
}

// unix(7): SO_SNDTIMEO bounds connect(2) too, which waits for room in the queue.
Status bound(const FileDescriptor& socket, milliseconds patience, const std::string& path) {
  const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, option, &time, sizeof time) != 0) {
      return fail(failed("bound the time of", path));
    }
  }
  return {};
}

Status send_request(const FileDescriptor& socket, pb::ControlKind kind, const std::string& path) {
  pb::ControlRequest request;
  request.set_kind(kind);
  const std::string packet = request.SerializeAsString();
  if (::send(socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL) >= 0) return {};
  if (errno == EAGAIN) return fail(no_answer(path));
  return fail(errno == EPIPE || errno == ECONNRESET ? no_agent(path)
                                                    : failed("send to the agent at", path));
}

Result<FileDescriptor> connect_to(const std::string& path, milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  errno = ENOENT;
  if (path.size() >= sizeof address.sun_path) return fail(no_agent(path));
  std::ranges::copy(path, address.sun_path);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(failed("open a socket to", path));
  if (Status status = bound(socket, patience, path); !status) return fail(status.error());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  if (errno == ENOENT || errno == ECONNREFUSED) return fail(no_agent(path));
  return fail(errno == EAGAIN ? no_answer(path) : failed("connect to", path));
}

}  // namespace

Result<pb::ControlReply> ask_agent(const std::string& state_directory, pb::ControlKind kind,
                                   milliseconds patience) {
  const std::string path = control_path(state_directory);
  const auto socket = connect_to(path, patience);
  if (!socket) return fail(socket.error());
  if (Status sent = send_request(*socket, kind, path); !sent) return fail(sent.error());
  std::string packet(kMostReplyBytes + 1, '\0');
  const ssize_t got = ::recv(socket->get(), packet.data(), packet.size(), 0);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return fail(no_answer(path));
    return fail(errno == ECONNRESET ? no_agent(path) : failed("read from the agent at", path));
  }
  if (got == 0) {
    errno = 0;
    return fail(no_answer(path));
  }
  packet.resize(static_cast<std::size_t>(got));
  pb::ControlReply reply;
  if (packet.size() > kMostReplyBytes || !reply.ParseFromString(packet)) {
    return fail({.code = Code::kCorrupt,
                 .operation = "ask the agent",
                 .disk = path,
                 .detail = "its reply cannot be read: the agent is of another version, `systemctl "
                           "restart lastword-agent`"});
  }
  return reply;
}

void tell_agent_to_look(const std::string& state_directory) {
  constexpr milliseconds kShort{300};
  const std::string path = control_path(state_directory);
  const auto socket = connect_to(path, kShort);
  if (!socket) return;
  (void)send_request(*socket, pb::CONTROL_LOOK, path);
}

}  // namespace lastword
