#include "agent/disks/header_watch.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "agent/disks/slot_reads.h"
#include "proto/record.h"

namespace lastword {
namespace {

constexpr std::string_view kNotOpen = "it could not be opened when the disks were surveyed";

struct Parsed {
  SeenHeader seen;
  std::optional<unsigned> next;  // the slot that is written next; absent: the record is damaged
};

Parsed parse(std::size_t index, const std::string& path, std::uint64_t metadata_offset,
             const AlignedBuffer& slots) {
  Parsed parsed{.seen = {.disk = index, .header = pb::CoredumpHeader()}, .next = {}};
  SeenHeader& result = parsed.seen;
  const auto choice =
      read_pair(slots.block(0), slots.block(1), RecordKind::kCoredumpHeader, *result.header);
  if (choice) {
    result.sequence = choice->next_sequence - 1;
    parsed.next = choice->next;
  } else if (choice.error().code == Code::kNotFound) {
    result.header->Clear();
    parsed.next = PairChoice().next;
  } else {
    Error error = choice.error();
    error.disk = path;
    error.offset = metadata_offset + slot_offset(RecordPlace::kCoredump, 0);
    result.header = fail(error);
  }
  return parsed;
}

bool same(std::span<const std::byte> one, std::span<const std::byte> other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

HeaderWatch::HeaderWatch(Shelf& shelf, Executor& executor, const std::vector<DiskView>& disks,
                         const OpenDisks& open, milliseconds io_timeout)
    : shelf_(shelf), executor_(executor), io_timeout_(io_timeout) {
  for (const DiskView& disk : disks) {
    Watched watched{.path = disk.info.path,
                    .metadata_offset = disk.metadata_offset,
                    .open = open.find(disk.info.path),
                    .problem = {}};
    if (!watched.open) {
      watched.problem = {
          .code = Code::kIo, .operation = "read", .disk = watched.path, .detail = kNotOpen};
    }
    watched_.push_back(std::move(watched));
  }
}

bool HeaderWatch::left_out(const Watched& watched) {
  return !watched.open || resting_->rests(watched.path, executor_.now());
}

std::vector<std::size_t> HeaderWatch::changed(const std::vector<std::size_t>& disks,
                                              std::vector<SeenHeader>& seen) {
  std::vector<std::size_t> whole;
  std::vector<std::size_t> asked;
  std::vector<SlotRead> reads;
  for (const std::size_t index : disks) {
    const Watched& watched = watched_[index];
    if (!watched.seen) {
      whole.push_back(index);
      continue;
    }
    asked.push_back(index);
    reads.push_back({.disk = watched.open,
                     .metadata_offset = watched.metadata_offset,
                     .buffer = std::make_shared<AlignedBuffer>(kBlockBytes),
                     .only = watched.next});
  }
  read_slots(shelf_, executor_, resting_, reads, RecordPlace::kCoredump, 1, io_timeout_);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Watched& watched = watched_[asked[i]];
    const SlotRead& read = reads[i];
    // What a writer puts on a bad spot may never be seen, and what follows is in the other slot.
    const bool sound = read.status && !read.bad_spot;
    if (sound && same(read.buffer->block(0), watched.slots->block(watched.next))) {
      seen.push_back(*watched.seen);
    } else if (!read.status && read.status.error().code == Code::kTimeout) {
      watched.problem = read.status.error();
      seen.push_back({.disk = asked[i], .header = fail(*watched.problem)});
    } else {
      whole.push_back(asked[i]);
    }
  }
  return whole;
}

void HeaderWatch::read_whole(const std::vector<std::size_t>& disks, std::vector<SeenHeader>& seen) {
  std::vector<SlotRead> reads;
  for (const std::size_t index : disks) {
    const Watched& watched = watched_[index];
    reads.push_back({.disk = watched.open,
                     .metadata_offset = watched.metadata_offset,
                     .buffer = std::make_shared<AlignedBuffer>(2 * kBlockBytes)});
  }
  read_slots(shelf_, executor_, resting_, reads, RecordPlace::kCoredump, 1, io_timeout_);
  for (std::size_t i = 0; i < disks.size(); ++i) {
    Watched& watched = watched_[disks[i]];
    const SlotRead& read = reads[i];
    watched.seen.reset();
    if (!read.status) {
      watched.problem = read.status.error();
      seen.push_back({.disk = disks[i], .header = fail(*watched.problem)});
      continue;
    }
    Parsed parsed = parse(disks[i], watched.path, watched.metadata_offset, *read.buffer);
    if (parsed.next) {
      watched.seen = parsed.seen;
      watched.slots = read.buffer;
      watched.next = *parsed.next;
    }
    seen.push_back(std::move(parsed.seen));
  }
}

std::vector<SeenHeader> HeaderWatch::poll(const std::vector<std::size_t>& disks) {
  std::vector<SeenHeader> seen;
  std::vector<std::size_t> asked;
  for (const std::size_t index : disks) {
    const Watched& watched = watched_[index];
    if (left_out(watched)) {
      seen.push_back({.disk = index, .header = fail(*watched.problem)});
    } else {
      asked.push_back(index);
    }
  }
  const std::vector<std::size_t> whole = changed(asked, seen);
  if (!whole.empty()) read_whole(whole, seen);
  return seen;
}

}  // namespace lastword
