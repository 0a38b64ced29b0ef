// The command line of lastword-dump by hand. getopt_long instead of CLI11, which the other programs
// use: this program is part of a capture image of 4 MiB, and CLI11 is a quarter of a MiB of code.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/codec_setting.h"
#include "proto/error.h"
#include "proto/page_class.h"
#include "proto/plan.pb.h"

namespace lastword {

struct DumpOptions {
  enum class Action : std::uint8_t { kDump, kCountClasses, kHelp, kVersion };
  Action action = Action::kDump;
  std::string vmcore;
  std::string disk;  // empty with kCountClasses
  pb::Engine engine = pb::ENGINE_AUTO;
  std::optional<std::chrono::milliseconds> limit;  // absent: none
  bool overwrite = false;
  PageFilter exclude;  // default: kDefaultExclude
  CodecSetting codec;
  std::optional<std::uint64_t> metadata_offset;  // absent: looked for
};

// kUsage says which option and what is wrong with it.
[[nodiscard]] Result<DumpOptions> parse_options(int argc, char* const* argv);

[[nodiscard]] std::string_view help_text();

}  // namespace lastword
