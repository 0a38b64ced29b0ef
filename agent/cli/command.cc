#include "agent/cli/command.h"

#include <fmt/format.h>

#include "agent/base/json.h"
#include "proto/layout.h"

namespace lastword {

void add_metadata_offset(CliCommand& command, std::optional<std::uint64_t>& offset) {
  command
      .option("--metadata-offset", offset,
              "Byte where the records begin, instead of what the GPT says; the disk is only read")
      .multiple_of(kBlockBytes);
}

int report_error(const Error& error) {
  fmt::print(stderr, "lastword: {}\n", describe(error));
  return exit_status(error.code);
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}", to_json(message));
}

}  // namespace lastword
