// What a packet at the control socket asks for, and what it is answered.
#include "agent/daemon/control_plan.h"

#include <boost/test/unit_test.hpp>
#include <optional>

namespace lastword::test {
namespace {

pb::ControlRequest request(pb::ControlKind kind) {
  pb::ControlRequest made;
  made.set_kind(kind);
  return made;
}

struct Asked {
  pb::ControlReply reply;
  unsigned answers = 0;
};

Asked ask(pb::ControlKind kind, const ControlHands& hands) {
  Asked asked;
  answer_control(request(kind), hands, [&](pb::ControlReply reply) {
    asked.reply = std::move(reply);
    ++asked.answers;
  });
  return asked;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control_plan)

BOOST_AUTO_TEST_CASE(requests_are_read_and_garbage_is_none) {
  const auto read = parse_control_request(request(pb::CONTROL_LOOK).SerializeAsString());
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->kind() == pb::CONTROL_LOOK);
  for (const std::string& packet : {std::string("\x08"), std::string("GET / HTTP/1.1\r\n"),
                                    std::string(kMostRequestBytes + 1, '\0')}) {
    const auto garbage = parse_control_request(packet);
    BOOST_TEST_REQUIRE(!garbage.has_value());
    BOOST_TEST((garbage.error().code == Code::kCorrupt));
  }
}

BOOST_AUTO_TEST_CASE(a_longer_packet_is_none_although_it_would_parse) {
  // An unknown field of length 1024 and its head.
  std::string packet = "\x7a\x80\x08";
  packet.append(1024, 'x');
  BOOST_TEST(pb::ControlRequest().ParseFromString(packet));
  BOOST_TEST(!parse_control_request(packet).has_value());
}

BOOST_AUTO_TEST_CASE(status_is_the_snapshot) {
  const Asked asked = ask(pb::CONTROL_STATUS, {.snapshot = [] {
                            pb::StatusAgent agent;
                            agent.set_pid(7);
                            return agent;
                          }});
  BOOST_TEST(asked.reply.done());
  BOOST_TEST(asked.reply.agent().pid() == 7U);
}

BOOST_AUTO_TEST_CASE(look_and_cancel_do_what_is_asked) {
  unsigned looks = 0;
  BOOST_TEST(ask(pb::CONTROL_LOOK, {.look = [&] { ++looks; }}).reply.done());
  BOOST_TEST(looks == 1U);
  BOOST_TEST(ask(pb::CONTROL_CANCEL, {.cancel = [] { return true; }}).reply.done());
  const Asked nothing = ask(pb::CONTROL_CANCEL, {});
  BOOST_TEST(!nothing.reply.done());
  BOOST_TEST(!nothing.reply.reason().empty());
}

BOOST_AUTO_TEST_CASE(reload_answers_later_and_is_refused_where_it_is_missing) {
  ControlHands::Answer later;
  const ControlHands hands{.reload = [&](ControlHands::Answer answer) { later = answer; }};
  BOOST_TEST(ask(pb::CONTROL_RELOAD, hands).answers == 0U);
  BOOST_TEST(static_cast<bool>(later));
  BOOST_TEST(!ask(pb::CONTROL_RELOAD, {}).reply.done());
}

BOOST_AUTO_TEST_CASE(kinds_of_other_versions_are_refused_with_a_remedy) {
  for (const int kind : {0, 99}) {
    const Asked asked = ask(static_cast<pb::ControlKind>(kind), {});
    BOOST_TEST(asked.answers == 1U);
    BOOST_TEST(!asked.reply.done());
    BOOST_TEST((asked.reply.remedy().find("restart") != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_too_long_becomes_a_refusal) {
  pb::ControlReply reply;
  reply.set_done(true);
  reply.set_reason(std::string(kMostReplyBytes, 'x'));
  pb::ControlReply sent;
  const std::string packet = format_control_reply(reply);
  BOOST_TEST(packet.size() <= kMostReplyBytes);
  BOOST_TEST_REQUIRE(sent.ParseFromString(packet));
  BOOST_TEST(!sent.done());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
