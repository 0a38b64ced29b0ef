#include "dumpwriter/codec_chooser.h"

#include <algorithm>

namespace lastword {
namespace {

// Shares of the time in which nothing but the disk worked: above, it is the bottleneck; below, the
// processors are.
constexpr double kDiskBound = 0.10;
constexpr double kProcessorBound = 0.02;
// Codecs whose times differ by no more than this are equally fast: the one that stores less wins.
constexpr double kEqualTime = 1.05;
// What a codec must leave, of what a lighter one does, to be called one that stores less.
constexpr double kStoresLess = 0.97;

}  // namespace

CodecChooser::CodecChooser(const CodecSetting& setting, unsigned processors)
    : automatic_(setting.automatic),
      processors_(processors),
      current_(setting.automatic ? kLadder[1] : setting.fixed) {}

void CodecChooser::compressed(const CodecLevel& codec, std::size_t raw_bytes,
                              std::size_t stored_bytes, nanoseconds took) {
  if (!automatic_ || raw_bytes == 0) return;
  compressing_ += took;
  raw_ += raw_bytes;
  stored_ += stored_bytes;
  const auto at = std::find(kLadder.begin(), kLadder.end(), codec);
  if (at == kLadder.end()) return;
  Known& known = known_[static_cast<std::size_t>(at - kLadder.begin())];
  const auto raw = static_cast<double>(raw_bytes);
  const double compress = static_cast<double>(took.count()) / raw;
  const double ratio = static_cast<double>(stored_bytes) / raw;
  const double weight = known.age == kMemory ? 1 : 0.25;
  known.compress += weight * (compress - known.compress);
  known.ratio += weight * (ratio - known.ratio);
  known.age = 0;
}

void CodecChooser::chunk_done(nanoseconds now) {
  if (!automatic_) return;
  if (start_ < nanoseconds(0)) start_ = now;
  if (++chunks_ < kChunksPerDecision) return;
  decide(now);
  start_ = now;
  waited_ = compressing_ = nanoseconds(0);
  raw_ = stored_ = 0;
  chunks_ = 0;
}

void CodecChooser::decide(nanoseconds now) {
  const auto elapsed = static_cast<double>((now - start_).count());
  if (elapsed <= 0 || raw_ == 0) return;
  const auto waited = static_cast<double>(waited_.count());
  const auto raw = static_cast<double>(raw_);
  const double idle = std::min(1.0, waited / elapsed);
  const double busy = (elapsed - std::min(waited, elapsed)) * processors_;
  other_work_ = std::max(0.0, busy - static_cast<double>(compressing_.count())) / raw;
  const double disk = elapsed / static_cast<double>(std::max<std::uint64_t>(stored_, 1));
  if (idle > kDiskBound) {
    disk_per_byte_ = disk;
  } else if (disk < disk_per_byte_) {
    disk_per_byte_ = disk;  // it can do at least this
  }
  for (Known& known : known_) known.age = std::min(known.age + 1, kMemory);
  if (idle > kDiskBound && index_ + 1 < kLadder.size() && worth_harder(index_ + 1)) {
    ++index_;
  } else if (idle < kProcessorBound && index_ > 0 && worth_lighter(index_ - 1)) {
    --index_;
  }
  current_ = kLadder[index_];
}

bool CodecChooser::worth_harder(std::size_t index) const {
  const Known& harder = known_[index];
  return harder.age == kMemory || (cost(index) <= kEqualTime * cost(index_) &&
                                   harder.ratio < kStoresLess * known_[index_].ratio);
}

bool CodecChooser::worth_lighter(std::size_t index) const {
  return known_[index].age == kMemory || kEqualTime * cost(index) < cost(index_);
}

// Time for each raw byte when disk and processors work side by side.
double CodecChooser::cost(std::size_t index) const {
  const Known& known = known_[index];
  return std::max((other_work_ + known.compress) / processors_, known.ratio * disk_per_byte_);
}

}  // namespace lastword
