#include "agent/base/json.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "agent/base/text_file.h"
#include "agent/base/utf8.h"

namespace lastword {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::JsonPrintOptions;

void clean_text(Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    reflection.SetString(&message, &field, valid_utf8(reflection.GetString(message, &field)));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i,
                                 valid_utf8(reflection.GetRepeatedString(message, &field, i)));
  }
}

void clean_texts(Message& message) {
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection.ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    if (field->type() == FieldDescriptor::TYPE_STRING) clean_text(message, *field);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) clean_texts(*reflection.MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i) {
      clean_texts(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

JsonPrintOptions with_our_names() {
  JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  return options;
}

// Names of partitions, labels of file systems, paths, what a disk says of itself: one byte of one
// of them that is not UTF-8 would cost all of the JSON.
std::string print(const Message& message, const JsonPrintOptions& options) {
  const std::unique_ptr<Message> clean(message.New());
  clean->CopyFrom(message);
  clean_texts(*clean);
  std::string text;
  if (google::protobuf::util::MessageToJsonString(*clean, &text, options).ok()) return text;
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
