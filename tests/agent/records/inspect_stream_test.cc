#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>

#include "agent/records/inspect.h"
#include "proto/crc32c.h"
#include "proto/stream.h"
#include "proto/uuid.h"
#include "tests/support/image_file.h"

using namespace lastword;
using namespace lastword::test;

namespace {

constexpr std::uint64_t kStart = 2 << 20;
constexpr std::uint64_t kExtent = 4 << 20;
constexpr const char* kCrashId = "0a0b0c0d-0000-4000-8000-0123456789ab";

// A dump of `dmesg_sections` sections of text and an end section; two blocks each.
class Dump {
 public:
  explicit Dump(unsigned dmesg_sections) {
    header_.set_attribute(pb::COMPLETED);
    header_.set_crash_id(kCrashId);
    header_.set_extent_offset_bytes(kStart);
    header_.set_extent_length_bytes(kExtent);
    for (unsigned i = 0; i < dmesg_sections; ++i) add(SectionKind::kDmesg, "panic\n");
    add(SectionKind::kEnd, std::string(sizeof(EndPayload), '\0'));
    header_.set_durable_bytes(sequence_ * 2 * kBlockBytes);
  }

  pb::InspectStream inspect() {
    auto device = LinuxBlockDevice::open(image_.path(), Access::kReadOnly);
    BOOST_REQUIRE(device);
    problem_.clear();
    return inspect_stream(**device, header_, problem_);
  }

  ImageFile image_{kStart + kExtent};
  pb::CoredumpHeader header_;
  std::string problem_;

 private:
  void add(SectionKind kind, std::string payload) {
    SectionHeader section{.kind = static_cast<std::uint16_t>(kind),
                          .sequence = sequence_,
                          .crash_id = *parse_uuid(kCrashId),
                          .raw_bytes = payload.size(),
                          .stored_bytes = payload.size(),
                          .payload_crc32c = crc32c(std::as_bytes(std::span(payload)))};
    std::array<std::byte, kBlockBytes> block{};
    std::memcpy(block.data(), &section, sizeof section);
    seal_section(block);
    payload.resize(kBlockBytes);
    image_.write(kStart + 2 * sequence_ * kBlockBytes,
                 std::string(reinterpret_cast<const char*>(block.data()), block.size()) + payload);
    ++sequence_;
  }
  std::uint64_t sequence_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(inspected_stream)

BOOST_AUTO_TEST_CASE(whole_dump_is_listed_to_its_end) {
  Dump dump(2);
  const auto stream = dump.inspect();
  BOOST_TEST(dump.problem_ == "");
  BOOST_REQUIRE(stream.sections_size() == 3);
  BOOST_TEST(stream.sections(0).kind() == "dmesg");
  BOOST_TEST(stream.sections(1).offset_bytes() == kStart + 2 * kBlockBytes);
  BOOST_TEST(stream.sections(2).kind() == "end");
  BOOST_TEST(stream.sections(2).state() == "OK");
  BOOST_TEST(!stream.more());
  BOOST_TEST(stream.end() == "end section: the dump is whole");
}

BOOST_AUTO_TEST_CASE(long_dump_is_cut_short) {
  Dump dump(20);
  const auto stream = dump.inspect();
  BOOST_TEST(stream.sections_size() == static_cast<int>(kInspectedSections));
  BOOST_TEST(stream.more());
}

BOOST_AUTO_TEST_CASE(damaged_payload_in_the_durable_prefix_is_a_problem) {
  Dump dump(2);
  dump.image_.write(kStart + 3 * kBlockBytes, "?");
  const auto stream = dump.inspect();
  BOOST_REQUIRE(stream.sections_size() == 2);
  BOOST_TEST(stream.sections(1).state() == "payload has the wrong CRC");
  BOOST_TEST(dump.problem_ == "dump: byte 2109440: payload has the wrong CRC");
}

BOOST_AUTO_TEST_CASE(damaged_header_in_the_durable_prefix_is_a_problem) {
  Dump dump(2);
  dump.image_.write(kStart + 2 * kBlockBytes + 100, "?");
  BOOST_TEST(dump.inspect().sections_size() == 1);
  BOOST_TEST(dump.problem_ == "dump: byte 2105344: wrong header CRC");
}

BOOST_AUTO_TEST_CASE(torn_section_beyond_the_durable_prefix_is_the_end) {
  Dump dump(2);
  dump.header_.set_durable_bytes(2 * kBlockBytes);
  dump.image_.write(kStart + 3 * kBlockBytes, "?");
  const auto stream = dump.inspect();
  BOOST_TEST(dump.problem_ == "");
  BOOST_TEST(stream.end() != "");
}

BOOST_AUTO_TEST_CASE(copy_of_the_used_part_of_a_disk_is_listed) {
  Dump dump(1);
  std::filesystem::resize_file(dump.image_.path(), kStart + 4 * kBlockBytes);
  BOOST_TEST(dump.inspect().end() == "end section: the dump is whole");
  BOOST_TEST(dump.problem_ == "");
  std::filesystem::resize_file(dump.image_.path(), kStart + 2 * kBlockBytes);
  BOOST_TEST(dump.inspect().sections_size() == 1);
  BOOST_TEST(dump.problem_ == "dump: the disk ends before the extent does");
}

BOOST_AUTO_TEST_CASE(extent_beyond_the_disk_is_a_problem) {
  Dump dump(1);
  dump.header_.set_extent_offset_bytes(~std::uint64_t{4095});
  (void)dump.inspect();
  BOOST_TEST(dump.problem_ != "");
}

BOOST_AUTO_TEST_SUITE_END()
