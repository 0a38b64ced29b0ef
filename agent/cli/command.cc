#include "agent/cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "agent/base/json.h"
#include "proto/layout.h"

namespace lastword {

void add_metadata_offset(CliCommand& command, std::optional<std::uint64_t>& offset) {
  command
      .option("--metadata-offset", offset,
              "Byte where the records begin, instead of what the GPT says; the disk is only read")
      .multiple_of(kBlockBytes);
}

void print_message(std::string text) {
  std::ranges::replace(text, '\x1b', '?');
  (void)std::fputs(text.c_str(), stderr);
}

int report_error(const Error& error) {
  complain("lastword: {}\n", describe(error));
  return exit_status(error.code);
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}", to_json(message));
}

}  // namespace lastword
