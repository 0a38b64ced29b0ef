#include "agent/transfer/run_codec.h"

#include <limits>
#include <optional>

#include "agent/transfer/range_sources.h"
#include "agent/transfer/stream_head.h"

namespace lastword {
namespace {

// Bits of a run's first number; above them is its length in blocks.
constexpr std::uint64_t kKindBits = 3;
constexpr std::uint64_t kElsewhere = 4;  // source and offset follow
constexpr unsigned kLengthShift = 3;

void put(std::vector<std::byte>& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<std::byte>(number | 0x80));
  out.push_back(static_cast<std::byte>(number));
}

// std::nullopt: it is cut, or no 64-bit number.
std::optional<std::uint64_t> take(std::span<const std::byte>& from) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(from.front());
    from = from.subspan(1);
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) return std::nullopt;
    number |= bits << shift;
    if ((byte & 0x80) == 0) return number;
  }
  return std::nullopt;
}

// Small distances either way are small numbers.
std::uint64_t zigzag(std::uint64_t distance) {
  return distance << 1 ^ (distance >> 63 != 0 ? ~std::uint64_t{0} : 0);
}
std::uint64_t unzigzag(std::uint64_t number) {
  return number >> 1 ^ ((number & 1) != 0 ? ~std::uint64_t{0} : 0);
}

}  // namespace

void RunCodec::begin_section() {
  sent_ = {};
  skip_complete();
  begin_volume();
}

// A clone mostly has the blocks of the volume that the one before it had them from, a volume of an
// increment those that it had in the base.
void RunCodec::begin_volume() {
  sent_.shift = 0;
  base_ = {.source = place_.volume, .shift = 0};
}

void RunCodec::skip_complete() {
  while (place_.volume < sizes_.size() && place_.offset == sizes_[place_.volume]) {
    ++place_.volume;
    place_.offset = 0;
    begin_volume();
  }
}

void RunCodec::advance(const CloneRun& run) {
  if (is_shared(run)) {
    const bool sent = static_cast<CloneRunKind>(run.kind) == CloneRunKind::kSent;
    (sent ? sent_ : base_) = {
        .source = run.source,
        .shift = run.source_offset / block_bytes_ - place_.offset / block_bytes_};
  }
  place_.offset += run.length;
  skip_complete();
}

void RunCodec::encode(std::span<const CloneRun> runs, std::vector<std::byte>& out) {
  begin_section();
  for (const CloneRun& run : runs) {
    const bool sent = static_cast<CloneRunKind>(run.kind) == CloneRunKind::kSent;
    const Expected& expected = sent ? sent_ : base_;
    const std::uint64_t offset = place_.offset / block_bytes_ + expected.shift;
    const std::uint64_t from = run.source_offset / block_bytes_;
    const bool elsewhere = is_shared(run) && (run.source != expected.source || from != offset);
    const std::uint64_t blocks = (run.length + block_bytes_ - 1) / block_bytes_;
    put(out, blocks << kLengthShift | (elsewhere ? kElsewhere : 0) | run.kind);
    if (elsewhere) {
      put(out, run.source);
      put(out, zigzag(from - offset));
    }
    advance(run);
  }
}

Result<RunCodec::Decoded> RunCodec::decode(std::uint32_t count,
                                           std::span<const std::byte> payload) {
  begin_section();
  Decoded decoded;
  decoded.runs.reserve(count);
  auto rest = payload;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (place_.volume == sizes_.size()) return corrupt_stream("content behind the last volume");
    const auto first = take(rest);
    if (!first) return corrupt_stream("fewer runs than it says");
    CloneRun run{.kind = static_cast<std::uint32_t>(*first & kKindBits)};
    const std::uint64_t left = sizes_[place_.volume] - place_.offset;
    const std::uint64_t blocks = *first >> kLengthShift;
    const std::uint64_t blocks_left = (left + block_bytes_ - 1) / block_bytes_;
    if (blocks == 0 || blocks > blocks_left) {
      return corrupt_stream("a run ends outside its volume");
    }
    run.length = blocks == blocks_left ? left : blocks * block_bytes_;
    if (is_shared(run)) {
      const bool sent = static_cast<CloneRunKind>(run.kind) == CloneRunKind::kSent;
      const Expected& expected = sent ? sent_ : base_;
      std::uint64_t source = expected.source;
      std::uint64_t offset = place_.offset / block_bytes_ + expected.shift;
      if ((*first & kElsewhere) != 0) {
        const auto other = take(rest);
        const auto distance = other ? take(rest) : std::nullopt;
        if (!distance) return corrupt_stream("a run without what it refers to");
        source = *other;
        offset += unzigzag(*distance);
      }
      if (source >= kMaxCloneVolumes ||
          offset > std::numeric_limits<std::uint64_t>::max() / block_bytes_) {
        return corrupt_stream("a reference outside any volume");
      }
      run.source = static_cast<std::uint32_t>(source);
      run.source_offset = offset * block_bytes_;
    } else if ((*first & kElsewhere) != 0) {
      return corrupt_stream("a run of data with a source");
    }
    decoded.runs.push_back(run);
    advance(run);
  }
  decoded.bytes = payload.size() - rest.size();
  return decoded;
}

}  // namespace lastword
