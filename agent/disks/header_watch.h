// Reads the coredump headers of many disks again and again, all of them in one io_uring batch and
// without ever opening a disk for writing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/disks/survey.h"
#include "proto/disk.pb.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

struct SeenHeader {
  std::size_t disk = 0;  // index in the list given to the watch
  Result<pb::CoredumpHeader> header;
  std::uint64_t sequence = 0;  // of the slot that counts; 0: never written
};

class HeaderWatch {
 public:
  // One that is not open is not opened either, which may take for ever: each poll() reports it.
  HeaderWatch(const std::vector<SurveyedDisk>& disks, milliseconds io_timeout);
  ~HeaderWatch();
  HeaderWatch(const HeaderWatch&) = delete;
  HeaderWatch& operator=(const HeaderWatch&) = delete;

  // Reads the headers of these disks. One that does not answer costs an I/O time-out now, and is
  // then left out for a while (its error is repeated), longer each time.
  [[nodiscard]] std::vector<SeenHeader> poll(const std::vector<std::size_t>& disks);

 private:
  struct Watched;
  [[nodiscard]] static SeenHeader parse(std::size_t index, const Watched& watched);

  std::vector<std::unique_ptr<Watched>> watched_;
  milliseconds io_timeout_;
};

}  // namespace lastword
