#include "agent/cli/command.h"

#include <fmt/format.h>

#include "agent/base/json.h"
#include "proto/layout.h"

namespace lastword {

void add_metadata_offset(CLI::App& command, std::optional<std::uint64_t>& offset) {
  const auto whole_blocks = [](const std::string& text) {
    std::uint64_t bytes = 0;
    const bool good = CLI::detail::lexical_cast(text, bytes) && bytes % kBlockBytes == 0;
    return good ? std::string() : fmt::format("{}: bytes, a multiple of {}", text, kBlockBytes);
  };
  command
      .add_option(
          "--metadata-offset", offset,
          "Byte where the records begin, instead of what the GPT says; the disk is only read")
      ->check(whole_blocks);
}

int report_error(const Error& error) {
  fmt::print(stderr, "lastword: {}\n", describe(error));
  return exit_status(error.code);
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}", to_json(message));
}

}  // namespace lastword
