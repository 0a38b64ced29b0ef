// The examples of docs/disk-format.md are what the code writes.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "proto/crc32c.h"
#include "proto/disk.pb.h"
#include "proto/record.h"
#include "proto/stream.h"
#include "proto/uuid.h"

using namespace lastword;

namespace {

// The hex digits of the page's block "```hex NAME", white space removed.
std::string documented_hex(const std::string& name) {
  std::ifstream page(LASTWORD_SOURCE_DIR "/docs/disk-format.md");
  BOOST_REQUIRE(page);
  std::string line;
  std::string hex;
  bool inside = false;
  while (std::getline(page, line)) {
    if (line == "```hex " + name) {
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      for (const char c : line) {
        if (std::isxdigit(static_cast<unsigned char>(c)) != 0) hex += c;
      }
    }
  }
  return hex;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::ostringstream hex;
  for (const std::byte b : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex << kDigits[std::to_integer<int>(b) >> 4] << kDigits[std::to_integer<int>(b) & 15];
  }
  return hex.str();
}

using Block = std::vector<std::byte>;
BlockSpan as_block(Block& block) {
  return std::span(block).first<kBlockBytes>();
}

Block example_label() {
  pb::Label label;
  label.set_cluster_uuid("00112233-4455-6677-8899-aabbccddeeff");
  label.set_disk_uuid("01234567-89ab-4def-8123-456789abcdef");
  label.set_role(pb::SPARE);
  label.set_home_node(1);
  label.set_owner_node(1);
  label.set_ownership_epoch(3);
  label.set_home_generation(7);
  label.set_owner_generation(7);
  label.set_data_offset_bytes(2 << 20);
  label.set_data_length_bytes((1 << 30) - (2 << 20));
  Block block(kBlockBytes);
  BOOST_REQUIRE(write_slot(as_block(block), RecordKind::kLabel, 5, label));
  return block;
}

Block example_pages() {
  Block block(kBlockBytes);
  const std::vector<std::byte> payload(2 * kPageBytes, std::byte{0x5a});
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(SectionKind::kPages);
  header.codec = static_cast<std::uint16_t>(Codec::kNone);
  header.sequence = 2;
  header.crash_id = *parse_uuid("89abcdef-0123-4567-89ab-cdef01234567");
  header.raw_bytes = header.stored_bytes = payload.size();
  header.first_pfn = 256;
  header.end_pfn = 261;
  header.run_count = 3;
  header.pass = static_cast<std::uint32_t>(PagePass::kCache);
  header.payload_crc32c = crc32c(payload);
  std::memcpy(block.data(), &header, sizeof header);
  const std::array runs{
      PageRun{.pfn = 256,
              .count = 2,
              .page_class = static_cast<std::uint16_t>(PageClass::kPrivateCache)},
      PageRun{.pfn = 258, .count = 2, .what = static_cast<std::uint16_t>(RunKind::kZero)},
      PageRun{.pfn = 260,
              .count = 1,
              .what = static_cast<std::uint16_t>(RunKind::kExcluded),
              .page_class = static_cast<std::uint16_t>(PageClass::kFree)}};
  std::memcpy(block.data() + sizeof header, runs.data(), sizeof runs);
  seal_section(as_block(block));
  return block;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(disk_format)

BOOST_AUTO_TEST_CASE(label_is_written_as_documented) {
  const Block block = example_label();
  const Slot slot = parse_slot(std::span(block).first<kBlockBytes>(), RecordKind::kLabel);
  BOOST_REQUIRE(slot.state == SlotState::kValid);
  const std::size_t used = kRecordHeaderBytes + slot.record->payload.size() + 4;
  BOOST_CHECK_EQUAL(to_hex(std::span(block).first(used)), documented_hex("label"));
}

BOOST_AUTO_TEST_CASE(pages_section_is_written_as_documented) {
  const Block block = example_pages();
  BOOST_CHECK_EQUAL(to_hex(std::span(block).first(136)), documented_hex("pages"));
}

BOOST_AUTO_TEST_CASE(documented_pages_section_is_accepted) {
  const Block block = example_pages();
  const auto header = parse_section(std::span(block).first<kBlockBytes>(), 2,
                                    *parse_uuid("89abcdef-0123-4567-89ab-cdef01234567"));
  BOOST_REQUIRE(header);
  BOOST_CHECK_EQUAL(runs_of(std::span(block).first<kBlockBytes>(), *header)[0].count, 2);
}

BOOST_AUTO_TEST_SUITE_END()
