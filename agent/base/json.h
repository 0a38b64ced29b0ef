// Protobuf messages as JSON: reports for --json, report.json, events.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace lastword {

// Every field present, names as in the .proto file.
[[nodiscard]] std::string to_json(const google::protobuf::Message& message);
// On one line, without what has its default value. Text in the message must be UTF-8.
[[nodiscard]] std::string to_json_line(const google::protobuf::Message& message);

}  // namespace lastword
