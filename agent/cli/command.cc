#include "agent/cli/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "agent/base/json.h"
#include "proto/layout.h"

namespace lastword {

void add_metadata_offset(CliCommand& command, std::optional<std::uint64_t>& offset) {
  command
      .option("--metadata-offset", offset, parse_metadata_offset, kMetadataOffsetGrammar,
              "Byte where the records begin, instead of what the GPT says; the disk is only read")
      .value_name("BYTES");
}

void print_message(std::string text) {
  std::ranges::replace(text, '\x1b', '?');
  (void)std::fputs(text.c_str(), stderr);
}

int report_error(const Error& error) {
  const bool forbidden = error.sys_errno == EACCES || error.sys_errno == EPERM;
  const bool said = error.detail.view().find("root") != std::string_view::npos;
  std::string_view advice;
  if (forbidden && !said && ::geteuid() != 0) {
    advice = error.detail.empty() ? ": run as root" : "; or run as root";
  }
  complain("lastword: {}{}\n", describe(error), advice);
  return exit_status(error.code);
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}", to_json(message));
}

}  // namespace lastword
