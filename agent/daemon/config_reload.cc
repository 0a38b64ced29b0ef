#include "agent/daemon/config_reload.h"

#include <utility>
#include <vector>

#include "agent/base/text_file.h"
#include "agent/base/utf8.h"
#include "agent/node/config_file.h"

namespace lastword {
namespace {

// A reply has room for so many and some more.
constexpr std::size_t kMostProblems = 20;

std::string in_lines(const std::vector<Error>& problems) {
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < kMostProblems; ++i) {
    text += (i == 0 ? "" : "\n") + describe(problems[i]);
  }
  return valid_utf8(text);
}

}  // namespace

pb::ControlReply check_reload(const std::string& path, const std::string& running) {
  const ConfigReading reading = read_config_file(path);
  if (!reading.problems.empty()) {
    return refusal(in_lines(reading.problems),
                   "mend it; until then the agent goes on with what it began with");
  }
  const auto text = read_text_file(path);
  if (text && *text == running) {
    pb::ControlReply same;
    same.set_done(true);
    same.set_reason(valid_utf8(path) + ": the agent runs with it");
    return same;
  }
  return refusal(valid_utf8(path) + ": good, and not what the agent began with",
                 "`systemctl restart lastword-agent`: it releases nothing");
}

std::function<void(ControlHands::Answer)> reload_elsewhere(const std::string& path,
                                                           Executor& executor) {
  const std::string running = read_text_file(path).value_or(std::string());
  return [path, running, &executor](ControlHands::Answer answer) {
    executor.elsewhere(
        [path, running, answer = std::move(answer)] { answer(check_reload(path, running)); });
  };
}

}  // namespace lastword
