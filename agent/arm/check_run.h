// Finds out what check_plan.h decides upon. Reads only.
#pragma once

#include "agent/arm/check_plan.h"

namespace lastword {

// `config` and `situation` must outlive the result. What failed and is itself a finding is in the
// facts; an error is what keeps the question from being answered at all.
[[nodiscard]] Result<CheckFacts> gather_check_facts(const Config& config,
                                                    const Situation& situation);

}  // namespace lastword
