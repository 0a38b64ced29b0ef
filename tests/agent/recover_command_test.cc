// `lastword recover` as an operator runs it on an image: output, exit status, what is left.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "proto/uuid.h"
#include "storage/disk.h"
#include "storage/record_io.h"
#include "tests/agent/recover_fixture.h"
#include "tests/support/image_file.h"

namespace lastword {
namespace {

constexpr std::uint64_t kImageBytes = 32 << 20;
constexpr std::uint64_t kRegion = 2 << 20;

struct Outcome {
  int status;
  std::string output;
  std::string errors;
};

class CommandFixture {
 public:
  CommandFixture() {
    BOOST_TEST_REQUIRE(run("label --role dump " + image.path() +
                           " --cluster 6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4 --home-id 1")
                           .status == kExitOk);
  }

  void put_dump(pb::Attribute attribute, std::span<const std::byte> stream) {
    image.write(kRegion, {reinterpret_cast<const char*>(stream.data()), stream.size()});
    const auto disk = open_disk(image.path(), Access::kReadWrite, std::chrono::seconds(5));
    BOOST_TEST_REQUIRE(disk.has_value());
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(1);
    header.set_crash_id(std::string(kCrashId));
    header.set_extent_offset_bytes(kRegion);
    header.set_extent_length_bytes(kImageBytes - kRegion - (1 << 20));
    header.set_durable_bytes(stream.size());
    header.set_stored_pages(120);
    RecordIo records(*disk->device, 1 << 20);
    BOOST_TEST_REQUIRE(records.put(RecordPlace::kCoredump, header).has_value());
  }

  Outcome run(const std::string& arguments) {
    const auto output = image.directory() / "output";
    const auto errors = image.directory() / "errors";
    const std::string command = fmt::format("{} --config /nowhere {} >{} 2>{}", LASTWORD_PROGRAM,
                                            arguments, output.string(), errors.string());
    const int status = std::system(command.c_str());
    const Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(output),
                          content_of(errors)};
    BOOST_TEST_MESSAGE(arguments << "\n" << outcome.output << outcome.errors);
    return outcome;
  }

  test::ImageFile image{kImageBytes};
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(recover_command, CommandFixture)

BOOST_AUTO_TEST_CASE(dmesg_prints_the_log_and_leaves_the_disk_as_it_is) {
  auto stream = sample_stream();
  for (const pb::Attribute attribute : {pb::COMPLETED, pb::IN_PROGRESS, pb::ABORTED, pb::SAVED}) {
    put_dump(attribute, stream.bytes());
    const std::string before = image.content();
    const Outcome outcome = run("recover --dmesg " + image.path());
    BOOST_TEST(outcome.status == kExitOk);
    BOOST_TEST(outcome.output == kLog);
    BOOST_TEST((image.content() == before));
  }
}

BOOST_AUTO_TEST_CASE(dmesg_that_was_cut_is_printed_and_said_to_be) {
  const auto stream = sample_stream();
  put_dump(pb::IN_PROGRESS, std::span(stream.bytes()).first(stream.boundaries()[4]));
  const Outcome outcome = run("recover --dmesg " + image.path());
  BOOST_TEST(outcome.status == kExitPartial);
  BOOST_TEST(outcome.output == kLog.substr(0, 16));
  BOOST_TEST(contains(outcome.errors, "the log may go on"));
}

BOOST_AUTO_TEST_CASE(dmesg_of_nothing_says_no) {
  BOOST_TEST(run("recover --dmesg " + image.path()).status == kExitNo);
  const auto stream = sample_stream();
  put_dump(pb::IN_PROGRESS, std::span(stream.bytes()).first(stream.boundaries()[3]));
  const Outcome early = run("recover --dmesg " + image.path());
  BOOST_TEST(early.status == kExitNo);
  BOOST_TEST(contains(early.errors, "none so far"));
  BOOST_TEST(run("recover --dmesg /nowhere").status == kExitIo);
}

BOOST_AUTO_TEST_CASE(dmesg_whose_head_is_damaged_is_invalid_data) {
  const auto stream = sample_stream();
  std::vector<std::byte> bytes = stream.bytes();
  bytes[kBlockBytes] ^= std::byte{1};
  put_dump(pb::COMPLETED, bytes);
  BOOST_TEST(run("recover --dmesg " + image.path()).status == kExitCorrupt);
}

BOOST_AUTO_TEST_CASE(core_is_kdump_unless_asked_otherwise) {
  auto stream = sample_stream();
  put_dump(pb::COMPLETED, stream.end().bytes());
  const auto folder = image.directory() / "cores";
  for (const std::string_view format : {"", " --format elf", " --codec zstd"}) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    const Outcome outcome =
        run("recover --no-mark " + image.path() + " -o " + folder.string() + std::string(format));
    BOOST_TEST(outcome.status == kExitOk);
    const std::string expected = format.empty()     ? "(kdump, zlib)"
                                 : format[3] == 'f' ? "(elf)"
                                                    : "(kdump, zstd)";
    BOOST_TEST(contains(outcome.output, expected));
    const auto core = std::filesystem::directory_iterator(folder)->path() / "vmcore";
    BOOST_TEST(content_of(core).substr(1, 3) == (format == " --format elf" ? "ELF" : "DUM"));
  }
}

BOOST_AUTO_TEST_CASE(options_that_contradict_each_other_are_refused) {
  for (const std::string_view options :
       {"--format elf --codec zlib -o /tmp", "--codec lz4 -o /tmp", "--dmesg --verify",
        "--dmesg -o /tmp", "--dmesg --json", "--verify --format elf", "--format vmlinux"}) {
    BOOST_TEST(run("recover " + image.path() + " " + std::string(options)).status == kExitUsage,
               std::string(options));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
