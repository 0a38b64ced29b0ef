#include "agent/transfer/thin_pool.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <vector>

#include "proto/format_text.h"

namespace lastword {
namespace {

// "USED/ALL".
bool parse_share(const std::string& word, std::uint64_t& used, std::uint64_t& all) {
  const char* const end = word.data() + word.size();
  const auto [slash, first] = std::from_chars(word.data(), end, used);
  if (first != std::errc() || slash == end || *slash != '/') return false;
  const auto [last, second] = std::from_chars(slash + 1, end, all);
  return second == std::errc() && last == end && used <= all;
}

}  // namespace

// Documentation/admin-guide/device-mapper/thin-provisioning.rst, "Status" of a pool: begin, length,
// "thin-pool", transaction, used/all metadata blocks, used/all data blocks, held metadata root or
// '-', "rw", "ro" or "out_of_data_space", what discards do, and more; or "Fail" after "thin-pool".
Result<ThinPoolUse> parse_thin_status(const std::string& line, const std::string& pool) {
  std::istringstream words(line);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  constexpr std::size_t kTarget = 2;
  constexpr std::size_t kDiscards = 8;
  Error error{.code = Code::kRefused, .operation = "read thin pool", .disk = pool};
  ThinPoolUse use;
  if (all.size() <= kTarget || all[kTarget] != "thin-pool") {
    error.detail = "is no thin pool";
  } else if (all.size() <= kDiscards || !parse_share(all[4], use.metadata_used, use.metadata_all) ||
             !parse_share(all[5], use.data_used, use.data_all)) {
    error.detail = "the pool has failed";
  } else {
    use.held = all[6] != "-";
    use.writes = all[7] == "rw";
    use.discards = all[kDiscards] != "ignore_discard";
    return use;
  }
  return fail(error);
}

std::uint64_t metadata_reserve(const ThinPoolUse& use) {
  constexpr std::uint64_t kMostBlocks = (4 << 20) / kMetadataBlockBytes;
  return std::min(kMostBlocks, use.metadata_all / 4);
}

Status check_metadata(const ThinPoolUse& use, const std::string& pool, std::uint64_t needed) {
  const std::uint64_t free = use.metadata_all - use.metadata_used;
  const std::uint64_t wanted = metadata_reserve(use) + needed;
  if (free >= wanted) return {};
  // Twice what is missing, for a quarter of what is added has to stay free as well.
  constexpr std::uint64_t kStepMib = 16;
  constexpr std::uint64_t kBlocksOfStep = (kStepMib << 20) / kMetadataBlockBytes;
  const std::uint64_t steps = (2 * (wanted - free) + kBlocksOfStep - 1) / kBlocksOfStep;
  return fail(
      {.code = Code::kNoSpace,
       .operation = "use thin pool",
       .disk = pool,
       .detail = format_text("its metadata is {} percent full: {} of {} bytes are free, and "
                             "{} are needed; lvextend --poolmetadatasize +{}m {}",
                             use.metadata_used * 100 / std::max<std::uint64_t>(use.metadata_all, 1),
                             free * kMetadataBlockBytes, use.metadata_all * kMetadataBlockBytes,
                             wanted * kMetadataBlockBytes, steps * kStepMib, pool)
                     .view()});
}

Result<ThinPoolMaps> read_thin_pool(ThinCommands& commands, const ThinPoolDevice& pool) {
  const auto line = commands.status(pool.uuid);
  if (!line) return fail(line.error());
  const auto use = parse_thin_status(*line, pool.name);
  if (!use) return fail(use.error());
  if (use->held) {
    return fail({.code = Code::kRefused,
                 .operation = "read thin pool",
                 .disk = pool.name,
                 .detail = kSomebodyElsesSnapshot});
  }
  if (Status status = check_metadata(*use, pool.name); !status) return fail(status.error());
  if (Status status = commands.message(pool.uuid, "reserve_metadata_snap"); !status) {
    return fail(status.error());
  }
  ThinDumpReader reader;
  const Status dumped = commands.dump(
      pool.metadata_device, [&](std::span<const char> bytes) { return reader.add(bytes); });
  const Status released = commands.message(pool.uuid, "release_metadata_snap");
  if (!released) {
    Error error = released.error();
    error.detail = format_text(
                       "its metadata snapshot stays: dmsetup message --uuid {} 0 "
                       "release_metadata_snap",
                       pool.uuid)
                       .view();
    return fail(error);
  }
  if (!dumped) return fail(dumped.error());
  return reader.end();
}

}  // namespace lastword
