// What thin_dump(8) says of a dm-thin pool: volumes ('devices'), and which block of the pool each
// has where, since when. Read as it comes, by libexpat, and kept as a block map.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/transfer/block_map.h"
#include "proto/error.h"

namespace lastword {

// In data blocks of the pool.
struct ThinRun {
  std::uint64_t origin = 0;
  std::uint64_t data = 0;
  std::uint32_t time = 0;
  std::uint32_t length = 0;
};
static_assert(sizeof(ThinRun) == 24);

struct ThinDevice {
  std::uint32_t created = 0;  // the pool's time then
  std::vector<ThinRun> runs;
};

struct ThinPoolMaps {
  std::uint64_t block_bytes = 0;
  std::uint64_t data_blocks = 0;  // of the pool; 0: not known, as in a metadata snapshot
  std::uint32_t time = 0;         // snapshots that were taken
  std::uint64_t transaction = 0;
  std::map<std::uint32_t, ThinDevice> devices;  // by dev_id
};

// Identity is the block of the pool, age the time of the mapping. Volumes are named by dev_id.
class ThinBlockMap final : public BlockMap {
 public:
  explicit ThinBlockMap(ThinPoolMaps pool) : pool_(std::move(pool)) {}
  // kNotFound: no such device.
  [[nodiscard]] Result<std::vector<Mapping>> some(const std::string& volume,
                                                  std::uint64_t from) override;
  [[nodiscard]] const ThinPoolMaps& pool() const { return pool_; }

 private:
  ThinPoolMaps pool_;
};

// What a reader is willing to hold: 24 bytes for each run, those that a <ref> repeats included.
inline constexpr std::uint64_t kMaxThinRuns = std::uint64_t{1} << 24;

class ThinDumpReader {
 public:
  explicit ThinDumpReader(std::uint64_t max_runs = kMaxThinRuns);
  ~ThinDumpReader();
  ThinDumpReader(const ThinDumpReader&) = delete;
  ThinDumpReader& operator=(const ThinDumpReader&) = delete;

  // The next bytes of the XML, any number. kCorrupt: no XML, or none that thin_dump writes, or it
  // contradicts itself; kUnsupported: more runs than this may hold. After an error it stays that
  // one.
  [[nodiscard]] Status add(std::span<const char> bytes);
  // Once, after the last bytes. kCorrupt as well: it is cut.
  [[nodiscard]] Result<ThinPoolMaps> end();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace lastword
