#include "agent/arm/capture_image.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

#include "proto/record.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/support/temporary_tree.h"

namespace lastword::test {
namespace {

struct Entry {
  unsigned type = 0;
  unsigned mode = 0;
  unsigned major = 0;
  unsigned minor = 0;
  std::string content;
};

std::map<std::string, Entry> unpack(const std::string& bytes) {
  std::map<std::string, Entry> entries;
  archive* reader = archive_read_new();
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_format_cpio(reader);
  BOOST_REQUIRE(archive_read_open_memory(reader, bytes.data(), bytes.size()) == ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    Entry& read = entries[archive_entry_pathname(entry)];
    read.type = archive_entry_filetype(entry);
    read.mode = archive_entry_perm(entry);
    read.major = static_cast<unsigned>(archive_entry_rdevmajor(entry));
    read.minor = static_cast<unsigned>(archive_entry_rdevminor(entry));
    read.content.resize(static_cast<std::size_t>(archive_entry_size(entry)));
    if (!read.content.empty()) {
      BOOST_REQUIRE(archive_read_data(reader, read.content.data(), read.content.size()) ==
                    static_cast<la_ssize_t>(read.content.size()));
    }
  }
  archive_read_free(reader);
  return entries;
}

std::string compress(const std::string& content, int (*add_filter)(archive*)) {
  std::string out;
  archive* writer = archive_write_new();
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  add_filter(writer);
  archive_write_open(
      writer, &out, nullptr,
      [](archive*, void* target, const void* data, std::size_t size) {
        static_cast<std::string*>(target)->append(static_cast<const char*>(data), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, content.data(), content.size());
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

std::string noise(std::size_t bytes) {
  std::mt19937 generator(1);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(generator());
  return text;
}

pb::Plan small_plan() {
  pb::Plan plan;
  plan.set_node_name("alpha");
  plan.set_nonce("nonce");
  plan.add_candidates()->set_disk_uuid(uuid_of(1));
  return plan;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(capture_image, TemporaryTree)

BOOST_AUTO_TEST_CASE(holds_program_plan_and_modules) {
  const CaptureImageParts parts{
      .dump_program = put("lastword-dump",
                          "\x7f"
                          "ELF program"),
      .modules = {
          {.path = put("kernel/scsi_mod.ko", "scsi module")},
          {.path = put("kernel/sd_mod.ko.xz", compress("sd module", archive_write_add_filter_xz))},
          {.path = put("kernel/t10-pi.ko.zst", compress("pi", archive_write_add_filter_zstd))}}};
  for (const ImageCompression compression :
       {ImageCompression::kNone, ImageCompression::kGzip, ImageCompression::kZstd}) {
    CaptureImageParts with = parts;
    with.compression = compression;
    const auto image = build_capture_image(small_plan(), with);
    BOOST_REQUIRE_MESSAGE(image, (image ? "" : describe(image.error())));
    auto entries = unpack(image->bytes);
    BOOST_TEST(entries["init"].content ==
               "\x7f"
               "ELF program");
    BOOST_TEST(entries["init"].mode == 0755U);
    BOOST_TEST(entries["modules/scsi_mod.ko"].content == "scsi module");
    BOOST_TEST(entries["modules/sd_mod.ko"].content == "sd module");
    BOOST_TEST(entries["modules/t10-pi.ko"].content == "pi");
    for (const char* directory : {"dev", "proc", "sys", "modules"}) {
      BOOST_TEST(entries.contains(directory));
      BOOST_TEST(entries[directory].type == static_cast<unsigned>(AE_IFDIR));
    }
    const Entry& console = entries["dev/console"];
    BOOST_TEST(console.type == static_cast<unsigned>(AE_IFCHR));
    BOOST_TEST(console.major == 5U);
    BOOST_TEST(console.minor == 1U);
    BOOST_TEST(entries.size() == 10U);
  }
}

BOOST_AUTO_TEST_CASE(plan_lists_modules_by_their_names_in_the_image) {
  pb::Plan plan;
  set_modules(plan, {{.path = "/m/scsi_mod.ko"}, {.path = "/m/t10-pi.ko.zst"}});
  BOOST_REQUIRE(plan.modules_size() == 2);
  BOOST_TEST(plan.modules(0) == "scsi_mod.ko");
  BOOST_TEST(plan.modules(1) == "t10-pi.ko");
  BOOST_TEST(plan.module_options_size() == 0);
}

BOOST_AUTO_TEST_CASE(options_are_in_the_plan_where_a_module_has_any) {
  pb::Plan plan;
  set_modules(plan, {{.path = "/m/a.ko"}, {.path = "/m/b.ko", .options = "x=1 y=2"}});
  BOOST_REQUIRE(plan.module_options_size() == 2);
  BOOST_TEST(plan.module_options(0) == "");
  BOOST_TEST(plan.module_options(1) == "x=1 y=2");
}

BOOST_AUTO_TEST_CASE(plan_in_the_image_is_a_valid_record) {
  const auto image =
      build_capture_image(small_plan(), {.dump_program = put("lastword-dump", "program")});
  BOOST_REQUIRE(image);
  const std::string content = unpack(image->bytes)["plan"].content;
  BOOST_REQUIRE(content.size() == kBlockBytes);
  std::array<std::byte, kBlockBytes> block;
  std::copy_n(reinterpret_cast<const std::byte*>(content.data()), kBlockBytes, block.begin());
  const Slot slot = parse_slot(block, RecordKind::kPlan);
  BOOST_REQUIRE((slot.state == SlotState::kValid));
  pb::Plan plan;
  BOOST_REQUIRE(plan.ParseFromArray(slot.record->payload.data(),
                                    static_cast<int>(slot.record->payload.size())));
  BOOST_TEST(plan.SerializeAsString() == small_plan().SerializeAsString());
}

BOOST_AUTO_TEST_CASE(plan_beyond_its_block_is_refused) {
  pb::Plan plan = small_plan();
  for (int i = 0; i < 200; ++i) plan.add_modules("a_module_with_a_long_name.ko");
  const auto image = build_capture_image(plan, {.dump_program = put("lastword-dump", "program")});
  BOOST_REQUIRE(!image);
  BOOST_TEST((image.error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(image_above_the_limit_is_refused) {
  const auto image = build_capture_image(
      small_plan(), {.dump_program = put("lastword-dump", noise(kMaxCaptureImageBytes))});
  BOOST_REQUIRE(!image);
  BOOST_TEST((image.error().code == Code::kRefused));
  BOOST_TEST(describe(image.error()).find("4194304") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(missing_program_or_module_is_named) {
  auto image = build_capture_image(small_plan(), {.dump_program = root + "/nowhere"});
  BOOST_REQUIRE(!image);
  BOOST_TEST(describe(image.error()).find("/nowhere") != std::string::npos);
  image = build_capture_image(small_plan(), {.dump_program = put("lastword-dump", "program"),
                                             .modules = {{.path = root + "/gone.ko"}}});
  BOOST_REQUIRE(!image);
  BOOST_TEST(describe(image.error()).find("/gone.ko") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(compression_is_what_the_kernel_unpacks) {
  using enum ImageCompression;
  BOOST_TEST((compression_for("CONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n") == kZstd));
  BOOST_TEST((compression_for("CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n") == kGzip));
  BOOST_TEST((compression_for("# CONFIG_RD_GZIP is not set\n") == kNone));
  BOOST_TEST((compression_for("") == kGzip));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
