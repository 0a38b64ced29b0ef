#include "agent/command.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

namespace lastword {

int report_error(const Error& error) {
  fmt::print(stderr, "lastword: {}\n", describe(error));
  return exit_status(error.code);
}

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  return text;
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}", to_json(message));
}

}  // namespace lastword
