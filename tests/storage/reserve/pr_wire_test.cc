// Golden bytes: PERSISTENT RESERVE IN and OUT as SPC-4 (T10/1731-D) 6.15 and 6.16 lay them out.
#include "storage/reserve/pr_wire.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

using Bytes = std::vector<std::uint8_t>;
template <std::size_t N>
Bytes bytes(const std::array<std::uint8_t, N>& array) {
  return {array.begin(), array.end()};
}
constexpr ReservationKey kOwn{0x4c57'1234'0100'0007};
constexpr ReservationKey kVictim{0x4c57'1234'0200'00ff};

}  // namespace

BOOST_AUTO_TEST_SUITE(pr_cdb)

BOOST_AUTO_TEST_CASE(in_carries_action_and_allocation_length) {
  BOOST_TEST(bytes(pr_in_cdb(PrInAction::kReadKeys, 0x0204)) ==
             (Bytes{0x5e, 0x00, 0, 0, 0, 0, 0, 0x02, 0x04, 0}));
  BOOST_TEST(bytes(pr_in_cdb(PrInAction::kReadReservation, 24)) ==
             (Bytes{0x5e, 0x01, 0, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(bytes(pr_in_cdb(PrInAction::kCapabilities, 8)) ==
             (Bytes{0x5e, 0x02, 0, 0, 0, 0, 0, 0, 8, 0}));
}

BOOST_AUTO_TEST_CASE(out_carries_action_type_and_list_length) {
  using enum PrOutAction;
  const auto cdb = [](PrOutAction action, std::optional<PrType> type = kOwnerType) {
    return bytes(pr_out_cdb(action, type));
  };
  BOOST_TEST(cdb(kReserve) == (Bytes{0x5f, 0x01, 0x05, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(cdb(kRelease) == (Bytes{0x5f, 0x02, 0x05, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(cdb(kPreempt) == (Bytes{0x5f, 0x04, 0x05, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(cdb(kPreemptAndAbort) == (Bytes{0x5f, 0x05, 0x05, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(cdb(kRegisterIgnoringExisting, std::nullopt) ==
             (Bytes{0x5f, 0x06, 0x00, 0, 0, 0, 0, 0, 24, 0}));
  BOOST_TEST(cdb(kReserve, PrType::kExclusiveAccessAllRegistrants)[2] == 0x08);
}

BOOST_AUTO_TEST_CASE(parameter_list_has_both_keys_and_aptpl) {
  BOOST_TEST(bytes(pr_out_parameter_list({.own = kOwn, .service_action = kVictim})) ==
             (Bytes{0x4c, 0x57, 0x12, 0x34, 0x01, 0x00, 0x00, 0x07,  //
                    0x4c, 0x57, 0x12, 0x34, 0x02, 0x00, 0x00, 0xff,  //
                    0,    0,    0,    0,    0,    0,    0,    0}));
  const auto list = pr_out_parameter_list({.own = {}, .service_action = kOwn, .aptpl = true});
  BOOST_TEST(list[20] == 0x01);
  BOOST_TEST(std::count(list.begin(), list.begin() + 8, 0) == 8);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(read_keys_data)

const Bytes kTwoKeys{0,    0,    0,    0x2a, 0,    0,    0,    16,    //
                     0x4c, 0x57, 0x12, 0x34, 0x01, 0x00, 0x00, 0x07,  //
                     0x4c, 0x57, 0x12, 0x34, 0x02, 0x00, 0x00, 0xff};

BOOST_AUTO_TEST_CASE(has_generation_and_keys) {
  const auto list = parse_keys(kTwoKeys);
  BOOST_TEST_REQUIRE(ok(list));
  BOOST_TEST(list->registrations.generation == 0x2aU);
  BOOST_TEST((list->registrations.keys == std::vector{kOwn, kVictim}));
  BOOST_TEST(!list->truncated_at(kTwoKeys.size()));
}

BOOST_AUTO_TEST_CASE(without_registrations_is_empty) {
  const auto list = parse_keys(Bytes{0, 0, 0, 1, 0, 0, 0, 0});
  BOOST_TEST_REQUIRE(ok(list));
  BOOST_TEST(list->registrations.keys.empty());
  BOOST_TEST(!list->truncated_at(8));
}

BOOST_AUTO_TEST_CASE(cut_short_names_the_length_it_needs) {
  const auto list = parse_keys(std::span(kTwoKeys).first(20));
  BOOST_TEST_REQUIRE(ok(list));
  BOOST_TEST((list->registrations.keys == std::vector{kOwn}));
  BOOST_TEST(list->truncated_at(20));
  BOOST_TEST(list->needed_bytes == kTwoKeys.size());
}

BOOST_AUTO_TEST_CASE(trailing_bytes_are_no_keys) {
  Bytes data = kTwoKeys;
  data.resize(512);
  BOOST_TEST(parse_keys(data)->registrations.keys.size() == 2U);
}

BOOST_AUTO_TEST_CASE(shorter_than_its_header_is_corrupt) {
  BOOST_TEST(fails(parse_keys(std::span(kTwoKeys).first(7)), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(with_a_broken_length_is_corrupt) {
  Bytes data = kTwoKeys;
  data[7] = 15;
  BOOST_TEST(fails(parse_keys(data), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(read_reservation_data)

const Bytes kHeld{0,    0,    0,    0x2a, 0,    0,    0,    16,    //
                  0x4c, 0x57, 0x12, 0x34, 0x01, 0x00, 0x00, 0x07,  //
                  0,    0,    0,    0,    0,    0x05, 0,    0};

BOOST_AUTO_TEST_CASE(names_holder_and_type) {
  const auto found = parse_reservation(kHeld);
  BOOST_TEST_REQUIRE(ok(found));
  BOOST_TEST_REQUIRE(found->has_value());
  BOOST_TEST(((*found)->holder == kOwn));
  BOOST_TEST(((*found)->type == kOwnerType));
}

BOOST_AUTO_TEST_CASE(without_a_descriptor_means_no_reservation) {
  const auto found = parse_reservation(Bytes{0, 0, 0, 0x2a, 0, 0, 0, 0});
  BOOST_TEST_REQUIRE(ok(found));
  BOOST_TEST(!found->has_value());
}

BOOST_AUTO_TEST_CASE(cut_short_is_corrupt) {
  BOOST_TEST(fails(parse_reservation(std::span(kHeld).first(23)), Code::kCorrupt));
  BOOST_TEST(fails(parse_reservation(std::span(kHeld).first(4)), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(of_unknown_type_or_scope_is_corrupt) {
  for (const std::uint8_t scope_and_type : Bytes{0x00, 0x02, 0x04, 0x09, 0x15}) {
    Bytes data = kHeld;
    data[21] = scope_and_type;
    BOOST_TEST(fails(parse_reservation(data), Code::kCorrupt));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(capabilities_data)

BOOST_AUTO_TEST_CASE(offer_aptpl_by_ptpl_c) {
  BOOST_TEST(parse_capabilities(Bytes{0, 8, 0x01, 0x80, 0xea, 0x01, 0, 0})->aptpl);
  // PTPL_A says that it is active, not that it is offered.
  BOOST_TEST(!parse_capabilities(Bytes{0, 8, 0x10, 0x81, 0xea, 0x01, 0, 0})->aptpl);
}

BOOST_AUTO_TEST_CASE(cut_short_are_corrupt) {
  BOOST_TEST(fails(parse_capabilities(Bytes{0, 8, 0x01}), Code::kCorrupt));
  BOOST_TEST(fails(parse_capabilities(Bytes{0, 4, 1, 0, 0, 0, 0, 0}), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()
