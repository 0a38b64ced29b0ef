#include "agent/node/intent_file.h"

#include <fmt/format.h>

#include "agent/base/json.h"
#include "agent/base/text_file.h"

namespace lastword {
namespace {

std::string intent_file(const Config& config) {
  return fmt::format("{}/intent-{}", config.persistent_directory, config.self.id);
}

}  // namespace

Result<pb::TakeoverIntent> load_intent(const Config& config) {
  pb::TakeoverIntent intent;
  const Status loaded = load_json(intent_file(config), intent);
  if (loaded) return intent;
  Error error = loaded.error();
  if (error.code == Code::kCorrupt) {
    error.operation = "read takeover intent";
    error.detail =
        "not the JSON that lastword writes; look at the partner's disks (`lastword takeover "
        "--dry-run`), then remove the file";
  }
  return fail(error);
}

Status save_intent(const Config& config, const pb::TakeoverIntent& intent) {
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  return save_json(intent_file(config), intent);
}

}  // namespace lastword
