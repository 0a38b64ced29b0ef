#include "proto/record.h"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>

#include "proto/crc32c.h"
#include "proto/disk.pb.h"
#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr RecordKind kKind = RecordKind::kLabel;
constexpr std::size_t kKindAt = 8;
constexpr std::size_t kVersionAt = 12;
constexpr std::size_t kLengthAt = 24;
constexpr std::size_t kPayloadAt = kRecordHeaderBytes;

struct Block {
  std::array<std::byte, kBlockBytes> bytes{};

  [[nodiscard]] BlockView view() const { return bytes; }
  void put(std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, sizeof value); }
  [[nodiscard]] std::uint32_t get(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, &bytes[at], sizeof value);
    return value;
  }
  // Makes the CRC hold again after a change.
  void seal() {
    const std::size_t end = kPayloadAt + get(kLengthAt);
    put(end, crc32c(view().first(end)));
  }
  [[nodiscard]] SlotState state(RecordKind kind = kKind) const {
    return parse_slot(view(), kind).state;
  }
};

pb::Label label(std::uint64_t epoch) {
  pb::Label label;
  label.set_ownership_epoch(epoch);
  return label;
}

Block slot(std::uint64_t sequence, std::uint64_t epoch) {
  Block block;
  BOOST_TEST_REQUIRE(ok(write_slot(block.bytes, kKind, sequence, label(epoch))));
  return block;
}

Block slot_that_does_not_parse(std::uint64_t sequence) {
  Block block = slot(sequence, 2);
  block.bytes[kPayloadAt] = std::byte{0xff};
  block.seal();
  return block;
}

Result<std::uint64_t> epoch_of(const Block& first, const Block& second) {
  pb::Label found;
  const auto choice = read_pair(first.view(), second.view(), kKind, found);
  if (!choice) return fail(choice.error());
  return found.ownership_epoch();
}

Block torn(const Block& newer, const Block& older, std::size_t sectors) {
  Block block = older;
  std::copy_n(newer.bytes.begin(), sectors * 512, block.bytes.begin());
  return block;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(one_slot)

BOOST_AUTO_TEST_CASE(written_is_valid_with_its_sequence_and_payload) {
  const Block block = slot(7, 3);
  const Slot parsed = parse_slot(block.view(), kKind);
  BOOST_TEST_REQUIRE((parsed.state == SlotState::kValid));
  BOOST_TEST(parsed.record->sequence == 7U);
  BOOST_TEST(parsed.record->version == kRecordVersion);
  pb::Label found;
  BOOST_TEST(found.ParseFromArray(parsed.record->payload.data(),
                                  static_cast<int>(parsed.record->payload.size())));
  BOOST_TEST(found.ownership_epoch() == 3U);
}

BOOST_AUTO_TEST_CASE(rest_of_the_block_is_zero) {
  Block block;
  block.bytes.fill(std::byte{0xee});
  BOOST_TEST_REQUIRE(ok(write_slot(block.bytes, kKind, 1, label(1))));
  const std::size_t end = kPayloadAt + block.get(kLengthAt) + 4;
  BOOST_TEST(std::all_of(block.bytes.begin() + static_cast<long>(end), block.bytes.end(),
                         [](std::byte byte) { return byte == std::byte{0}; }));
}

BOOST_AUTO_TEST_CASE(all_zero_is_empty) {
  BOOST_TEST((Block{}.state() == SlotState::kEmpty));
}

BOOST_AUTO_TEST_CASE(with_wrong_magic_is_not_ours) {
  Block block = slot(1, 1);
  block.bytes[0] = std::byte{'l'};
  BOOST_TEST((block.state() == SlotState::kWrongMagic));
  Block almost_empty;
  almost_empty.bytes[kBlockBytes - 1] = std::byte{1};
  BOOST_TEST((almost_empty.state() == SlotState::kWrongMagic));
}

BOOST_AUTO_TEST_CASE(with_another_kind_is_wrong) {
  BOOST_TEST((slot(1, 1).state(RecordKind::kCoredumpHeader) == SlotState::kWrongKind));
  Block block = slot(1, 1);
  block.put(kKindAt, 99);
  block.seal();
  BOOST_TEST((block.state() == SlotState::kWrongKind));
}

BOOST_AUTO_TEST_CASE(with_a_newer_version_is_from_the_future) {
  Block block = slot(1, 1);
  block.put(kVersionAt, kRecordVersion + 1);
  BOOST_TEST((block.state() == SlotState::kWrongCrc));  // not believed without its CRC
  block.seal();
  BOOST_TEST((block.state() == SlotState::kFutureVersion));
}

BOOST_AUTO_TEST_CASE(with_a_length_beyond_the_block_is_too_long) {
  Block block = slot(1, 1);
  for (const std::uint32_t length :
       {static_cast<std::uint32_t>(kRecordMaxPayload) + 1, 0x7fffffffU, 0xffffffffU}) {
    block.put(kLengthAt, length);
    BOOST_TEST((block.state() == SlotState::kTooLong));
  }
  block.put(kLengthAt, kRecordMaxPayload);
  BOOST_TEST((block.state() == SlotState::kWrongCrc));
}

BOOST_AUTO_TEST_CASE(with_any_bit_changed_is_not_valid) {
  const Block good = slot(1, 0x123456789abcdef);
  const std::size_t end = kPayloadAt + good.get(kLengthAt) + 4;
  for (std::size_t bit = 0; bit < end * 8; ++bit) {
    Block block = good;
    block.bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    BOOST_TEST((block.state() != SlotState::kValid), "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(holds_the_longest_payload_and_not_a_byte_more) {
  pb::Label longest;
  // Two bytes of tag, two of length.
  longest.set_disk_uuid(std::string(kRecordMaxPayload - 3, 'x'));
  BOOST_TEST_REQUIRE(longest.ByteSizeLong() == kRecordMaxPayload);
  Block block;
  BOOST_TEST(ok(write_slot(block.bytes, kKind, 1, longest)));
  BOOST_TEST((block.state() == SlotState::kValid));
  longest.set_disk_uuid(std::string(kRecordMaxPayload - 2, 'x'));
  BOOST_TEST(fails(write_slot(block.bytes, kKind, 1, longest), Code::kRefused));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(header_slots)

BOOST_AUTO_TEST_CASE(newer_slot_wins_in_either_place) {
  BOOST_TEST(epoch_of(slot(1, 10), slot(2, 20)).value() == 20U);
  BOOST_TEST(epoch_of(slot(2, 20), slot(1, 10)).value() == 20U);
}

BOOST_AUTO_TEST_CASE(torn_newer_slot_falls_back_to_older) {
  pb::Label longer = label(30);
  longer.set_disk_uuid(std::string(3800, 'x'));
  Block newer;
  BOOST_TEST_REQUIRE(ok(write_slot(newer.bytes, kKind, 3, longer)));
  for (std::size_t sectors = 1; sectors < 8; ++sectors) {
    BOOST_TEST(epoch_of(torn(newer, slot(1, 10), sectors), slot(2, 20)).value() == 20U);
  }
}

BOOST_AUTO_TEST_CASE(next_write_never_hits_the_current_slot) {
  pb::Label found;
  const auto next_of = [&](const Block& first, const Block& second) {
    const auto choice = read_pair(first.view(), second.view(), kKind, found);
    BOOST_TEST_REQUIRE(ok(choice));
    BOOST_TEST(*choice->current != choice->next);
    return std::pair(choice->next, choice->next_sequence);
  };
  BOOST_TEST((next_of(slot(1, 1), slot(2, 2)) == std::pair(0U, std::uint64_t{3})));
  BOOST_TEST((next_of(slot(4, 4), slot(3, 3)) == std::pair(1U, std::uint64_t{5})));
  BOOST_TEST((next_of(slot(4, 4), Block{}) == std::pair(1U, std::uint64_t{5})));
  Block damaged = slot(9, 9);
  damaged.bytes[kPayloadAt] ^= std::byte{1};
  BOOST_TEST((next_of(damaged, slot(3, 3)) == std::pair(0U, std::uint64_t{4})));
}

BOOST_AUTO_TEST_CASE(equal_sequences_count_as_the_first_slot) {
  BOOST_TEST(epoch_of(slot(5, 10), slot(5, 20)).value() == 10U);
}

BOOST_AUTO_TEST_CASE(both_empty_was_never_written) {
  BOOST_TEST(fails(epoch_of({}, {}), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(both_damaged_is_corrupt) {
  Block damaged = slot(1, 1);
  damaged.bytes[kPayloadAt] ^= std::byte{1};
  BOOST_TEST(fails(epoch_of(damaged, damaged), Code::kCorrupt));
  BOOST_TEST(fails(epoch_of(damaged, {}), Code::kCorrupt));
  BOOST_TEST(fails(epoch_of({}, damaged), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(future_version_in_either_slot_is_neither_believed_nor_passed_over) {
  Block future = slot(1, 1);
  future.put(kVersionAt, kRecordVersion + 1);
  future.seal();
  BOOST_TEST(fails(epoch_of(future, slot(2, 2)), Code::kFutureVersion));
  BOOST_TEST(fails(epoch_of(slot(2, 2), future), Code::kFutureVersion));
  BOOST_TEST(fails(epoch_of({}, future), Code::kFutureVersion));
}

// The CRC says that its writer meant it: the older slot is not the last word any more.
BOOST_AUTO_TEST_CASE(newer_payload_that_does_not_parse_is_evidence_not_passed_over) {
  const Block bad = slot_that_does_not_parse(2);
  BOOST_TEST((bad.state() == SlotState::kValid));
  BOOST_TEST(fails(epoch_of(bad, slot(1, 10)), Code::kCorrupt));
  BOOST_TEST(fails(epoch_of(slot(1, 10), bad), Code::kCorrupt));
  BOOST_TEST(fails(epoch_of(bad, {}), Code::kCorrupt));
  BOOST_TEST(fails(epoch_of(bad, slot_that_does_not_parse(1)), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(older_payload_that_does_not_parse_is_over) {
  BOOST_TEST(epoch_of(slot_that_does_not_parse(2), slot(3, 30)).value() == 30U);
  BOOST_TEST(epoch_of(slot(3, 30), slot_that_does_not_parse(2)).value() == 30U);
}

BOOST_AUTO_TEST_CASE(pair_without_a_record_is_replaced_in_the_older_slot) {
  const auto replacement = [](const Block& first, const Block& second) {
    const PairChoice choice =
        choose_replacement(parse_slot(first.view(), kKind), parse_slot(second.view(), kKind));
    BOOST_TEST(!choice.current.has_value());
    return std::pair(choice.next, choice.next_sequence);
  };
  const Block bad = slot_that_does_not_parse(7);
  BOOST_TEST((replacement(bad, slot(6, 10)) == std::pair(1U, std::uint64_t{8})));
  BOOST_TEST((replacement(slot(6, 10), bad) == std::pair(0U, std::uint64_t{8})));
  BOOST_TEST((replacement({}, bad) == std::pair(0U, std::uint64_t{8})));
  Block torn = slot(9, 9);
  torn.bytes[kPayloadAt] ^= std::byte{1};
  BOOST_TEST((replacement(torn, torn) == std::pair(0U, std::uint64_t{1})));
}

BOOST_AUTO_TEST_SUITE_END()
