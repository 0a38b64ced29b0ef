#include "agent/transfer/thin_pool.h"

#include <sstream>
#include <string_view>
#include <vector>

namespace lastword {
namespace {

// Documentation/admin-guide/device-mapper/thin-provisioning.rst, "Status" of a pool: begin, length,
// "thin-pool", transaction, used/all metadata blocks, used/all data blocks, held metadata root or
// '-', and more; or "Fail" after "thin-pool".
Status check_status(const std::string& line, const std::string& pool) {
  std::istringstream words(line);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  constexpr std::size_t kTarget = 2;
  constexpr std::size_t kHeldRoot = 6;
  Error error{.code = Code::kRefused, .operation = "read thin pool", .disk = pool};
  if (all.size() <= kTarget || all[kTarget] != "thin-pool") {
    error.detail = "is no thin pool";
  } else if (all.size() <= kHeldRoot) {
    error.detail = "the pool has failed";
  } else if (all[kHeldRoot] != "-") {
    error.detail =
        "somebody else has reserved its metadata snapshot; lastword never releases one that is not "
        "its own";
  } else {
    return {};
  }
  return fail(error);
}

}  // namespace

Result<ThinPoolMaps> read_thin_pool(ThinCommands& commands, const std::string& pool,
                                    const std::string& metadata_device) {
  const auto line = commands.status(pool);
  if (!line) return fail(line.error());
  if (Status status = check_status(*line, pool); !status) return fail(status.error());
  // Where two come here at once, this fails for the second.
  if (Status status = commands.message(pool, "reserve_metadata_snap"); !status) {
    return fail(status.error());
  }
  ThinDumpReader reader;
  const Status dumped = commands.dump(
      metadata_device, [&](std::span<const char> bytes) { return reader.add(bytes); });
  const Status released = commands.message(pool, "release_metadata_snap");
  if (!dumped) return fail(dumped.error());
  if (!released) {
    Error error = released.error();
    error.detail = "its metadata snapshot stays; dmsetup message POOL 0 release_metadata_snap";
    return fail(error);
  }
  return reader.end();
}

}  // namespace lastword
