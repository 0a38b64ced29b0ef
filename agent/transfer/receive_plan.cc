#include "agent/transfer/receive_plan.h"

#include <cstring>
#include <utility>

#include "agent/transfer/stream_head.h"

namespace lastword {

ReceivePlan::ReceivePlan(Shape shape)
    : shape_(std::move(shape)),
      tables_(std::move(shape_.tables)),
      own_(shape_.sizes.size()),
      volume_(shape_.start.volume),
      at_(shape_.start.offset),
      sources_(volume_, shape_.sizes, shape_.base_sizes, at_) {
  tables_.resize(shape_.sizes.size());
  if (volume_ == shape_.sizes.size()) return;
  tables_[volume_].resize(range_count(shape_.sizes[volume_]));
  next_volume();
}

// Past volumes that are complete.
void ReceivePlan::next_volume() {
  while (volume_ < shape_.sizes.size() && at_ == shape_.sizes[volume_]) {
    at_ = 0;
    if (++volume_ == shape_.sizes.size()) return;
    tables_[volume_].resize(range_count(shape_.sizes[volume_]));
    sources_ = RangeSources(volume_, shape_.sizes, shape_.base_sizes);
  }
}

Status ReceivePlan::check(const CloneRun& run) const {
  const std::uint64_t left = shape_.sizes[volume_] - at_;
  if (run.length == 0 || run.length > left) return corrupt_stream("a run ends outside its volume");
  const auto kind = static_cast<CloneRunKind>(run.kind);
  if (kind == CloneRunKind::kData || kind == CloneRunKind::kZero) {
    if (run.source != 0 || run.source_offset != 0)
      return corrupt_stream("a run of data with a source");
    if (run.length % shape_.block_bytes != 0 && run.length != left) {
      return corrupt_stream("a run that is no whole number of blocks");
    }
    return {};
  }
  if (kind != CloneRunKind::kSent && kind != CloneRunKind::kBase) {
    return corrupt_stream("a run of an unknown kind");
  }
  if ((run.length | run.source_offset) % shape_.block_bytes != 0) {
    return corrupt_stream("a shared run that is no whole number of blocks");
  }
  std::uint64_t there = 0;  // bytes that the source has by now
  if (kind == CloneRunKind::kBase) {
    if (run.source >= shape_.base_sizes.size()) return corrupt_stream("no such volume in the base");
    there = shape_.base_sizes[run.source];
  } else {
    if (run.source > volume_) return corrupt_stream("a reference to what was not sent yet");
    there = run.source == volume_ ? at_ : shape_.sizes[run.source];
  }
  if (run.source_offset > there || run.length > there - run.source_offset) {
    return corrupt_stream("a reference to what was not sent yet, or is outside its volume");
  }
  return {};
}

Result<std::vector<CloneAction>> ReceivePlan::content(std::span<const CloneRun> runs,
                                                      std::span<const std::byte> rest) {
  std::vector<CloneAction> actions;
  std::uint64_t data = 0;
  std::uint64_t hashes = 0;  // bytes
  bool enough = true;
  for (const CloneRun& run : runs) {
    if (over_ || volume_ == shape_.sizes.size()) {
      return corrupt_stream("content behind the last volume");
    }
    if (Status status = check(run); !status) return fail(status.error());
    actions.push_back({.volume = volume_, .offset = at_, .run = run, .data_at = data});
    const auto kind = static_cast<CloneRunKind>(run.kind);
    if (kind == CloneRunKind::kData) {
      data += run.length;
    } else if (kind != CloneRunKind::kZero) {
      shared_bytes_ += run.length;
    }
    at_ += run.length;
    sources_.add(run, [&](std::uint64_t index, const RangeSource& source) {
      using Kind = RangeSource::Kind;
      Hash128& hash = tables_[volume_][index];
      if (source.kind == Kind::kSent) hash = tables_[source.volume][source.index];
      if (source.kind == Kind::kBase) hash = shape_.base_tables[source.volume][source.index];
      if (source.kind != Kind::kOwn) return;
      enough = enough && rest.size() - hashes >= sizeof hash;
      if (!enough) return;
      std::memcpy(&hash, rest.data() + hashes, sizeof hash);
      hashes += sizeof hash;
      own_[volume_].push_back(index);
    });
    if (!enough) return corrupt_stream("fewer hashes than its runs need");
    next_volume();
  }
  if (hashes + data != rest.size()) {
    return corrupt_stream("more or less hashes and data than its runs need");
  }
  if (data > shape_.data_bytes - data_bytes_) {
    return corrupt_stream("more data than its head says");
  }
  data_bytes_ += data;
  for (CloneAction& action : actions) action.data_at += hashes;
  return actions;
}

Status ReceivePlan::end(const CloneEnd& end, std::span<const Hash128> roots,
                        const CloneEnd& arrived) {
  if (over_ || volume_ != shape_.sizes.size()) return corrupt_stream("its end comes too early");
  if (end.volume_count != shape_.sizes.size() || roots.size() != shape_.sizes.size() ||
      end.data_bytes != data_bytes_ || end.section_count != arrived.section_count ||
      end.stream_bytes != arrived.stream_bytes) {
    return corrupt_stream("its end and what came before disagree");
  }
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if (root_of(shape_.sizes[i], tables_[i]) != roots[i]) {
      return corrupt_stream("the hashes of a volume do not make its root");
    }
  }
  over_ = true;
  return {};
}

}  // namespace lastword
