#include "agent/daemon/control_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <optional>
#include <utility>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

Error system_error(const char* operation, const std::string& path) {
  return {.code = Code::kIo, .sys_errno = errno, .operation = operation, .disk = path};
}

}  // namespace

// A reply that may come from another thread, and after its client has gone.
class ControlSocket::LateReply {
 public:
  void put(pb::ControlReply reply) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
  }
  std::optional<pb::ControlReply> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(reply_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<pb::ControlReply> reply_;
};

struct ControlSocket::Client {
  FileDescriptor socket;
  Instant since{};
  std::shared_ptr<LateReply> reply;  // null: the request has not come
};

std::string control_path(const std::string& state_directory) {
  return state_directory + "/control";
}

ControlSocket::ControlSocket(const std::string& state_directory, const Executor& executor,
                             ControlHands hands, EventSink events, May may)
    : path_(control_path(state_directory)),
      executor_(executor),
      hands_(std::move(hands)),
      events_(std::move(events)),
      may_(std::move(may)) {
  Status opened = make_directory(state_directory);
  if (opened) opened = open();
  if (opened) return;
  socket_.reset();
  events_({.name = "control-refused",
           .disk = {},
           .detail = describe(opened.error()) +
                     "; commands do not reach this agent, which goes on without"});
}

ControlSocket::~ControlSocket() {
  if (socket_.valid()) (void)::unlink(path_.c_str());
}

// Made under another name, and renamed when nobody but root can connect to it.
Status ControlSocket::open() {
  const std::string made = path_ + ".new";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (made.size() >= sizeof address.sun_path) {
    return fail({.code = Code::kUsage,
                 .operation = "bind control socket",
                 .disk = path_,
                 .detail = fmt::format("the path is longer than {} bytes: choose a shorter "
                                       "state_directory",
                                       sizeof address.sun_path - 1 - std::string(".new").size())});
  }
  std::ranges::copy(made, address.sun_path);
  socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.valid()) return fail(system_error("open control socket", path_));
  if (::unlink(made.c_str()) != 0 && errno != ENOENT) return fail(system_error("remove", made));
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(system_error("bind control socket", made));
  }
  if (::chmod(made.c_str(), 0600) != 0) return fail(system_error("chmod", made));
  if (::listen(socket_.get(), static_cast<int>(kMostClients)) != 0) {
    return fail(system_error("listen at control socket", made));
  }
  if (std::rename(made.c_str(), path_.c_str()) != 0) return fail(system_error("rename", made));
  return {};
}

void ControlSocket::turn() {
  if (!socket_.valid() || std::exchange(at_work_, true)) return;
  accept_all();
  std::erase_if(clients_, [this](const auto& client) { return !serve(*client); });
  at_work_ = false;
}

void ControlSocket::accept_all() {
  // As many as can wait: more may come as fast as they are taken in.
  for (std::size_t i = 0; i < kMostClients; ++i) {
    FileDescriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) return;
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || !may_(who.uid)) {
      tell(fmt::format("process {} of user {} is not root: closed", who.pid, who.uid));
      continue;
    }
    if (clients_.size() == kMostClients) {
      tell(fmt::format("more than {} connections: the oldest is closed", kMostClients));
      clients_.pop_front();
    }
    clients_.push_back(std::make_unique<Client>(
        Client{.socket = std::move(socket), .since = executor_.now(), .reply = nullptr}));
  }
}

bool ControlSocket::serve(Client& client) {
  if (executor_.now() - client.since > kClientPatience) {
    tell(client.reply ? "a reply did not come in time: closed" : "no request in time: closed");
    return false;
  }
  if (!client.reply) {
    // One more, to see that a packet is too long.
    std::array<char, kMostRequestBytes + 1> packet;
    const ssize_t got = ::recv(client.socket.get(), packet.data(), packet.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;  // it has gone
    const auto request = parse_control_request({packet.data(), static_cast<std::size_t>(got)});
    if (!request) {
      tell(describe(request.error()));
      return false;
    }
    client.reply = std::make_shared<LateReply>();
    answer_control(*request, hands_,
                   [late = client.reply](pb::ControlReply reply) { late->put(std::move(reply)); });
  }
  const auto reply = client.reply->take();
  if (!reply) return true;
  const std::string packet = format_control_reply(*reply);
  // Whoever does not take it has had its chance.
  (void)::send(client.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  told_.clear();
  return false;
}

void ControlSocket::tell(const std::string& detail) {
  if (std::exchange(told_, detail) == detail) return;
  events_({.name = "control-client", .disk = {}, .detail = detail});
}

}  // namespace lastword
