#include "agent/disks/header_watch.h"

#include <algorithm>
#include <optional>

#include "storage/block/batch_read.h"

namespace lastword {

namespace {

// How long a disk whose reads did not come back is left in peace; doubled each time, up to the
// limit.
constexpr milliseconds kFirstRest{1000};
constexpr milliseconds kLongestRest{60'000};
constexpr std::string_view kNotOpen = "it could not be opened when the disks were surveyed";

}  // namespace

struct HeaderWatch::Watched {
  using Clock = std::chrono::steady_clock;

  explicit Watched(const SurveyedDisk& disk)
      : path(disk.info.path), metadata_offset(disk.metadata_offset), open(disk.open) {
    if (!open) problem = {.code = Code::kIo, .operation = "read", .disk = path, .detail = kNotOpen};
  }
  [[nodiscard]] bool resting() const { return problem && (!open || Clock::now() < rest_until); }
  // The kernel may still write into the buffers of such reads: they are given up, and so is the
  // descriptor's owner never before them.
  void rest(const Error& error) {
    (void)slots.release();
    slots = std::make_unique<AlignedBuffer>(2 * kBlockBytes);
    problem = error;
    rest_until = Clock::now() + next_rest;
    next_rest = std::min(2 * next_rest, kLongestRest);
  }

  std::string path;
  std::uint64_t metadata_offset;
  std::shared_ptr<OpenDisk> open;  // null: for good
  std::optional<Error> problem;    // the last one
  Clock::time_point rest_until{};
  milliseconds next_rest = kFirstRest;
  std::unique_ptr<AlignedBuffer> slots = std::make_unique<AlignedBuffer>(2 * kBlockBytes);
};

HeaderWatch::HeaderWatch(const std::vector<SurveyedDisk>& disks, milliseconds io_timeout)
    : io_timeout_(io_timeout) {
  for (const SurveyedDisk& disk : disks) watched_.push_back(std::make_unique<Watched>(disk));
}

HeaderWatch::~HeaderWatch() = default;

std::vector<SeenHeader> HeaderWatch::poll(const std::vector<std::size_t>& disks) {
  std::vector<ReadRequest> requests;
  std::vector<std::size_t> asked;
  for (const std::size_t index : disks) {
    Watched& watched = *watched_[index];
    if (watched.resting()) continue;
    asked.push_back(index);
    for (unsigned slot = 0; slot < 2; ++slot) {
      requests.push_back(
          {.fd = watched.open->fd,
           .disk = watched.path,
           .offset = watched.metadata_offset + slot_offset(RecordPlace::kCoredump, slot),
           .buffer = watched.slots->block(slot)});
    }
  }
  const Status submitted = read_batch(requests, io_timeout_);

  std::vector<SeenHeader> seen;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Watched& watched = *watched_[asked[i]];
    watched.problem.reset();
    for (const ReadRequest* request : {&requests[2 * i], &requests[2 * i + 1]}) {
      const Status& status = submitted ? request->status : submitted;
      // A time-out outweighs what the other slot says: its buffer is not ours any more.
      if (status || (watched.problem && watched.problem->code == Code::kTimeout)) continue;
      watched.problem = status.error();
    }
    if (!watched.problem) {
      watched.next_rest = kFirstRest;
      seen.push_back(parse(asked[i], watched));
    } else if (watched.problem->code == Code::kTimeout) {
      watched.rest(*watched.problem);
    }
  }
  for (const std::size_t index : disks) {
    const Watched& watched = *watched_[index];
    if (watched.problem) seen.push_back({.disk = index, .header = fail(*watched.problem)});
  }
  return seen;
}

SeenHeader HeaderWatch::parse(std::size_t index, const Watched& watched) {
  SeenHeader result{.disk = index, .header = pb::CoredumpHeader()};
  const auto choice = read_pair(watched.slots->block(0), watched.slots->block(1),
                                RecordKind::kCoredumpHeader, *result.header);
  if (choice) {
    result.sequence = choice->next_sequence - 1;
  } else if (choice.error().code == Code::kNotFound) {
    result.header->Clear();
  } else {
    Error error = choice.error();
    error.disk = watched.path;
    error.offset = watched.metadata_offset + slot_offset(RecordPlace::kCoredump, 0);
    result.header = fail(error);
  }
  return result;
}

}  // namespace lastword
