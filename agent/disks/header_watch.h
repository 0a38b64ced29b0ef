// Reads the coredump headers of many disks again and again, all of them in one batch and without
// ever opening a disk for writing.
//
// Whoever writes a header writes the slot that does not count (proto/record.h), so that slot alone
// tells whether there is a newer one: both are read at first, when that one has changed, and while
// it lies on a bad spot.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "agent/disks/resting_disks.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/disk_view.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

class HeaderWatch {
 public:
  // A disk that is not among `open` is never opened here, because opening a sick disk may never
  // return: each poll() gives an error for it. Shelf and executor outlive this.
  HeaderWatch(Shelf& shelf, Executor& executor, const std::vector<DiskView>& disks,
              const OpenDisks& open, milliseconds io_timeout);

  // Reads the headers of these disks (indices into the list above). One that does not answer costs
  // an I/O time-out once, and is then left out for some seconds each time (its error is repeated).
  [[nodiscard]] std::vector<SeenHeader> poll(const std::vector<std::size_t>& disks);

 private:
  struct Watched {
    std::string path;
    std::uint64_t metadata_offset = 0;
    std::shared_ptr<OpenDisk> open;
    std::optional<Error> problem;  // the last one
    // What was read last, where it said something or nothing was ever written there.
    std::optional<SeenHeader> seen;
    std::shared_ptr<AlignedBuffer> slots;  // both, as they were then
    unsigned next = 0;                     // that is written next
  };
  [[nodiscard]] bool left_out(const Watched& watched);
  // Of these, those that are to be read whole. The headers of the others are what they were, or
  // cannot be read, and are added to `seen`.
  [[nodiscard]] std::vector<std::size_t> changed(const std::vector<std::size_t>& disks,
                                                 std::vector<SeenHeader>& seen);
  void read_whole(const std::vector<std::size_t>& disks, std::vector<SeenHeader>& seen);

  Shelf& shelf_;
  Executor& executor_;
  milliseconds io_timeout_;
  std::vector<Watched> watched_;
  std::shared_ptr<RestingDisks> resting_ = std::make_shared<RestingDisks>();
};

}  // namespace lastword
