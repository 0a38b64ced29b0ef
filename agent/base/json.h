// Protobuf messages as JSON: reports for --json, report.json, events. Text in a message that is not
// UTF-8 is made so, see utf8.h.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace lastword {

// Every field present, names as in the .proto file.
[[nodiscard]] std::string to_json(const google::protobuf::Message& message);
// On one line, without what has its default value.
[[nodiscard]] std::string to_json_line(const google::protobuf::Message& message);

}  // namespace lastword
