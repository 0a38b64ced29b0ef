#include "agent/base/json.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "agent/base/utf8.h"

namespace lastword {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

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

// Names of partitions, labels of file systems, paths, what a disk says of itself: one byte of one
// of them that is not UTF-8 would cost all of the JSON.
std::string print(const Message& message, const google::protobuf::util::JsonPrintOptions& options) {
  const std::unique_ptr<Message> clean(message.New());
  clean->CopyFrom(message);
  clean_texts(*clean);
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(*clean, &text, options);
  return text;
}

}  // namespace

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  return print(message, options);
}

std::string to_json_line(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  return print(message, options);
}

}  // namespace lastword
