#include "agent/arm/situation.h"

#include "agent/disks/examine.h"
#include "agent/disks/survey.h"
#include "agent/node/state_files.h"

namespace lastword {
namespace {

// The disks that the survey alone does not rule out.
std::vector<std::size_t> disks_to_examine(const Survey& survey, const SelectionPolicy& policy) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (!reject_by_survey(survey.disks[i], policy)) disks.push_back(i);
  }
  return disks;
}

}  // namespace

Result<Situation> assess_situation(const Config& config) {
  Situation situation;
  situation.policy.config = &config;
  const auto state = load_node_state(config);
  if (state) {
    situation.state = *state;
    situation.policy.key = state->key;
  } else if (state.error().code != Code::kNotFound) {
    return fail(state.error());
  }
  const auto memory = read_memory_figures();
  if (!memory) return fail(memory.error());
  situation.policy.memory = *memory;
  auto survey = survey_disks(config);
  if (!survey) return fail(survey.error());
  situation.survey = std::move(*survey);
  situation.examined =
      examine_disks(situation.survey, disks_to_examine(situation.survey, situation.policy),
                    config.timing.settings.io_timeout);
  return situation;
}

}  // namespace lastword
