#include "agent/base/json.h"

#include <google/protobuf/util/json_util.h>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

using google::protobuf::Message;
using google::protobuf::util::JsonPrintOptions;

JsonPrintOptions with_our_names() {
  JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  return options;
}

std::string print(const Message& message, const JsonPrintOptions& options) {
  std::string text;
  if (google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return text;
  return "{\"not_printable\": \"" + message.GetTypeName() + "\"}";
}

}  // namespace

std::string to_json(const Message& message) {
  JsonPrintOptions options = with_our_names();
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  return print(message, options);
}

std::string to_json_line(const Message& message) {
  return print(message, with_our_names());
}

Status save_json(const std::string& path, const Message& message) {
  JsonPrintOptions options = with_our_names();
  options.add_whitespace = true;
  std::string text;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!printed.ok()) {
    return fail({.code = Code::kIo,
                 .operation = "format JSON",
                 .disk = path,
                 .detail = printed.ToString()});
  }
  return replace_file(path, text);
}

Status load_json(const std::string& path, Message& message) {
  const auto text = read_text_file(path);
  if (!text) return fail(text.error());
  if (google::protobuf::util::JsonStringToMessage(*text, &message).ok()) return {};
  return fail({.code = Code::kCorrupt,
               .operation = "read JSON",
               .disk = path,
               .detail = "not the JSON that lastword writes"});
}

}  // namespace lastword
