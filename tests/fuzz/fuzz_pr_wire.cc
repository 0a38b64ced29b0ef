// Parameter data of PERSISTENT RESERVE IN, as any target may send it.
#include "storage/reserve/pr_wire.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {

std::vector<Input> seeds() {
  const auto input = [](std::initializer_list<int> bytes) {
    Input result;
    for (const int byte : bytes) result.push_back(static_cast<std::byte>(byte));
    return result;
  };
  return {
      input({0, 0, 0, 7, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}),
      input({0, 0, 0, 7, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 5, 0, 0}),
      input({0, 0, 0, 7, 0, 0, 0, 0}),
      input({0, 8, 0x15, 0x80, 0xea, 1, 0, 0}),
  };
}

void run(std::span<const std::byte> input) {
  const std::span data(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  if (const auto keys = parse_keys(data)) {
    FUZZ_REQUIRE(keys->registrations.keys.size() <= data.size() / 8);
  }
  (void)parse_reservation(data);
  (void)parse_capabilities(data);
}

}  // namespace lastword::fuzz
