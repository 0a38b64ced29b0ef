// `lastword recover` as an operator runs it on an image. LASTWORD_PROGRAM is its path.
#pragma once

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "proto/uuid.h"
#include "storage/block/record_io.h"
#include "storage/reserve/disk.h"
#include "tests/agent/recover/recover_fixture.h"
#include "tests/support/image_file.h"

namespace lastword {

inline constexpr std::uint64_t kImageBytes = 32 << 20;
inline constexpr std::uint64_t kRegion = 2 << 20;
inline constexpr std::string_view kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
inline constexpr std::string_view kOtherCluster = "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53";

struct Outcome {
  int status;
  std::string output;
  std::string errors;
};

class CommandFixture {
 public:
  CommandFixture() {
    BOOST_TEST_REQUIRE(run("label --role dump " + image.path() + " --cluster " +
                           std::string(kCluster) + " --home-id 1")
                           .status == kExitOk);
  }

  void put_dump(pb::Attribute attribute, std::span<const std::byte> stream) {
    put_dump(attribute, pb::REASON_NONE, stream, stream.size());
  }
  // `durable`: what the header promises. `began_after_ms`: 0: it does not say.
  void put_dump(pb::Attribute attribute, pb::Reason reason, std::span<const std::byte> stream,
                std::uint64_t durable, std::uint64_t began_after_ms = 0) {
    image.write(kRegion, {reinterpret_cast<const char*>(stream.data()), stream.size()});
    const auto disk = open_disk(image.path(), Access::kReadWrite, std::chrono::seconds(5));
    BOOST_TEST_REQUIRE(disk.has_value());
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_reason(reason);
    header.set_node(1);
    header.set_crash_id(std::string(kCrashId));
    header.set_extent_offset_bytes(kRegion);
    header.set_extent_length_bytes(kImageBytes - kRegion - (1 << 20));
    header.set_started_unix_ms(1'700'000'000'000);
    header.set_elapsed_ms(60'000);
    header.set_durable_bytes(durable);
    header.set_stored_pages(120);
    header.set_began_after_ms(began_after_ms);
    RecordIo records(*disk->device, 1 << 20);
    BOOST_TEST_REQUIRE(records.put(RecordPlace::kCoredump, header).has_value());
  }

  Outcome run(const std::string& arguments) {
    const auto output = image.directory() / "output";
    const auto errors = image.directory() / "errors";
    const std::string command = fmt::format("{} --config {} {} >{} 2>{}", LASTWORD_PROGRAM, config,
                                            arguments, output.string(), errors.string());
    const int status = std::system(command.c_str());
    const Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(output),
                          content_of(errors)};
    BOOST_TEST_MESSAGE(arguments << "\n" << outcome.output << outcome.errors);
    return outcome;
  }

  // From here on this machine is alpha, node 1 of that cluster.
  void configure(std::string_view cluster) {
    config = image.directory() / "lastword.toml";
    std::ofstream(config) << fmt::format(
        "cluster = \"{0}\"\nnode = \"alpha\"\n"
        "[nodes.alpha]\nid = 1\ncore_directory = \"{1}/alpha\"\n"
        "[nodes.beta]\nid = 2\ncore_directory = \"{1}/beta\"\n"
        "[paths]\npersistent = \"{1}/lib\"\n",
        cluster, image.directory().string());
  }
  std::string make_folder(const std::string& name) {
    std::filesystem::create_directory(image.directory() / name);
    return image.directory() / name;
  }
  void wipe_gpt() {
    image.write(0, std::string(kBlockBytes * 6, '\0'));
    image.write(kImageBytes - (64 << 10), std::string(64 << 10, '\0'));
  }

  test::ImageFile image{kImageBytes};
  std::string config = "/nowhere";
};

inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace lastword
