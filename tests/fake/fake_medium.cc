#include "tests/fake/fake_medium.h"

#include <algorithm>
#include <cstring>

namespace lastword::fake {

const FakeMedium::Block& FakeMedium::content_of(const Blocks& first, const Blocks& second,
                                                std::uint64_t offset) {
  static constexpr Block kZeros{};
  if (const auto found = first.find(offset); found != first.end()) return found->second;
  if (const auto found = second.find(offset); found != second.end()) return found->second;
  return kZeros;
}

void FakeMedium::read(std::uint64_t offset, std::span<std::byte> buffer) const {
  for (std::size_t at = 0; at < buffer.size(); at += kBlockBytes) {
    std::memcpy(buffer.data() + at, content_of(cache_, durable_, offset + at).data(), kBlockBytes);
  }
}

void FakeMedium::read_durable(std::uint64_t offset, std::span<std::byte> buffer) const {
  static const Blocks kNone;
  for (std::size_t at = 0; at < buffer.size(); at += kBlockBytes) {
    std::memcpy(buffer.data() + at, content_of(durable_, kNone, offset + at).data(), kBlockBytes);
  }
}

void FakeMedium::write(std::uint64_t offset, std::span<const std::byte> buffer) {
  for (std::size_t at = 0; at < buffer.size(); at += kBlockBytes) {
    std::memcpy(cache_[offset + at].data(), buffer.data() + at, kBlockBytes);
  }
}

void FakeMedium::write_torn(std::uint64_t offset, std::span<const std::byte> block,
                            unsigned sectors) {
  Block content = content_of(cache_, durable_, offset);
  std::ranges::copy(block.first(sectors * kSectorBytes), content.begin());
  cache_[offset] = content;
}

void FakeMedium::flush() {
  for (const auto& [offset, block] : cache_) durable_.insert_or_assign(offset, block);
  cache_.clear();
}

void FakeMedium::lose_power(const Survival& survival) {
  for (const auto& [offset, block] : cache_) {
    const std::size_t kept = std::min(survival(offset), kSectorsPerBlock) * kSectorBytes;
    if (kept == 0) continue;
    Block content = durable_.contains(offset) ? durable_.at(offset) : Block{};
    std::copy_n(block.begin(), kept, content.begin());
    durable_[offset] = content;
  }
  cache_.clear();
}

}  // namespace lastword::fake
