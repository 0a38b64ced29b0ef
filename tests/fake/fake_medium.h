// The bytes of one fake disk: what is durable, and a volatile cache over it. Sparse.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>

#include "proto/layout.h"

namespace lastword::fake {

inline constexpr std::size_t kSectorBytes = 512;
inline constexpr unsigned kSectorsPerBlock = kBlockBytes / kSectorBytes;

// How much of a block's unsynced content a power loss leaves: that many leading sectors are new,
// the rest is as it was durable. 0: the write is lost. kSectorsPerBlock: it made it to the medium.
using Survival = std::function<unsigned(std::uint64_t offset)>;
inline unsigned lose_all(std::uint64_t) {
  return 0;
}

class FakeMedium {
 public:
  // Whole blocks.
  void read(std::uint64_t offset, std::span<std::byte> buffer) const;
  void read_durable(std::uint64_t offset, std::span<std::byte> buffer) const;
  void write(std::uint64_t offset, std::span<const std::byte> buffer);
  // Only the first `sectors` sectors of the block become new.
  void write_torn(std::uint64_t offset, std::span<const std::byte> block, unsigned sectors);
  void flush();
  void lose_power(const Survival& survival);

 private:
  using Block = std::array<std::byte, kBlockBytes>;
  using Blocks = std::map<std::uint64_t, Block>;  // by offset

  [[nodiscard]] static const Block& content_of(const Blocks& first, const Blocks& second,
                                               std::uint64_t offset);

  Blocks durable_;
  Blocks cache_;  // written, not flushed
};

}  // namespace lastword::fake
