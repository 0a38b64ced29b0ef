#include "storage/codec/codec_chooser.h"

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
// A harder one that takes so many times as long is not tried again.
constexpr double kHopeless = 1.5;
// How far back rates look, whichever comes first.
constexpr double kRememberedBytes = 64 << 20;
constexpr double kRememberedTime = 400e6;  // nanoseconds

}  // namespace

void CodecChooser::Rate::add(double time, double bytes) {
  time_ += time;
  bytes_ += bytes;
  if (bytes_ < 2 * kRememberedBytes && time_ < 2 * kRememberedTime) return;
  time_ /= 2;
  bytes_ /= 2;
}

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
  known.compress.add(static_cast<double>(took.count()), raw);
  known.ratio.add(static_cast<double>(stored_bytes), raw);
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
  other_work_.add(std::max(0.0, busy - static_cast<double>(compressing_.count())), raw);
  const auto stored = static_cast<double>(std::max<std::uint64_t>(stored_, 1));
  // It is the bottleneck, or it can do at least this.
  if (idle > kDiskBound || elapsed / stored < disk_.per_byte()) disk_.add(elapsed, stored);
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
  if (!harder.ratio.known()) return true;
  if (harder.age == kMemory) return cost(index) < kHopeless * cost(index_);
  return cost(index) <= kEqualTime * cost(index_) &&
         harder.ratio.per_byte() < kStoresLess * known_[index_].ratio.per_byte();
}

// The disk may have become faster than it could show.
bool CodecChooser::worth_lighter(std::size_t index) const {
  return known_[index].age == kMemory || kEqualTime * cost(index) < cost(index_);
}

// Time for each raw byte when disk and processors work side by side.
double CodecChooser::cost(std::size_t index) const {
  const Known& known = known_[index];
  const double compress = (other_work_.per_byte() + known.compress.per_byte()) / processors_;
  return std::max(compress, known.ratio.per_byte() * disk_.per_byte());
}

}  // namespace lastword
