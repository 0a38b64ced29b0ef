// The hashes of what another server has: whatever they say, they are refused, or a stream against
// them refers to nothing that they do not have.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstring>

#include "agent/transfer/hash_compare.h"
#include "agent/transfer/send_run.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/agent/transfer/planned.h"
#include "tests/fuzz/fuzz.h"

namespace lastword::fuzz {
namespace {

const fake::Sets& sets_here() {
  static const fake::Sets sets = [] {
    fake::Sets made;
    made.pool.put("gold", fake::range(10, 600));
    made.pool.put("small", {1, 1, 0, 2});
    made.volumes = {"gold", "small"};
    return made;
  }();
  return sets;
}

const pb::CloneHashes& hashes_here() {
  static const pb::CloneHashes hashes = [] {
    fake::Sets sets = sets_here();
    pb::CloneHashes all;
    *all.mutable_snapshot() = fake::head_of_sets(sets).snapshot();
    for (const auto& name : sets.volumes) {
      const RangeTable table = fake::table_of(sets.content(name));
      all.add_tables(table.data(), table.size() * sizeof(Hash128));
    }
    return all;
  }();
  return hashes;
}

std::vector<RangeTable> tables_of(const pb::CloneHashes& hashes) {
  std::vector<RangeTable> tables;
  for (const std::string& bytes : hashes.tables()) {
    RangeTable& table = tables.emplace_back(bytes.size() / sizeof(Hash128));
    if (!table.empty()) std::memcpy(table.data(), bytes.data(), bytes.size());
  }
  return tables;
}

void plan_against(const pb::CloneHashes& there) {
  fake::Sets sets = sets_here();
  std::vector<fake::MappedVolume> volumes;
  for (const auto& name : sets.volumes) volumes.push_back(sets.pool.mapped(name));
  std::vector<std::uint64_t> sizes;
  for (const auto& volume : there.snapshot().volumes()) sizes.push_back(volume.size());
  const auto plan = fake::plan_by_hashes(sizes, tables_of(there), volumes, tables_of(hashes_here()),
                                         fake::kBlock);
  FUZZ_REQUIRE(plan.has_value());
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    std::uint64_t at = 0;
    for (const CloneRun& run : plan->runs[i]) {
      at += run.length;
      if (static_cast<CloneRunKind>(run.kind) != CloneRunKind::kBase) continue;
      FUZZ_REQUIRE(run.source < sizes.size());
      FUZZ_REQUIRE(run.source_offset <= sizes[run.source]);
      FUZZ_REQUIRE(run.length <= sizes[run.source] - run.source_offset);
    }
    FUZZ_REQUIRE(at == volumes[i].size);
  }
}

}  // namespace

std::vector<Input> seeds() {
  google::protobuf::SetLogHandler(nullptr);  // as main() does
  std::vector<Input> inputs;
  pb::CloneHashes other = hashes_here();
  (*other.mutable_tables(0))[20] ^= 1;
  other.mutable_snapshot()->mutable_volumes(1)->set_size(3);
  for (const auto& one : {hashes_here(), other}) {
    const std::string bytes = one.SerializeAsString();
    const auto view = std::as_bytes(std::span(bytes));
    inputs.emplace_back(view.begin(), view.end());
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const auto read = [&](std::span<std::byte> buffer) -> Result<std::size_t> {
    const std::size_t count = std::min(buffer.size(), input.size());
    std::copy_n(input.begin(), count, buffer.begin());
    input = input.subspan(count);
    return count;
  };
  const auto hashes = read_hashes(read);
  if (!hashes) return;
  const auto same = compare_hashes(*hashes, *hashes);
  FUZZ_REQUIRE(same.has_value() && same->empty());
  const auto different = compare_hashes(*hashes, hashes_here());
  if (different) {
    for (const DifferentRange& range : *different) FUZZ_REQUIRE(range.length != 0);
  }
  plan_against(*hashes);
}

}  // namespace lastword::fuzz
