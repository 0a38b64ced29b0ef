// Scripts of the node machine: what two nodes see and hear, and what each of them does about it, as
// text that a person can read.
//
//   == name_of_the_test
//   # for the reader
//   a see peer-owns-ours          facts change, and a observes; without any, it observes again
//       peer-owns-disks: ...      the steps that this makes, one a line, as the node gives them
//   a hears b                     the newest message of b reaches a, and a observes
//   a event majority-won          an action of a has ended so, or an operator orders it
//   a reboot                      a new life of a, looking
//   a restart waiting             its daemon restarts, with that state remembered
//   a refusals                    what stands against a takeover of a silent peer by a; with
//                                 `graceful`: against a graceful takeover
//
// Facts of `see`, each until it is told otherwise: those of `set()` in node_script.cc. What an
// action writes (intent, record of the giveback) is a fact of its own node at once.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/node_plan.h"

namespace lastword::test {

struct NodeScript {
  std::string name;
  std::vector<std::string> lines;
};
[[nodiscard]] std::vector<NodeScript> read_scripts(std::string_view text);
// The lines of the script, with the output that the nodes give now. An unknown word: output that
// says so.
[[nodiscard]] std::vector<std::string> play(const NodeScript& script);
[[nodiscard]] std::string to_text(const std::vector<NodeScript>& scripts);

}  // namespace lastword::test
