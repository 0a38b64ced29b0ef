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

const ReceiveOptions kResumable{.keep = true, .note_every = 1};

// Of a stream that broke off before its last content.
const fake::MemoryStaging& kept_staging() {
  static const fake::MemoryStaging staging = [] {
    fake::Sets sets = sets_of_seed(true);
    const auto made = fake::make_stream(sets);
    fake::MemoryStaging kept(&base_sets());
    const auto starts = fake::boundaries(made->bytes);
    (void)fake::receive(std::span(made->bytes).first(starts[starts.size() - 2]), kept, kResumable);
    return kept;
  }();
  return staging;
}

}  // namespace

// A byte that says whether CRCs are put right (1), and whether an earlier stream was kept (2), then
// the stream.
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
  fake::Sets sets = sets_of_seed(true);
  const auto rest = fake::make_stream(
      sets, "none", [] { return Status{}; }, kept_staging().noted->reached);
  Input input{std::byte{3}};
  input.insert(input.end(), rest->bytes.begin(), rest->bytes.end());
  inputs.push_back(std::move(input));
  return inputs;
}

void run(std::span<const std::byte> input) {
  const bool seal = !input.empty() && (input[0] & std::byte{1}) != std::byte{0};
  Input stream(input.begin() + (input.empty() ? 0 : 1), input.end());
  if (seal) fake::reseal_clone(stream);
  const bool resumes = !input.empty() && (input[0] & std::byte{2}) != std::byte{0};
  fake::MemoryStaging staging = resumes ? kept_staging() : fake::MemoryStaging(&base_sets());
  staging.room = kRoom;
  const auto received = fake::receive(stream, staging, kResumable);
  FUZZ_REQUIRE(!staging.wrong);
  FUZZ_REQUIRE(staging.published == received.has_value());
}

}  // namespace lastword::fuzz
