// thin_dump's XML: whatever it says, it is refused, or block maps that ascend come out.
#include <string_view>

#include "agent/transfer/thin_dump.h"
#include "tests/fuzz/fuzz.h"

namespace lastword::fuzz {

std::vector<Input> seeds() {
  constexpr std::string_view kDump =
      R"(<superblock uuid="" time="3" transaction="7" flags="0" version="2" data_block_size="128" nr_data_blocks="1000">
  <def name="1"><range_mapping origin_begin="20" data_begin="50" length="4" time="1"/></def>
  <device dev_id="1" mapped_blocks="8" transaction="0" creation_time="0" snap_time="1">
    <range_mapping origin_begin="0" data_begin="10" length="3" time="1"/>
    <single_mapping origin_block="5" data_block="13" time="2"/>
    <ref name="1"/>
  </device>
  <device dev_id="2" mapped_blocks="4" transaction="1" creation_time="1" snap_time="1"><ref name="1"/></device>
</superblock>
)";
  const auto bytes = std::as_bytes(std::span(kDump));
  return {{bytes.begin(), bytes.end()}};
}

void run(std::span<const std::byte> input) {
  ThinDumpReader reader(1000);
  const auto* const text = reinterpret_cast<const char*>(input.data());
  const bool added = reader.add({text, input.size()}).has_value();
  auto pool = reader.end();
  FUZZ_REQUIRE(added || !pool);
  if (!pool) return;
  std::vector<std::string> names;
  for (const auto& [id, device] : pool->devices) names.push_back(std::to_string(id));
  ThinBlockMap map(std::move(*pool));
  for (const std::string& name : names) {
    const auto mappings = map.map(name);
    FUZZ_REQUIRE(mappings.has_value());
    std::uint64_t at = 0;
    for (const Mapping& one : *mappings) {
      FUZZ_REQUIRE(one.length > 0 && one.offset >= at);
      at = one.offset + one.length;
    }
  }
}

}  // namespace lastword::fuzz
