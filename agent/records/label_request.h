// From what an operator asks for to a LabelRequest: which cluster, whose disk. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/records/label_plan.h"

namespace lastword {

// As it was typed.
struct LabelWish {
  std::vector<std::string> disks;
  pb::Role role = pb::ROLE_UNSPECIFIED;
  std::string home;      // name of a node; empty: this one
  std::string cluster;   // UUID; empty: the configuration's
  unsigned home_id = 0;  // with `cluster`, whose nodes have no names here; 0: none was given
  bool adopt = false;
  bool wipe = false;
  std::string force;  // name of the one disk that may be destroyed; empty: none may
};

// Errors are kUsage, and those of `config` where the wish needs one.
[[nodiscard]] Result<LabelRequest> make_label_request(const LabelWish& wish,
                                                      const Result<Config>& config);

}  // namespace lastword
