// The files of the nodes, in memory: a history writes and reads thousands of small ones, and each
// system call costs as much as a step of the simulation.
//
// Names below kMemoryRoot are this file system's, all others the kernel's. It stands in for the C
// library's functions (memory_files.cc), so that the code under test has no seam for it: open,
// read, write, fsync, close, mkdir, unlink, remove, renameat2 and flock, as far as agent/base and
// agent/node use them.
//
// What was written and not synced is lost when the node loses power, a name whose directory was not
// synced too. fsync(2) takes some time, in which a process may be killed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/sim/random.h"

namespace lastword::sim {

inline constexpr std::string_view kMemoryRoot = "/lastword-sim/";

// Nothing is there any more. `random`: for how long things take; outlives the files.
void forget_files(Random& random);
// What is not durable below this folder is lost.
void lose_unsynced(const std::string& folder);
void remove_folder(const std::string& folder);
// Of the names below it and what the files say.
[[nodiscard]] std::uint64_t digest_of_folder(const std::string& folder);
// With all its parents, durable.
void make_folder(const std::string& folder);

}  // namespace lastword::sim
