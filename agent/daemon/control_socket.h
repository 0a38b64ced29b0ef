// The agent's control socket, STATE_DIRECTORY/control: AF_UNIX, SOCK_SEQPACKET, mode 0600
// (unix(7)).
//
// A connection carries one request and one reply (control.proto). Nothing here blocks: turn() takes
// in what has come, and a client that sends nothing, sends what is no request, does not read its
// reply or goes away costs no more than its own connection, which is closed after kClientPatience.
// Beyond kMostClients the oldest one is closed: whoever hangs locks nobody out.
//
// Who is not root is closed at once, by SO_PEERCRED: the file's mode may have been changed.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "agent/base/executor.h"
#include "agent/daemon/control_plan.h"
#include "agent/node/event.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

inline constexpr std::size_t kMostClients = 8;
// For the request, and for a reply that comes later.
inline constexpr milliseconds kClientPatience{5'000};

[[nodiscard]] std::string control_path(const std::string& state_directory);

class ControlSocket {
 public:
  // May a process of this user give orders?
  using May = std::function<bool(std::uint32_t uid)>;
  [[nodiscard]] static bool root_only(std::uint32_t uid) { return uid == 0; }

  // Replaces a socket file that is there: the caller holds lock_agent(), so that it is a dead
  // agent's. Event control-refused: there is no socket, and why; everything else goes on. Executor
  // and hands outlive this; `events` is called by turn() too, with control-client: what a client
  // did that is no request, once for each such thing until another one comes.
  ControlSocket(const std::string& state_directory, const Executor& executor, ControlHands hands,
                EventSink events, May may = root_only);
  // Removes the file.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // Call it every kPollInterval. It may be called again from within `hands`, and does nothing then.
  void turn();

 private:
  class LateReply;
  struct Client;

  [[nodiscard]] Status open();
  void accept_all();
  // False: the client is to be closed.
  [[nodiscard]] bool serve(Client& client);
  void tell(const std::string& detail);

  std::string path_;
  const Executor& executor_;
  ControlHands hands_;
  EventSink events_;
  May may_;
  FileDescriptor socket_;
  std::list<std::unique_ptr<Client>> clients_;  // the oldest first
  std::string told_;
  bool at_work_ = false;
};

}  // namespace lastword
