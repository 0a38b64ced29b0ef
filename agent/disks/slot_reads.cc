#include "agent/disks/slot_reads.h"

namespace lastword {

void read_slots(Shelf& shelf, std::vector<SlotRead>& reads, RecordPlace first, std::size_t blocks,
                milliseconds timeout) {
  const std::size_t bytes = blocks * kBlockBytes;
  std::vector<ReadRequest> requests;
  for (SlotRead& read : reads) {
    for (unsigned slot = 0; slot < 2; ++slot) {
      requests.push_back({.fd = read.disk->fd,
                          .disk = read.disk->info.path,
                          .offset = read.metadata_offset + slot_offset(first, slot),
                          .buffer = read.buffer.span().subspan(slot * bytes, bytes)});
    }
  }
  const Status submitted = shelf.read(requests, timeout);
  for (std::size_t i = 0; i < reads.size(); ++i) {
    reads[i].status = submitted;
    if (!submitted) continue;
    for (const ReadRequest* request : {&requests[2 * i], &requests[2 * i + 1]}) {
      if (request->status) continue;
      if (reads[i].status || request->status.error().code == Code::kTimeout) {
        reads[i].status = request->status;
      }
    }
  }
}

}  // namespace lastword
