// Reads a clone stream into staged volumes. Nothing of it is seen by anybody before publish(). What
// has arrived and was verified may be kept for a stream that goes on from there.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/section_pipe.h"

namespace lastword {

// The seam between a stream and the pool that takes it. All calls are for one stream, in this
// order: begin, then write, share and clear, with sync, read and note in between, then sync, read,
// publish. Where the last one is not reached, the staging removes what it staged when it is
// destroyed, unless keep() was called.
class Staging {
 public:
  virtual ~Staging() = default;

  struct Begun {
    std::vector<RangeTable> base_tables;  // of head.base_volumes, whose roots they have
    std::vector<RangeTable> tables;       // of the volumes, as far as they are before head.start
  };
  // May this stream come here, and is its base here and unmodified? Then a volume of its size for
  // each one, zero from head.start on. What is before head.start must have been kept, of this very
  // stream, and be what it was then. `head` has passed check_head(). kRefused: no; kNoSpace: it
  // will not fit. A staging that cannot begin a volume as head.parents says makes it empty, and
  // copies what is shared. On an error nothing has changed, but that what was kept and has changed
  // is gone.
  [[nodiscard]] virtual Result<Begun> begin(const pb::CloneStreamHead& head) = 0;
  [[nodiscard]] virtual Status write(std::uint32_t volume, std::uint64_t offset,
                                     std::span<const std::byte> data) = 0;
  // Bytes of another volume, or of this one before `offset`, without a copy.
  [[nodiscard]] virtual Status share(std::uint32_t volume, std::uint64_t offset,
                                     std::uint64_t length, bool from_base, std::uint32_t source,
                                     std::uint64_t source_offset) = 0;
  // These bytes become zero, whatever the volume began as.
  [[nodiscard]] virtual Status clear(std::uint32_t volume, std::uint64_t offset,
                                     std::uint64_t length) = 0;
  // Everything is durable, and what is read from now on comes from there.
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Status read(std::uint32_t volume, std::uint64_t offset,
                                    std::span<std::byte> buffer) = 0;
  // After sync(): what is before `reached` was verified, and `tables` are its hashes. Durable when
  // this returns: should this be the last that is heard of the stream, another one may go on from
  // there.
  [[nodiscard]] virtual Status note(const ClonePosition& reached,
                                    std::span<const RangeTable> tables) = 0;
  // The stream goes no further: what the last note tells of stays. Nothing, where there was none.
  virtual void keep() = 0;
  // All volumes but ancestors appear at once. `tables` are those of all. An error that comes when
  // they are there already says so.
  [[nodiscard]] virtual Status publish(std::span<const RangeTable> tables) = 0;
  // Of what was shared: the pool has a copy.
  [[nodiscard]] virtual std::uint64_t unshared_bytes() const { return 0; }
};

using ReceiveProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// A stream that is kept is synced, verified and noted whenever so many bytes of it have arrived,
// and what is in flight meanwhile is sent in vain too: well below the 64 MiB that may be sent
// again.
inline constexpr std::uint64_t kNoteEvery = 32 << 20;

struct ReceiveOptions {
  // Keep what has arrived when the stream breaks off, or this pool fails or is full. What a stream
  // brought that is wrong, or refused, is never kept.
  bool keep = false;
  std::uint64_t note_every = kNoteEvery;
  ReceiveProgress progress = {};
  // All has arrived and was verified: from now on it may be published. May be empty.
  std::function<void()> publishing = {};
};

// `error`, after the snapshot was published: that it was, and what is left to do.
[[nodiscard]] tl::unexpected<Error> published_but(Error error, std::string_view remedy);

// kCorrupt: not a whole, good stream, or what was written does not read back as it was sent.
// Errors of the staging are its own.
[[nodiscard]] Result<pb::CloneTransfer> receive_stream(SectionReader& in, Staging& staging,
                                                       const ReceiveOptions& options);

}  // namespace lastword
