// A clone stream, as a receiver takes it from another machine: whatever it says, it is taken whole
// or dropped, and nothing is written outside the staged volumes.
#include <google/protobuf/stubs/logging.h>

#include "tests/agent/transfer/clone_streams.h"
#include "tests/fuzz/fuzz.h"

namespace lastword::fuzz {
namespace {

constexpr std::uint64_t kRoom = 16 << 20;

fake::Sets sets_of_seed(bool increment) {
  fake::Sets sets;
  sets.pool.put("gold", fake::range(10, 300));
  fake::Blocks clone = fake::range(10, 300);
  clone[3] = 900;
  clone[280] = 0;
  sets.pool.put("clone", clone);
  sets.pool.put("small", {1, 1, 0, 2});
  sets.volumes = {"gold", "small", "clone"};
  if (increment) sets.base = {"gold"};
  return sets;
}

const fake::Sets& base_sets() {
  static const fake::Sets sets = sets_of_seed(true);
  return sets;
}

}  // namespace

// A byte that says whether CRCs are put right, then the stream.
std::vector<Input> seeds() {
  google::protobuf::SetLogHandler(nullptr);  // as main() does
  std::vector<Input> inputs;
  for (const char* codec : {"none", "lz4", "zstd"}) {
    for (const bool increment : {false, true}) {
      fake::Sets sets = sets_of_seed(increment);
      const auto made = fake::make_stream(sets, codec);
      Input input{std::byte{1}};
      input.insert(input.end(), made->bytes.begin(), made->bytes.end());
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const bool seal = !input.empty() && (input[0] & std::byte{1}) != std::byte{0};
  Input stream(input.begin() + (input.empty() ? 0 : 1), input.end());
  if (seal) fake::reseal_clone(stream);
  fake::MemoryStaging staging(&base_sets());
  staging.room = kRoom;
  const auto received = fake::receive(stream, staging);
  FUZZ_REQUIRE(!staging.wrong);
  FUZZ_REQUIRE(staging.published == received.has_value());
}

}  // namespace lastword::fuzz
