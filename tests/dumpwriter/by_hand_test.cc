#include "dumpwriter/by_hand.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "proto/keys.h"
#include "storage/block/exclusive_lock.h"
#include "storage/block/linux_block_device.h"
#include "storage/block/record_io.h"
#include "tests/dumpwriter/dump_fixture.h"
#include "tests/fake/synthetic_vmcore.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

Result<DumpOptions> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "lastword-dump");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), argv.data());
}

// A labelled image file and a vmcore.
struct Image {
  static constexpr std::uint64_t kBytes = 32 << 20;
  static constexpr std::uint64_t kMetadataOffset = 1 << 20;
  static constexpr std::uint64_t kDataOffset = 2 << 20;

  Image() {
    std::ofstream{disk};
    std::filesystem::resize_file(disk, kBytes);
    label.set_disk_uuid("00000000-0000-4000-8000-000000000001");
    label.set_role(pb::SPARE);
    label.set_home_node(2);
    label.set_owner_node(2);
    label.set_owner_generation(5);
    label.set_data_offset_bytes(kDataOffset);
    label.set_data_length_bytes(kBytes - kDataOffset);
    core.write(vmcore);
    options.vmcore = vmcore;
    options.disk = disk;
  }
  void put(RecordPlace place, const google::protobuf::MessageLite& message,
           std::uint64_t metadata_offset = kMetadataOffset) const {
    const auto device = LinuxBlockDevice::open(disk, Access::kReadWrite);
    BOOST_REQUIRE(device.has_value());
    BOOST_REQUIRE(RecordIo(**device, metadata_offset).put(place, message).has_value());
  }
  void put_attribute(pb::Attribute attribute) const {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    put(RecordPlace::kCoredump, header);
  }
  [[nodiscard]] pb::CoredumpHeader header(std::uint64_t metadata_offset = kMetadataOffset) const {
    const auto device = LinuxBlockDevice::open(disk, Access::kReadOnly);
    BOOST_REQUIRE(device.has_value());
    pb::CoredumpHeader header;
    if (!RecordIo(**device, metadata_offset).read(RecordPlace::kCoredump, header)) header.Clear();
    return header;
  }
  [[nodiscard]] test::StreamContent stream() const {
    std::vector<std::byte> bytes(kBytes - kDataOffset);
    std::ifstream in(disk, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(kDataOffset));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const auto crash_id = parse_uuid(header().crash_id());
    BOOST_REQUIRE(crash_id.has_value());
    return test::read_stream(bytes, *crash_id);
  }

  test::TestFolder folder;
  std::string disk = folder.file("disk");
  std::string vmcore = folder.file("vmcore");
  fake::SyntheticVmcore core = fake::small_vmcore();
  pb::Label label;
  DumpOptions options;
};

struct Facts {
  Facts() {
    label.set_role(pb::DUMP);
    label.set_owner_node(2);
  }
  void check_refused(Code code, const std::string& sentence) const {
    const Status status = check();
    BOOST_REQUIRE(!status);
    BOOST_TEST_CONTEXT(describe(status.error())) {
      BOOST_TEST((status.error().code == code));
      BOOST_TEST((describe(status.error()).find(sentence) != std::string::npos));
    }
  }
  [[nodiscard]] Status check() const {
    return check_by_hand({.is_image = is_image, .overwrite = overwrite, .registered = keys}, label,
                         header, reservation);
  }

  bool is_image = false;
  bool overwrite = false;
  ReservationKey key = make_key({.cluster = 1, .node = 2, .boot_generation = 3});
  std::vector<ReservationKey> keys{key};
  pb::Label label;
  pb::CoredumpHeader header;
  std::optional<Reservation> reservation = Reservation{.holder = key, .type = kOwnerType};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dump_options)

BOOST_AUTO_TEST_CASE(all_options_are_taken) {
  const auto options = parse({"--vmcore", "core", "--disk=/dev/sdx", "--engine", "libaio",
                              "--limit", "60s", "--overwrite", "--metadata-offset", "20480"});
  BOOST_REQUIRE(options.has_value());
  BOOST_TEST(options->vmcore == "core");
  BOOST_TEST(options->disk == "/dev/sdx");
  BOOST_TEST(options->engine == pb::LIBAIO);
  BOOST_TEST((options->limit == std::chrono::seconds(60)));
  BOOST_TEST(options->overwrite);
  BOOST_TEST(options->metadata_offset.value_or(0) == 20480U);
}

BOOST_AUTO_TEST_CASE(mistakes_are_named) {
  struct Case {
    std::vector<std::string> arguments;
    std::string sentence;
  };
  for (const Case& mistake :
       {Case{{}, "--vmcore is missing"}, Case{{"--vmcore", "x"}, "--disk is missing"},
        Case{{"--vmcore", "x", "--disk", "y", "z"}, "unexpected argument z"},
        Case{{"--engine", "mmap"}, "--engine mmap"}, Case{{"--limit", "60"}, "--limit 60"},
        Case{{"--limit", "0s"}, "--limit 0s"},
        Case{{"--metadata-offset", "100"}, "--metadata-offset 100"},
        Case{{"--frobnicate"}, "unknown option --frobnicate"},
        Case{{"--vmcore", "x", "--dsk", "y"}, "unknown option --dsk; did you mean --disk?"},
        Case{{"--overwrit=1"}, "unknown option --overwrit=1; did you mean --overwrite?"},
        Case{{"-x"}, "unknown option -x"}, Case{{"--vmcore"}, "--vmcore needs a value"}}) {
    const auto options = parse(mistake.arguments);
    BOOST_REQUIRE(!options);
    BOOST_TEST((options.error().code == Code::kUsage));
    BOOST_TEST((describe(options.error()).find(mistake.sentence) != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(help_has_a_short_name) {
  for (const char* word : {"-h", "--help"}) {
    const auto options = parse({word});
    BOOST_REQUIRE(options.has_value());
    BOOST_TEST((options->action == DumpOptions::Action::kHelp));
  }
}

BOOST_AUTO_TEST_CASE(the_limit_is_above_zero_and_at_most_a_week) {
  const auto limit = [](std::string text) {
    return parse({"--vmcore", "v", "--disk", "d", "--limit", std::move(text)});
  };
  BOOST_TEST((limit("500ms")->limit == milliseconds(500)));
  BOOST_TEST((limit("10080min")->limit == std::chrono::hours(7 * 24)));
  BOOST_TEST((limit("1h30m")->limit == std::chrono::minutes(90)));
  for (const char* text : {"", "0s", "10081m", "1.5s"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(!limit(text));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(by_hand_figures)

BOOST_AUTO_TEST_CASE(dump_ends_with_bytes_pages_seconds_rate_and_ratio) {
  pb::CoredumpHeader header;
  header.set_elapsed_ms(1260);
  header.set_memory_bytes(4'294'967'296);
  header.set_scanned_bytes(4'294'967'296);
  header.set_durable_bytes(250'000'000);
  header.set_stored_pages(201'344);
  header.set_zero_pages(12);
  header.set_excluded_pages(847'220);
  BOOST_TEST(describe_figures(header).view() ==
             "250000000 bytes on disk in 1.3 s (3408 MB/s of memory); of 1048576 pages 201344 "
             "stored, 12 zero, 847220 left out; compressed 3.3 : 1");
}

BOOST_AUTO_TEST_CASE(figures_of_a_dump_that_took_no_time_are_figures) {
  pb::CoredumpHeader header;
  header.set_durable_bytes(4096);
  BOOST_TEST(describe_figures(header).view() ==
             "4096 bytes on disk in 0.0 s (0 MB/s of memory); of 0 pages 0 stored, 0 zero, 0 left "
             "out; compressed 0.0 : 1");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(by_hand_check, Facts)

BOOST_AUTO_TEST_CASE(own_reserved_disk_is_accepted) {
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(service_disk_is_refused_even_to_overwrite) {
  overwrite = true;
  for (const auto role : {pb::SERVICE, pb::MAILBOX, pb::ROLE_UNSPECIFIED}) {
    label.set_role(role);
    check_refused(Code::kRefused, "would destroy data");
  }
}

BOOST_AUTO_TEST_CASE(unsaved_dump_is_kept_unless_overwritten) {
  for (const auto attribute : {pb::IN_PROGRESS, pb::COMPLETED, pb::ABORTED}) {
    overwrite = false;
    header.set_attribute(attribute);
    check_refused(Code::kRefused, "not saved");
    overwrite = true;
    BOOST_TEST(check().has_value());
  }
}

BOOST_AUTO_TEST_CASE(armed_disk_is_kept_unless_overwritten) {
  header.set_attribute(pb::ARMED);
  check_refused(Code::kRefused, "ARMED for a crash");
  overwrite = true;
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(saved_dump_may_be_overwritten) {
  header.set_attribute(pb::SAVED);
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(image_needs_no_reservation) {
  is_image = true;
  reservation.reset();
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(disk_without_reservation_is_refused) {
  reservation.reset();
  check_refused(Code::kConflict, "nobody holds");
}

BOOST_AUTO_TEST_CASE(other_reservation_type_is_refused) {
  reservation->type = PrType::kExclusiveAccess;
  check_refused(Code::kConflict, "reserved with type 3");
}

BOOST_AUTO_TEST_CASE(key_of_another_node_is_refused) {
  reservation->holder = make_key({.cluster = 1, .node = 1, .boot_generation = 3});
  keys.push_back(reservation->holder);
  check_refused(Code::kConflict, "not a key of its owner, node 2");
}

BOOST_AUTO_TEST_CASE(foreign_key_is_refused) {
  reservation->holder = ReservationKey{0xabcd};
  keys.push_back(reservation->holder);
  check_refused(Code::kConflict, "key 0x000000000000abcd");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(by_hand, Image)

BOOST_AUTO_TEST_CASE(image_takes_a_dump_with_either_engine) {
  for (const auto engine : {pb::ENGINE_AUTO, pb::LIBAIO}) {
    put(RecordPlace::kLabel, label);
    options.engine = engine;
    options.overwrite = true;
    BOOST_TEST(run_by_hand(options) == kExitOk);
    BOOST_TEST(header().attribute() == pb::COMPLETED);
    BOOST_TEST(header().node() == 2U);
    BOOST_TEST(header().boot_generation() == 5U);
    const auto content = stream();
    BOOST_REQUIRE(content.end.has_value());
    for (const auto& [pfn, page] : core.frames()) {
      const auto found = content.pages.find(pfn);
      BOOST_TEST(((found == content.pages.end() ? fake::Page{} : found->second) == page));
    }
  }
}

BOOST_AUTO_TEST_CASE(second_dump_is_refused_until_saved_or_overwritten) {
  put(RecordPlace::kLabel, label);
  BOOST_TEST(run_by_hand(options) == kExitOk);
  const std::string crash_id = header().crash_id();
  BOOST_TEST(run_by_hand(options) == kExitRefused);
  BOOST_TEST(header().crash_id() == crash_id);
  put_attribute(pb::SAVED);
  BOOST_TEST(run_by_hand(options) == kExitOk);
  options.overwrite = true;
  BOOST_TEST(run_by_hand(options) == kExitOk);
  BOOST_TEST(header().crash_id() != crash_id);
}

BOOST_AUTO_TEST_CASE(image_that_another_program_writes_is_refused) {
  put(RecordPlace::kLabel, label);
  options.overwrite = true;
  {
    const auto lock = lock_disk(disk, [] {});
    BOOST_REQUIRE(lock.has_value());
    BOOST_TEST(run_by_hand(options) == kExitRefused);
    BOOST_TEST(header().attribute() == pb::INACTIVE);
  }
  BOOST_TEST(run_by_hand(options) == kExitOk);
}

BOOST_AUTO_TEST_CASE(adopted_disks_label_is_found_in_the_gap) {
  put(RecordPlace::kLabel, label, 20480);
  BOOST_TEST(run_by_hand(options) == kExitOk);
  BOOST_TEST(header(20480).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(label_elsewhere_is_found_where_it_is_said_to_be) {
  put(RecordPlace::kLabel, label, 64 << 10);
  BOOST_TEST(run_by_hand(options) == kExitIo);
  options.metadata_offset = 64 << 10;
  BOOST_TEST(run_by_hand(options) == kExitOk);
}

BOOST_AUTO_TEST_CASE(unlabelled_image_is_not_touched) {
  BOOST_TEST(run_by_hand(options) == kExitIo);
  std::ifstream in(disk, std::ios::binary);
  BOOST_TEST(std::all_of(std::istreambuf_iterator<char>(in), {}, [](char c) { return c == 0; }));
}

BOOST_AUTO_TEST_CASE(damaged_vmcore_changes_nothing) {
  put(RecordPlace::kLabel, label);
  core.write(vmcore, 1);
  BOOST_TEST(run_by_hand(options) == kExitCorrupt);
  BOOST_TEST(header().attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(missing_disk_is_reported) {
  options.disk = folder.file("nothing");
  BOOST_TEST(run_by_hand(options) == kExitIo);
}

BOOST_AUTO_TEST_CASE(small_image_gives_an_incomplete_dump) {
  label.set_data_length_bytes(1 << 20);
  put(RecordPlace::kLabel, label);
  BOOST_TEST(run_by_hand(options) == kExitPartial);
  BOOST_TEST(header().reason() == pb::DISK_FULL);
}

BOOST_AUTO_TEST_CASE(data_region_beyond_the_disk_is_refused) {
  label.set_data_length_bytes(kBytes);
  put(RecordPlace::kLabel, label);
  BOOST_TEST(run_by_hand(options) == kExitCorrupt);
  BOOST_TEST(header().attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
