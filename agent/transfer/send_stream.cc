#include "agent/transfer/send_stream.h"

#include <algorithm>
#include <cstring>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/range_sources.h"
#include "agent/transfer/run_codec.h"
#include "agent/transfer/stream_head.h"

namespace lastword {
namespace {

bool is_data(const CloneRun& run) {
  return static_cast<CloneRunKind>(run.kind) == CloneRunKind::kData;
}

// `run` from its byte `skip` on, `length` bytes.
CloneRun part_of(const CloneRun& run, std::uint64_t skip, std::uint64_t length) {
  CloneRun part = run;
  part.length = length;
  if (is_shared(run)) part.source_offset += skip;
  return part;
}

// Gathers runs, hashes and data into content sections.
class ContentWriter {
 public:
  ContentWriter(SectionWriter& out, std::uint64_t block_bytes, RunCodec codec)
      : out_(out), codec_(codec), unit_(std::max<std::uint64_t>(block_bytes, kBlockBytes)) {
    data_.reserve(kMaxContentBytes);
  }

  // The next run is of another volume than the one before.
  void begin_volume() { apart_ = true; }
  // At most one range ends in the run; where it is hashed for itself, add_hash() follows.
  Status add(const CloneRun& run, std::span<const std::byte> data) {
    if (data.empty()) {
      if (room() == 0) {
        if (Status status = flush(); !status) return status;
      }
      add_run(run);
    }
    for (std::uint64_t at = 0; at < data.size();) {
      const auto piece = std::min<std::uint64_t>(data.size() - at, room() / unit_ * unit_);
      if (piece == 0) {
        if (Status status = flush(); !status) return status;
        continue;
      }
      add_run(part_of(run, at, piece));
      const auto bytes = data.subspan(at, piece);
      data_.insert(data_.end(), bytes.begin(), bytes.end());
      data_bytes_ += piece;
      at += piece;
    }
    return {};
  }
  // Of the range that ended in the last run: it is in the same section.
  void add_hash(const Hash128& hash) { hashes_.push_back(hash); }
  Status flush() {
    if (runs_.empty()) return {};
    const auto hashes = std::as_bytes(std::span(hashes_));
    payload_.clear();
    codec_.encode(runs_, payload_);
    payload_.insert(payload_.end(), hashes.begin(), hashes.end());
    payload_.insert(payload_.end(), data_.begin(), data_.end());
    const Status status =
        out_.write(CloneSection::kContent, payload_, static_cast<std::uint32_t>(runs_.size()));
    runs_.clear();
    hashes_.clear();
    data_.clear();
    return status;
  }
  [[nodiscard]] std::uint64_t data_bytes() const { return data_bytes_; }

 private:
  // For data, when one more run and one more hash are in the section.
  [[nodiscard]] std::uint64_t room() const {
    if (runs_.size() >= kMaxContentRuns) return 0;
    const std::uint64_t used =
        (runs_.size() + 1) * kMaxRunBytes + (hashes_.size() + 1) * sizeof(Hash128) + data_.size();
    return kMaxContentBytes - std::min(kMaxContentBytes, used);
  }
  void add_run(const CloneRun& run) {
    if (apart_) {
      runs_.push_back(run);
    } else {
      append_run(runs_, run);
    }
    apart_ = false;
  }

  SectionWriter& out_;
  RunCodec codec_;
  const std::uint64_t unit_;  // data is cut at multiples of it
  std::vector<CloneRun> runs_;
  std::vector<Hash128> hashes_;
  std::vector<std::byte> data_;
  std::vector<std::byte> payload_;
  std::uint64_t data_bytes_ = 0;
  bool apart_ = true;
};

template <class Volumes>
std::vector<std::uint64_t> sizes_of(const Volumes& volumes) {
  std::vector<std::uint64_t> sizes;
  for (const auto& volume : volumes) sizes.push_back(volume.size());
  return sizes;
}

class Sender {
 public:
  Sender(const SendOrder& order, SectionWriter& out)
      : order_(order),
        out_(out),
        sizes_(sizes_of(order.head.snapshot().volumes())),
        base_sizes_(sizes_of(order.head.base_volumes())),
        content_(out, order.head.block_bytes(),
                 RunCodec(sizes_, order.head.block_bytes(), {start_.volume, start_.offset})) {}

  Result<Sent> run() {
    pb::CloneStreamHead head = order_.head;
    head.set_data_bytes(order_.plan.data_from_start());
    head.set_shared_bytes(order_.plan.shared_from_start());
    const std::string bytes = head.SerializeAsString();
    if (Status status = out_.write(CloneSection::kHead, std::as_bytes(std::span(bytes))); !status) {
      return fail(status.error());
    }
    for (std::uint32_t i = 0; i < sizes_.size(); ++i) {
      if (Status status = send_volume(i); !status) return fail(status.error());
    }
    if (Status status = content_.flush(); !status) return fail(status.error());
    if (Status status = order_.before_end(); !status) return fail(status.error());
    if (Status status = send_end(); !status) return fail(status.error());
    pb::CloneTransfer& figures = sent_.figures;
    figures.set_snapshot_uuid(head.snapshot().uuid());
    figures.set_base_uuid(head.base_uuid());
    std::uint64_t all = 0;
    for (const pb::CloneVolume& volume : head.snapshot().volumes()) {
      if (volume.ancestor()) continue;
      figures.set_volumes(figures.volumes() + 1);
      all += volume.size();
    }
    figures.set_volume_bytes(all);
    figures.set_data_bytes(content_.data_bytes());
    figures.set_shared_bytes(order_.plan.shared_from_start());
    figures.set_stream_bytes(out_.bytes());
    figures.set_resumed_bytes(bytes_before(head.snapshot(), start_));
    return std::move(sent_);
  }

 private:
  // Range by range: one with data in it is read as a whole, because it is hashed.
  Status send_volume(std::uint32_t volume) {
    sent_.tables.emplace_back(range_count(sizes_[volume]));
    content_.begin_volume();
    // Of what is really sent; it may have more zeros than the plan knows.
    RangeSources sources(volume, sizes_, base_sizes_, volume == start_.volume ? start_.offset : 0);
    RangeSources planned(volume, sizes_, base_sizes_);
    order_.plan.begin(volume);
    for (std::uint64_t index = 0; index < range_count(sizes_[volume]); ++index) {
      const auto range = order_.plan.next_range();
      if (!range) return fail(range.error());
      RangeSource plan;
      const std::uint64_t length = range_length(sizes_[volume], index);
      for (const CloneRun& run : *range) {
        planned.add(run, [&](std::uint64_t, const RangeSource& source) { plan = source; });
      }
      const bool read = plan.kind == RangeSource::Kind::kOwn;
      if (read) {
        if (Status status = read_range(volume, index); !status) return status;
      }
      Hash128& hash = sent_.tables[volume][index];
      const auto complete = [&](std::uint64_t, const RangeSource& source) {
        if (source.kind == RangeSource::Kind::kOwn) {
          hash = hash_of_range(content_buffer_.span().first(length));
          content_.add_hash(hash);
        }
        if (source.kind == RangeSource::Kind::kSent) {
          hash = sent_.tables[source.volume][source.index];
        }
        if (source.kind == RangeSource::Kind::kBase) {
          hash = order_.base_tables[source.volume][source.index];
        }
      };
      if (ClonePosition{.volume = volume, .offset = index * kRangeBytes} < start_) {
        if (read) hash = hash_of_range(content_buffer_.span().first(length));
        if (!read) complete(index, plan);
        note_progress(*range);
        continue;
      }
      if (Status status = send_range(*range, sources, complete); !status) return status;
      note_progress(*range);
    }
    return {};
  }

  void note_progress(const std::vector<CloneRun>& range) {
    for (const CloneRun& run : range) planned_data_ += is_data(run) ? run.length : 0;
    if (order_.progress) order_.progress(planned_data_, order_.plan.data_bytes());
  }

  Status read_range(std::uint32_t volume, std::uint64_t index) {
    const auto buffer = content_buffer_.span().first(range_length(sizes_[volume], index));
    return order_.reader.read(volume, index * kRangeBytes, buffer);
  }

  // What is data in the plan goes as data and zeros, by what is shared as one.
  template <class Complete>
  Status send_range(const std::vector<CloneRun>& range, RangeSources& sources,
                    const Complete& complete) {
    const std::uint64_t block = share_bytes_of(order_.head);
    std::uint64_t at = 0;
    const auto send = [&](const CloneRun& run, std::span<const std::byte> data) {
      if (Status status = content_.add(run, data); !status) return status;
      sources.add(run, complete);
      return Status{};
    };
    for (const CloneRun& run : range) {
      if (!is_data(run)) {
        if (Status status = send(run, {}); !status) return status;
        at += run.length;
        continue;
      }
      const std::uint64_t end = at + run.length;
      while (at < end) {
        const auto whole = content_buffer_.span();
        const auto zero_at = [&](std::uint64_t offset) {
          return is_zero(whole.subspan(offset, std::min(block, end - offset)));
        };
        const bool zero = zero_at(at);
        std::uint64_t stop = at;
        do {
          stop = std::min(stop + block, end);
        } while (stop < end && zero_at(stop) == zero);
        CloneRun part = run;
        part.length = stop - at;
        if (zero) part.kind = static_cast<std::uint32_t>(CloneRunKind::kZero);
        const auto data = zero ? std::span<std::byte>() : whole.subspan(at, stop - at);
        if (Status status = send(part, data); !status) return status;
        at = stop;
      }
    }
    return {};
  }

  Status send_end() {
    CloneEnd end{.section_count = out_.sections() + 1,
                 .stream_bytes = 0,
                 .data_bytes = content_.data_bytes(),
                 .volume_count = sizes_.size()};
    const std::size_t payload = sizeof end + sizes_.size() * sizeof(Hash128);
    end.stream_bytes = out_.bytes() + kCloneHeaderBytes + payload;
    std::vector<std::byte> bytes(payload);
    std::memcpy(bytes.data(), &end, sizeof end);
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const Hash128 root = root_of(sizes_[i], sent_.tables[i]);
      std::memcpy(bytes.data() + sizeof end + i * sizeof root, &root, sizeof root);
    }
    return out_.write(CloneSection::kEnd, bytes);
  }

  const SendOrder& order_;
  SectionWriter& out_;
  const std::vector<std::uint64_t> sizes_;
  const std::vector<std::uint64_t> base_sizes_;
  const ClonePosition start_ = position_of(order_.head.start());
  ContentWriter content_;
  AlignedBuffer content_buffer_{kRangeBytes};
  std::uint64_t planned_data_ = 0;
  Sent sent_;
};

}  // namespace

Result<Sent> send_stream(const SendOrder& order, SectionWriter& out) {
  return Sender(order, out).run();
}

}  // namespace lastword
