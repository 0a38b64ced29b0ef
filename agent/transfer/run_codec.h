// Runs as they are in a content section: mostly one or two bytes each. An increment with scattered
// changes is many runs with few bytes of data between them. docs/clone-stream.md has the grammar.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/clone_stream.h"
#include "proto/error.h"

namespace lastword {

// Where the next run begins.
struct RunPlace {
  std::uint32_t volume = 0;  // the number of volumes: behind the last one
  std::uint64_t offset = 0;  // byte in it, a multiple of the block size
};

class RunCodec {
 public:
  // Sizes of the volumes of the stream; they outlive this. The runs of a stream follow each other
  // from `begin` on.
  RunCodec(std::span<const std::uint64_t> sizes, std::uint64_t block_bytes, RunPlace begin)
      : sizes_(sizes), block_bytes_(block_bytes), place_(begin) {}

  // Appends the runs of one section. Each is what a plan makes: whole blocks, but for the end of a
  // volume, and inside it.
  void encode(std::span<const CloneRun> runs, std::vector<std::byte>& out);

  struct Decoded {
    std::vector<CloneRun> runs;
    std::size_t bytes = 0;  // of the payload
  };
  // The runs that a section's payload begins with. kCorrupt: there are not so many, or one ends
  // outside its volume. What they refer to is not checked.
  [[nodiscard]] Result<Decoded> decode(std::uint32_t count, std::span<const std::byte> payload);

 private:
  // What a shared run refers to unless it says otherwise, in blocks.
  struct Expected {
    std::uint64_t source = 0;
    std::uint64_t shift = 0;  // source offset - own offset, modulo 2^64
  };
  void begin_section();
  void begin_volume();
  void skip_complete();
  void advance(const CloneRun& run);

  std::span<const std::uint64_t> sizes_;
  std::uint64_t block_bytes_;
  RunPlace place_;
  Expected sent_;
  Expected base_;
};

}  // namespace lastword
