#include "agent/transfer/range_sources.h"

#include "agent/transfer/range_hash.h"

namespace lastword {

void RangeSources::take(const CloneRun& run, std::uint64_t done) {
  const std::uint64_t inside = at_ % kRangeBytes;
  const std::uint64_t source = is_shared(run) ? run.source_offset + done : 0;
  if (inside == 0) {
    all_ = {.kind = run.kind, .source = run.source, .source_offset = source};
    return;
  }
  if (!all_) return;
  const bool goes_on = !is_shared(run) || all_->source_offset + inside == source;
  if (all_->kind != run.kind || all_->source != run.source || !goes_on) all_.reset();
}

RangeSource RangeSources::source_of(std::uint64_t index) const {
  if (!all_) return {};
  const auto kind = static_cast<CloneRunKind>(all_->kind);
  if (kind == CloneRunKind::kZero) return {.kind = RangeSource::Kind::kZero};
  if (!is_shared(*all_) || all_->source_offset % kRangeBytes != 0) return {};
  const bool sent = kind == CloneRunKind::kSent;
  if (sent && all_->source == self_) return {};
  const std::uint64_t other = (sent ? sent_sizes_ : base_sizes_)[all_->source];
  const std::uint64_t there = all_->source_offset / kRangeBytes;
  // The last range of a volume may be shorter than the other one is.
  if (range_length(sent_sizes_[self_], index) != range_length(other, there)) return {};
  return {.kind = sent ? RangeSource::Kind::kSent : RangeSource::Kind::kBase,
          .volume = all_->source,
          .index = there};
}

}  // namespace lastword
