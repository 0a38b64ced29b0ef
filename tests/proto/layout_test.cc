#include "proto/layout.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "proto/uuid.h"

using namespace lastword;

BOOST_AUTO_TEST_SUITE(layout)

// These are on disks: a change here is a new format.
BOOST_AUTO_TEST_CASE(slots_stay_where_they_are) {
  BOOST_TEST(slot_offset(RecordPlace::kLabel, 0) == 0U);
  BOOST_TEST(slot_offset(RecordPlace::kLabel, 1) == 65536U);
  BOOST_TEST(slot_offset(RecordPlace::kCoredump, 0) == 4096U);
  BOOST_TEST(slot_offset(RecordPlace::kCoredump, 1) == 69632U);
  BOOST_TEST(slot_offset(RecordPlace::kMailboxLow, 0) == 8192U);
  BOOST_TEST(slot_offset(RecordPlace::kMailboxHigh, 1) == 77824U);
}

BOOST_AUTO_TEST_CASE(metadata_offset_is_a_decimal_multiple_of_a_block) {
  for (const auto& [text, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
           {"0", 0}, {"4096", 4096}, {"18446744073709547520", 18446744073709547520U}}) {
    BOOST_TEST(parse_metadata_offset(text).value_or(1) == value);
  }
  for (const char* wrong : {"", "4097", "-4096", "+4096", " 4096", "4096 ", "0x1000", "010000",
                            "4k", "1M", "4096.0", "1e4", "4'096", "18446744073709551616"}) {
    BOOST_TEST(!parse_metadata_offset(wrong), wrong);
  }
}

BOOST_AUTO_TEST_CASE(no_two_slots_share_a_block) {
  std::set<std::uint64_t> offsets;
  for (const RecordPlace place : kRecordPlaces) {
    for (const unsigned slot : {0U, 1U}) {
      const std::uint64_t offset = slot_offset(place, slot);
      BOOST_TEST(offset % kBlockBytes == 0U);
      BOOST_TEST(offset + kBlockBytes <= kMetadataMinBytes);
      offsets.insert(offset);
    }
  }
  BOOST_TEST(offsets.size() == 2 * kRecordPlaces.size());
}

BOOST_AUTO_TEST_CASE(numbers_of_kinds_stay_what_they_are) {
  BOOST_TEST(static_cast<unsigned>(RecordKind::kLabel) == 1U);
  BOOST_TEST(static_cast<unsigned>(RecordKind::kCoredumpHeader) == 2U);
  BOOST_TEST(static_cast<unsigned>(RecordKind::kMailboxSlot) == 3U);
  BOOST_TEST(static_cast<unsigned>(RecordKind::kPlan) == 4U);
}

BOOST_AUTO_TEST_CASE(each_place_holds_its_kind) {
  BOOST_TEST((kind_at(RecordPlace::kLabel) == RecordKind::kLabel));
  BOOST_TEST((kind_at(RecordPlace::kCoredump) == RecordKind::kCoredumpHeader));
  BOOST_TEST((kind_at(RecordPlace::kMailboxLow) == RecordKind::kMailboxSlot));
  BOOST_TEST((kind_at(RecordPlace::kMailboxHigh) == RecordKind::kMailboxSlot));
}

BOOST_AUTO_TEST_CASE(partition_types_are_uuids_and_differ) {
  BOOST_TEST(parse_uuid(kMetadataPartitionType).has_value());
  BOOST_TEST(parse_uuid(kDataPartitionType).has_value());
  BOOST_TEST(kMetadataPartitionType != kDataPartitionType);
}

BOOST_AUTO_TEST_SUITE_END()
