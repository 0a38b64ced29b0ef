#include "storage/block/record_io.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>

#include "storage/block/io_error.h"

namespace lastword {

RecordIo::RecordIo(BlockDevice& device, std::uint64_t metadata_offset)
    : device_(device), metadata_offset_(metadata_offset) {}

Error RecordIo::with_place(Error error, RecordPlace place, unsigned slot) const {
  error.disk = device_.name();
  error.offset = metadata_offset_ + slot_offset(place, slot);
  return error;
}

Result<BlockView> RecordIo::read_slot(RecordPlace place, unsigned slot) {
  const BlockSpan block = buffer_.block(slot);
  const Status status = device_.read(metadata_offset_ + slot_offset(place, slot), block);
  if (!status) return fail(status.error());
  return block;
}

Result<PairChoice> RecordIo::read(RecordPlace place, google::protobuf::MessageLite& message) {
  for (unsigned slot = 0; slot < 2; ++slot) {
    const auto block = read_slot(place, slot);
    if (block) continue;
    if (!is_bad_spot(block.error())) return fail(block.error());
    std::ranges::fill(buffer_.block(slot), std::byte{0xff});
  }
  auto choice = read_pair(buffer_.block(0), buffer_.block(1), kind_at(place), message);
  if (!choice) return fail(with_place(choice.error(), place, 0));
  return choice;
}

Result<PairChoice> RecordIo::write(RecordPlace place, const PairChoice& at,
                                   const google::protobuf::MessageLite& message) {
  const BlockSpan block = buffer_.block(2);
  if (Status status = write_slot(block, kind_at(place), at.next_sequence, message); !status) {
    return fail(with_place(status.error(), place, at.next));
  }
  const std::uint64_t offset = metadata_offset_ + slot_offset(place, at.next);
  if (Status status = device_.write(offset, block); !status) return fail(status.error());
  if (Status status = device_.flush(); !status) return fail(status.error());
  return PairChoice{.current = at.next, .next = 1 - at.next, .next_sequence = at.next_sequence + 1};
}

Result<PairChoice> RecordIo::write_both(RecordPlace place, const PairChoice& at,
                                        const google::protobuf::MessageLite& message) {
  const auto first = write(place, at, message);
  return first ? write(place, *first, message) : first;
}

Result<PairChoice> RecordIo::place_of_next(RecordPlace place,
                                           const google::protobuf::MessageLite& message) {
  const std::unique_ptr<google::protobuf::MessageLite> old(message.New());
  const Result<PairChoice> found = read(place, *old);
  if (found || found.error().code != Code::kNotFound) return found;
  return PairChoice();
}

Status RecordIo::put(RecordPlace place, const google::protobuf::MessageLite& message) {
  const auto at = place_of_next(place, message);
  if (!at) return fail(at.error());
  const auto written = write(place, *at, message);
  if (!written) return fail(written.error());
  return {};
}

Status RecordIo::put_both(RecordPlace place, const google::protobuf::MessageLite& message) {
  const auto at = place_of_next(place, message);
  if (!at) return fail(at.error());
  const auto written = write_both(place, *at, message);
  if (!written) return fail(written.error());
  return {};
}

}  // namespace lastword
