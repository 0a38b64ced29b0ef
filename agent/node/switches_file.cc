#include "agent/node/switches_file.h"

#include <fmt/format.h>

#include "agent/base/json.h"
#include "agent/base/text_file.h"

namespace lastword {
namespace {

std::string switches_file(const Config& config) {
  return fmt::format("{}/switches-{}", config.persistent_directory, config.self.id);
}

}  // namespace

Result<pb::Switches> load_switches(const Config& config) {
  pb::Switches switches;
  const Status loaded = load_json(switches_file(config), switches);
  if (loaded) return switches;
  Error error = loaded.error();
  if (error.code == Code::kCorrupt) {
    error.operation = "read switches";
    error.detail =
        "not the JSON that lastword writes; `lastword disable` or `lastword enable` writes it anew";
  }
  return fail(error);
}

Status save_switches(const Config& config, const pb::Switches& switches) {
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  return save_json(switches_file(config), switches);
}

}  // namespace lastword
