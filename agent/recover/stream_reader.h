// Reads a dump stream (proto/stream.h) from a disk, section after section, and trusts nothing: what
// fails a check is not handed out, and it says where and why. Damage in the part that the writer
// had flushed is stepped over (resync.h), behind that it is the end of the stream. Reads ahead of
// its user; checksums and codecs are the work of all processors meanwhile.
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
  bool whole = false;          // ended by an end section that agrees with what was read
  Error why;                   // unless whole, of the first place that is not good; kNotFound:
                               // nothing of this dump follows; kCorrupt: damage; kFutureVersion; or
                               // what the device said
  std::uint64_t bytes = 0;     // end of the last good section, from the start of the extent
  std::uint64_t sections = 0;  // good ones
  std::uint64_t skipped = 0;   // places with damage that good sections follow
  EndPayload totals{};         // where whole
};

class StreamReader {
 public:
  // Offset and length as in ReadAhead. `claimed`: so much of the stream had been flushed. `device`
  // must outlive this.
  StreamReader(BlockDevice& device, std::uint64_t offset, std::uint64_t length,
               const UuidBytes& crash_id, std::uint64_t claimed = 0);
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
    std::optional<Error> error;
    bool last = false;  // nothing follows this piece
  };
  // In the stream.
  struct Place {
    std::uint64_t at = 0;  // from the start of the extent
    std::uint64_t sequence = 0;
  };

  // By the thread that reads.
  void read_pieces();
  [[nodiscard]] Status read_piece(Piece& piece, Place& place);
  [[nodiscard]] Result<std::span<const std::byte>> take(std::uint64_t at, std::size_t bytes);
  [[nodiscard]] bool go_on_behind(const Error& error, Place& place);

  [[nodiscard]] Status check(const Piece& piece);
  [[nodiscard]] bool may_skip(const Piece& piece) const;

  BlockDevice& device_;
  const std::string_view disk_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
  const std::uint64_t claimed_;
  const UuidBytes crash_id_;
  SectionKind previous_ = SectionKind::kElfHead;
  bool handed_out_ = false;  // the first piece of work_
  bool ended_ = false;
  StreamEnd end_;
  // Of the thread.
  std::optional<ReadAhead> ahead_;
  std::uint64_t ahead_at_ = 0;  // what it gives next, from the start of the extent
  std::uint64_t block_at_ = 0;  // of the block below, which was taken already, where there is one
  std::optional<std::array<std::byte, kBlockBytes>> block_;
  unsigned bad_spots_ = 0;

  OrderedWork<Piece> work_;
  std::thread thread_;
};

}  // namespace lastword
