// The capture kernel of a node that has panicked: lastword's dump_plan.h decides, records and
// reservations are as in dumpwriter/; instead of memory nothing is written but the header.
#pragma once

#include "proto/plan.pb.h"

namespace lastword::sim {

class World;
struct Program;

// On a fiber of `program`; returns when the machine would reboot.
void dump_memory(World& world, Program& program, const pb::Plan& plan);

}  // namespace lastword::sim
