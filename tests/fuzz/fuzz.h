// Fuzz targets: one program for each parser of what another machine wrote. Each is the function
// that libFuzzer calls, and the seeds from which its inputs are mutated. driver.cc runs a target
// for a fixed number of inputs from a fixed random seed, as a unit test; libfuzzer.cc hands the
// seeds to libFuzzer for `make fuzz`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace lastword::fuzz {

using Input = std::vector<std::byte>;

// What well-formed inputs look like. Made by the builders that the other tests use.
[[nodiscard]] std::vector<Input> seeds();
// Must come back for any input, whatever it says.
void run(std::span<const std::byte> input);

// A property that holds for every input.
#define FUZZ_REQUIRE(condition)                                                           \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

}  // namespace lastword::fuzz
