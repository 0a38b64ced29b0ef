// Reads a dump stream (proto/stream.h) from a disk, section after section, and trusts nothing: it
// stops at the first thing that fails a check, and says where and why. What came before is good.
// Reads ahead of its user; checksums and codecs are the work of all processors meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "agent/base/ordered_work.h"
#include "agent/recover/read_ahead.h"
#include "proto/error.h"
#include "proto/stream.h"
#include "proto/uuid.h"
#include "storage/block/block_device.h"

namespace lastword {

struct Section {
  SectionHeader header{};
  std::uint64_t disk_offset = 0;  // of its header block
  std::span<const PageRun> runs;  // both valid until the next call of next()
  // Of the payload, decoded, checksum verified. Aligned as a BlockDevice wants it.
  std::span<const std::byte> content;
};

// Where and why reading stopped.
struct StreamEnd {
  bool whole = false;       // ended by an end section that agrees with what was read
  Error why;                // unless whole; kNotFound: nothing of this dump follows; kCorrupt:
                            // damage; kFutureVersion; or what the device said
  std::uint64_t bytes = 0;  // length of the good prefix, from the start of the extent
  std::uint64_t sections = 0;
  EndPayload totals{};  // where whole
};

class StreamReader {
 public:
  // Offset and length as in ReadAhead. `device` must outlive this.
  StreamReader(BlockDevice& device, std::uint64_t offset, std::uint64_t length,
               const UuidBytes& crash_id);
  ~StreamReader();

  // The next section that is good, never the end section; null when there is none, for good.
  [[nodiscard]] const Section* next();
  // Final once next() gave null; bytes and sections grow until then.
  [[nodiscard]] const StreamEnd& end() const { return end_; }
  [[nodiscard]] std::string_view disk() const { return disk_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // of the stream on the disk

 private:
  // A section on its way: read, then checked and decoded, then handed out.
  struct Piece {
    alignas(SectionHeader) std::array<std::byte, kBlockBytes> block{};
    AlignedBuffer stored{kMaxPayloadBytes};
    AlignedBuffer raw{kMaxPayloadBytes};
    std::size_t stored_bytes = 0;
    Section section;
    std::optional<Error> error;  // nothing follows this piece
  };

  void read_pieces();
  [[nodiscard]] Status read_piece(Piece& piece, std::uint64_t sequence, std::uint64_t at);
  [[nodiscard]] Status check(const Piece& piece);

  const std::string_view disk_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
  const UuidBytes crash_id_;
  SectionKind previous_ = SectionKind::kElfHead;
  bool handed_out_ = false;  // the first piece of work_
  bool ended_ = false;
  StreamEnd end_;
  ReadAhead ahead_;  // of the thread
  OrderedWork<Piece> work_;
  std::thread thread_;
};

}  // namespace lastword
