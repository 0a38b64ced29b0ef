// The control socket and its clients: real sockets, a virtual clock. Nothing here waits.
#include "agent/daemon/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/daemon/control_client.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

struct Agent {
  explicit Agent(ControlSocket::May may = [](std::uint32_t) { return true; }) {
    hands.snapshot = [] {
      pb::StatusAgent agent;
      agent.set_pid(42);
      return agent;
    };
    hands.look = [this] { ++looks; };
    hands.reload = [this](ControlHands::Answer answer) { later = std::move(answer); };
    open(std::move(may));
  }
  void open(ControlSocket::May may = [](std::uint32_t) { return true; }) {
    socket.emplace(
        directory, executor, hands, [this](const Event& event) { events.push_back(event); },
        std::move(may));
  }
  [[nodiscard]] FileDescriptor connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = control_path(directory);
    std::ranges::copy(path, address.sun_path);
    FileDescriptor client(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    BOOST_TEST_REQUIRE(
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return client;
  }
  static void send(const FileDescriptor& client, const std::string& packet) {
    BOOST_TEST_REQUIRE(::send(client.get(), packet.data(), packet.size(), MSG_NOSIGNAL) ==
                       static_cast<ssize_t>(packet.size()));
  }
  static void send(const FileDescriptor& client, pb::ControlKind kind) {
    pb::ControlRequest request;
    request.set_kind(kind);
    send(client, request.SerializeAsString());
  }
  static std::optional<pb::ControlReply> reply(const FileDescriptor& client) {
    std::string packet(kMostReplyBytes, '\0');
    const ssize_t got = ::recv(client.get(), packet.data(), packet.size(), 0);
    pb::ControlReply reply;
    if (got <= 0) return std::nullopt;
    packet.resize(static_cast<std::size_t>(got));
    BOOST_TEST_REQUIRE(reply.ParseFromString(packet));
    return reply;
  }
  static bool is_closed(const FileDescriptor& client) {
    char byte = 0;
    return ::recv(client.get(), &byte, 1, 0) == 0;
  }

  TestFolder folder;
  std::string directory = folder.file("run");
  VirtualExecutor executor;
  ControlHands hands;
  unsigned looks = 0;
  ControlHands::Answer later;
  std::vector<Event> events;
  std::optional<ControlSocket> socket;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(control_socket, Agent)

BOOST_AUTO_TEST_CASE(a_request_is_answered_and_the_connection_is_over) {
  const auto client = connect();
  send(client, pb::CONTROL_STATUS);
  socket->turn();
  const auto answer = reply(client);
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->agent().pid() == 42U);
  BOOST_TEST(is_closed(client));
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(only_root_may_even_connect) {
  struct stat file {};
  BOOST_TEST_REQUIRE(::stat(control_path(directory).c_str(), &file) == 0);
  BOOST_TEST((file.st_mode & 07777U) == 0600U);
  BOOST_TEST(ControlSocket::root_only(0));
  BOOST_TEST(!ControlSocket::root_only(1));
}

BOOST_AUTO_TEST_CASE(who_is_not_root_is_closed_with_one_event) {
  open([](std::uint32_t) { return false; });
  for (int i = 0; i < 3; ++i) {
    const auto client = connect();
    send(client, pb::CONTROL_LOOK);
    socket->turn();
    BOOST_TEST((is_closed(client) || errno == ECONNRESET));
  }
  BOOST_TEST(looks == 0U);
  BOOST_TEST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].name == "control-client");
}

BOOST_AUTO_TEST_CASE(one_that_sends_nothing_is_dropped_after_its_time_and_delays_nobody) {
  const auto hangs = connect();
  socket->turn();
  const auto client = connect();
  send(client, pb::CONTROL_STATUS);
  socket->turn();
  BOOST_TEST(reply(client).has_value());
  BOOST_TEST(!is_closed(hangs));
  executor.sleep(kClientPatience + milliseconds(1));
  socket->turn();
  BOOST_TEST(is_closed(hangs));
  BOOST_TEST(events.size() == 1U);
}

BOOST_AUTO_TEST_CASE(those_that_hang_lock_nobody_out) {
  std::vector<FileDescriptor> hanging;
  for (std::size_t i = 0; i < 3 * kMostClients; ++i) {
    hanging.push_back(connect());
    socket->turn();
  }
  const auto client = connect();
  send(client, pb::CONTROL_STATUS);
  socket->turn();
  BOOST_TEST(reply(client).has_value());
  BOOST_TEST(is_closed(hanging.front()));
  BOOST_TEST(!is_closed(hanging.back()));
}

BOOST_AUTO_TEST_CASE(garbage_and_half_a_request_close_the_connection_with_one_event) {
  for (const std::string& packet :
       {std::string("\x08"), std::string("\xff\xff\xff"), std::string(5000, 'x')}) {
    const auto client = connect();
    send(client, packet);
    socket->turn();
    BOOST_TEST(!reply(client).has_value());
    BOOST_TEST(is_closed(client));
  }
  BOOST_TEST_REQUIRE(events.size() == 1U);
  BOOST_TEST((events[0].detail.find("nothing else happens") != std::string::npos));
  const auto client = connect();
  send(client, pb::CONTROL_STATUS);
  socket->turn();
  BOOST_TEST(reply(client).has_value());
}

BOOST_AUTO_TEST_CASE(one_that_goes_away_has_its_order_carried_out) {
  {
    const auto client = connect();
    send(client, pb::CONTROL_LOOK);
  }
  socket->turn();
  BOOST_TEST(looks == 1U);
  { const auto silent = connect(); }
  socket->turn();
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_late_reply_comes_when_it_is_there_and_may_come_too_late) {
  const auto client = connect();
  send(client, pb::CONTROL_RELOAD);
  socket->turn();
  BOOST_TEST(!reply(client).has_value());
  BOOST_TEST_REQUIRE(static_cast<bool>(later));
  later(refusal("no", "mend it"));
  socket->turn();
  const auto answer = reply(client);
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->reason() == "no");

  const auto patient = connect();
  send(patient, pb::CONTROL_RELOAD);
  socket->turn();
  executor.sleep(kClientPatience + milliseconds(1));
  socket->turn();
  BOOST_TEST(is_closed(patient));
  later(refusal("no", "mend it"));  // to nobody
  socket->turn();
}

BOOST_AUTO_TEST_CASE(a_dead_agents_socket_is_replaced) {
  socket.reset();
  std::ofstream(control_path(directory)) << "left behind";
  std::ofstream(control_path(directory) + ".new") << "left behind";
  open();
  BOOST_TEST(events.empty());
  const auto client = connect();
  send(client, pb::CONTROL_STATUS);
  socket->turn();
  BOOST_TEST(reply(client).has_value());
}

BOOST_AUTO_TEST_CASE(without_a_socket_the_agent_goes_on_and_says_so) {
  socket.reset();
  directory = folder.file(std::string(120, 'x'));
  open();
  BOOST_TEST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].name == "control-refused");
  BOOST_TEST((events[0].detail.find("shorter state_directory") != std::string::npos));
  socket->turn();
}

BOOST_AUTO_TEST_CASE(the_client_asks_and_tells) {
  std::atomic<bool> over = false;
  std::thread turns([&] {
    while (!over) socket->turn();
  });
  const auto reply = ask_agent(directory, pb::CONTROL_STATUS, milliseconds(60'000));
  over = true;
  turns.join();
  BOOST_TEST_REQUIRE(reply.has_value());
  BOOST_TEST(reply->agent().pid() == 42U);
  tell_agent_to_look(directory);
  socket->turn();
  BOOST_TEST(looks == 1U);
}

BOOST_AUTO_TEST_CASE(the_client_tells_an_absent_agent_from_one_that_hangs) {
  const auto hangs = ask_agent(directory, pb::CONTROL_STATUS, milliseconds(20));
  BOOST_TEST_REQUIRE(!hangs.has_value());
  BOOST_TEST((hangs.error().code == Code::kTimeout));
  socket.reset();
  for (const bool stale : {false, true}) {
    if (stale) std::ofstream(control_path(directory)) << "";
    const auto absent = ask_agent(directory, pb::CONTROL_STATUS, milliseconds(60'000));
    BOOST_TEST_REQUIRE(!absent.has_value());
    BOOST_TEST((absent.error().code == Code::kNotFound));
  }
  tell_agent_to_look(directory);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
