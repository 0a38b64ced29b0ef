#include "agent/base/json.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "agent/base/text_file.h"
#include "agent/base/utf8.h"

namespace lastword {
namespace {

using google::protobuf::Descriptor;
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

bool is_64_bit(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
}

// One past the closing quote of the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// Protobuf writes 64-bit numbers as strings, since JavaScript would round them. Programs that read
// the JSON of lastword compare them and add them up: here they become numbers. `text` is what
// protobuf printed of a message of type `root`, which has no map.
std::string with_numbers(std::string_view text, const Descriptor& root) {
  struct Object {
    const Descriptor* type;
    const FieldDescriptor* field = nullptr;  // whose value, or element, comes next
  };
  std::vector<Object> open;  // outermost first
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '{') {
      open.push_back({open.empty() ? &root : open.back().field->message_type()});
    } else if (text[at] == '}') {
      open.pop_back();
    } else if (text[at] == '"') {
      end = end_of_string(text, at);
      Object& object = open.back();
      const std::string_view inside = text.substr(at + 1, end - at - 2);
      if (text[end] == ':') {
        object.field = object.type->FindFieldByName(std::string(inside));
      } else if (is_64_bit(*object.field)) {
        out += inside;
        at = end;
        continue;
      }
    }
    out += text.substr(at, end - at);
    at = end;
  }
  return out;
}

// Names of partitions, labels of file systems, paths, what a disk says of itself: one byte of one
// of them that is not UTF-8 would cost all of the JSON.
std::string print(const Message& message, const JsonPrintOptions& options) {
  const std::unique_ptr<Message> clean(message.New());
  clean->CopyFrom(message);
  clean_texts(*clean);
  std::string text;
  if (google::protobuf::util::MessageToJsonString(*clean, &text, options).ok()) {
    return with_numbers(text, *message.GetDescriptor());
  }
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

bool parse_json(std::string_view text, Message& message) {
  return google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &message).ok();
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
  return replace_file(path, with_numbers(text, *message.GetDescriptor()));
}

Status load_json(const std::string& path, Message& message) {
  const auto text = read_text_file(path);
  if (!text) return fail(text.error());
  if (parse_json(*text, message)) return {};
  return fail({.code = Code::kCorrupt,
               .operation = "read JSON",
               .disk = path,
               .detail = "not the JSON that lastword writes"});
}

}  // namespace lastword
