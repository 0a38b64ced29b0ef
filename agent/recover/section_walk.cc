#include "agent/recover/section_walk.h"

#include <algorithm>

#include "agent/recover/resync.h"

namespace lastword {

SectionWalk::SectionWalk(BlockDevice& device, const Dump& dump)
    : device_(device),
      start_(dump.header.extent_offset_bytes()),
      length_(dump.extent_bytes),
      claimed_(dump.claimed_bytes),
      crash_id_(dump.crash_id) {}

Result<SectionHeader> SectionWalk::next() {
  at_ = next_;
  auto header = read_header();
  if (!header) {
    const Error error = located(header.error());
    const auto behind = is_damage(error) ? resync() : std::nullopt;
    if (!behind) return fail(error);
    if (!damage_) damage_ = error;
    header = *behind;
  }
  sequence_ = header->sequence + 1;
  next_ = at_ + kBlockBytes + round_up_to_block(header->stored_bytes);
  return header;
}

Result<SectionHeader> SectionWalk::read_header() {
  if (at_ + kBlockBytes > length_) {
    return fail({.code = Code::kNotFound,
                 .operation = "read section",
                 .detail = "the dump's extent ends here"});
  }
  if (Status status = device_.read(start_ + at_, block_.span()); !status) {
    return fail(status.error());
  }
  auto header = parse_section(block_.block(0), sequence_, crash_id_);
  if (header && round_up_to_block(header->stored_bytes) > length_ - at_ - kBlockBytes) {
    return corrupt_section("section goes beyond the dump's extent");
  }
  return header;
}

// Leaves at_ and block_ at the section that it found.
std::optional<SectionHeader> SectionWalk::resync() {
  const std::uint64_t limit = std::min({claimed_, length_, at_ + kMostSkippedBytes});
  unsigned bad_spots = 0;
  std::uint64_t at = at_ + kBlockBytes;
  while (at + kBlockBytes <= limit) {
    const auto some = payload_.span().first(std::min<std::uint64_t>(kMaxPayloadBytes, limit - at));
    const bool whole = device_.read(start_ + at, some).has_value();
    std::size_t done = 0;
    for (; done + kBlockBytes <= some.size(); done += kBlockBytes) {
      const auto block = some.subspan(done).first<kBlockBytes>();
      // A bad spot somewhere among them: block by block.
      if (!whole && !device_.read(start_ + at + done, block)) {
        if (++bad_spots > kMostBadSpots) return std::nullopt;
        continue;
      }
      const auto header = recognize_section(block, crash_id_, sequence_ + 1);
      const std::uint64_t here = at + done;
      if (!header || round_up_to_block(header->stored_bytes) > length_ - here - kBlockBytes) {
        continue;
      }
      std::copy(block.begin(), block.end(), block_.span().begin());
      at_ = here;
      return header;
    }
    at += done;
  }
  return std::nullopt;
}

Result<std::span<const std::byte>> SectionWalk::payload(const SectionHeader& header) {
  const auto blocks = payload_.span().first(round_up_to_block(header.stored_bytes));
  const auto stored = blocks.first(header.stored_bytes);
  if (!blocks.empty()) {
    if (Status status = device_.read(start_ + at_ + kBlockBytes, blocks); !status) {
      return fail(status.error());
    }
  }
  auto content = decoder_.decode(header, stored, raw_.span());
  if (!content) return fail(located(content.error()));
  return content;
}

Error SectionWalk::located(Error error) const {
  error.disk = device_.name();
  if (error.offset == kNoOffset) error.offset = start_ + at_;
  return error;
}

}  // namespace lastword
