#include "agent/node/intent_file.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>

#include <cerrno>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

std::string intent_file(const Config& config) {
  return fmt::format("{}/intent-{}", config.persistent_directory, config.self.id);
}

}  // namespace

Result<pb::TakeoverIntent> load_intent(const Config& config) {
  const std::string path = intent_file(config);
  const auto text = read_text_file(path);
  if (!text) return fail(text.error());
  pb::TakeoverIntent intent;
  if (!google::protobuf::util::JsonStringToMessage(*text, &intent).ok()) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read takeover intent",
                 .disk = path,
                 .detail = "not the JSON that lastword writes; look at the partner's disks "
                           "(`lastword takeover --dry-run`), then remove the file"});
  }
  return intent;
}

Status save_intent(const Config& config, const pb::TakeoverIntent& intent) {
  const std::string& folder = config.persistent_directory;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(
        {.code = Code::kIo, .sys_errno = errno, .operation = "create directory", .disk = folder});
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(intent, &text, options).ok()) {
    return fail(
        {.code = Code::kIo, .operation = "format takeover intent", .disk = intent_file(config)});
  }
  return replace_file(intent_file(config), text);
}

}  // namespace lastword
