#include "agent/disks/slot_reads.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "storage/block/io_error.h"

namespace lastword {
namespace {

// What the kernel may still write to, the disk that it is read from, and the turn there. Its reads
// own it (ReadRequest::keep): it ends with the last answer.
struct InFlight {
  InFlight(std::shared_ptr<AlignedBuffer> own_buffer, std::shared_ptr<OpenDisk> own_disk)
      : buffer(std::move(own_buffer)),
        disk(std::move(own_disk)),
        turn(DiskTurn::take(disk->turn, DiskTurn::Kind::kBeside)) {}
  ~InFlight() {
    if (on_answer) on_answer();
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  std::shared_ptr<AlignedBuffer> buffer;
  std::shared_ptr<OpenDisk> disk;
  DiskTurn::Held turn;
  std::function<void()> on_answer;
};

std::vector<unsigned> slots_of(const SlotRead& read) {
  return read.only ? std::vector{*read.only} : std::vector{0U, 1U};
}

struct Batch {
  std::vector<SlotRead*> reads;
  milliseconds timeout{};
  std::size_t blocks = 1;  // of a slot, by one read
};

std::vector<std::shared_ptr<InFlight>> take_turns(const Batch& batch) {
  std::vector<std::shared_ptr<InFlight>> in_flight;
  for (const SlotRead* read : batch.reads) {
    in_flight.push_back(std::make_shared<InFlight>(read->buffer, read->disk));
  }
  // Of all disks together: where many hang as they are taken, the others are not kept waiting.
  const auto end = std::chrono::steady_clock::now() + kPatienceBeside;
  for (const auto& one : in_flight) {
    if (!one->turn) one->turn = DiskTurn::wait(one->disk->turn, DiskTurn::Kind::kBeside, end);
  }
  return in_flight;
}

// What became of a disk, by all of its reads. A block on a bad spot is filled with
// 0xff: neither a record nor a slot that was never written.
void judge(SlotRead& read, std::span<ReadRequest> answers) {
  for (const ReadRequest& answer : answers) {
    if (answer.status) continue;
    const Error& error = answer.status.error();
    if (is_bad_spot(error) && answer.buffer.size() == kBlockBytes) {
      std::ranges::fill(answer.buffer, std::byte{0xff});
      read.bad_spot = true;
    } else if (read.status || error.code == Code::kTimeout) {
      read.status = answer.status;
    }
  }
}

void read_batch_of(Shelf& shelf, const std::shared_ptr<RestingDisks>& resting, Instant now,
                   const Batch& batch, RecordPlace first, std::size_t blocks) {
  const std::size_t bytes = batch.blocks * kBlockBytes;
  const std::size_t pieces = blocks / batch.blocks;
  std::vector<ReadRequest> requests;
  std::vector<std::weak_ptr<InFlight>> in_flight;
  for (auto& one : take_turns(batch)) {
    const SlotRead* read = batch.reads[in_flight.size()];
    in_flight.emplace_back(one);
    std::size_t place = 0;
    for (const unsigned slot : slots_of(*read)) {
      const std::uint64_t begin = read->metadata_offset + slot_offset(first, slot);
      for (std::size_t piece = 0; piece < pieces; ++piece, place += bytes) {
        requests.push_back({.fd = read->disk->fd,
                            .disk = read->disk->info.path,
                            .offset = begin + piece * bytes,
                            .buffer = read->buffer->span().subspan(place, bytes),
                            .keep = one});
      }
    }
  }
  const Status submitted = shelf.read(requests, batch.timeout);
  std::span<ReadRequest> left(requests);
  for (std::size_t i = 0; i < batch.reads.size(); ++i) {
    SlotRead& read = *batch.reads[i];
    const auto answers = left.first(slots_of(read).size() * pieces);
    left = left.subspan(answers.size());
    read.status = submitted;
    if (!submitted) continue;
    judge(read, answers);
    if (read.status || read.status.error().code != Code::kTimeout) continue;
    resting->asked(read.disk->info.path, now);
    auto answered = [resting, path = read.disk->info.path, now] { resting->answered(path, now); };
    if (const auto late = in_flight[i].lock()) {
      late->on_answer = std::move(answered);
    } else {
      answered();
    }
  }
}

}  // namespace

void read_slots(Shelf& shelf, Executor& executor, const std::shared_ptr<RestingDisks>& resting,
                std::vector<SlotRead>& reads, RecordPlace first, std::size_t blocks,
                milliseconds timeout) {
  const Instant now = executor.now();
  const milliseconds least = std::min(kPollInterval, timeout);
  Batch sound{.reads = {}, .timeout = timeout, .blocks = blocks};
  Batch doubtful{.reads = {}, .timeout = least, .blocks = blocks};
  for (SlotRead& read : reads) {
    (resting->hangs(read.disk->info.path, now) ? doubtful : sound).reads.push_back(&read);
  }
  for (const Batch* batch : {&sound, &doubtful}) {
    if (!batch->reads.empty()) read_batch_of(shelf, resting, now, *batch, first, blocks);
  }
  Batch spotted{.reads = {}, .timeout = std::max(least, timeout - (executor.now() - now))};
  for (SlotRead& read : reads) {
    if (!read.status && is_bad_spot(read.status.error())) spotted.reads.push_back(&read);
  }
  if (!spotted.reads.empty()) read_batch_of(shelf, resting, now, spotted, first, blocks);
}

}  // namespace lastword
