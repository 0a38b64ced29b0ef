// Protobuf messages as JSON: reports for --json, report.json, events, and the files that a node
// keeps. Field names are those of the .proto file. Numbers are numbers, 64-bit ones too. Text in a
// message that is not UTF-8 is made so, see utf8.h.
#pragma once

#include <string>
#include <string_view>

#include "proto/error.h"

namespace google::protobuf {
class Message;
}

namespace lastword {

// Every field, one a line. Protobuf can print every message of lastword. If it ever cannot, the
// text is {"not_printable": "TYPE"}, which is JSON and has no field of ours.
[[nodiscard]] std::string to_json(const google::protobuf::Message& message);
// The same on one line, without fields that have their default value.
[[nodiscard]] std::string to_json_line(const google::protobuf::Message& message);

// Reads what to_json() or to_json_line() printed. False: the text is not JSON of this kind of
// message, whose content is unspecified then.
[[nodiscard]] bool parse_json(std::string_view text, google::protobuf::Message& message);

// Replaces the file by the message, without fields that have their default value. Durable when this
// returns. Errors are those of replace_file(), which says what is left behind; kIo where protobuf
// cannot print the message.
[[nodiscard]] Status save_json(const std::string& path, const google::protobuf::Message& message);
// Reads what save_json() wrote. kNotFound: there is no file. kCorrupt: it does not hold this kind
// of message. kIo: it cannot be read. After an error the message's content is unspecified.
[[nodiscard]] Status load_json(const std::string& path, google::protobuf::Message& message);

}  // namespace lastword
