#include "agent/recover/stream_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "agent/recover/resync.h"
#include "storage/codec/payload_decoder.h"

namespace lastword {
namespace {

// More than any disk can feed; two pieces of 2 MiB are under way for each.
constexpr unsigned kMostDecoders = 8;

}  // namespace

StreamReader::StreamReader(BlockDevice& device, std::uint64_t offset, std::uint64_t length,
                           const UuidBytes& crash_id, std::uint64_t claimed)
    : device_(device),
      disk_(device.name()),
      offset_(offset),
      length_(length),
      claimed_(claimed),
      crash_id_(crash_id),
      ahead_(std::in_place, device, offset, length),
      work_(std::min(all_processors(), kMostDecoders),
            [] {
              return [decoder = std::make_shared<PayloadDecoder>()](Piece& piece) {
                if (piece.error) return;
                const auto content = decoder->decode(piece.section.header,
                                                     piece.stored.span().first(piece.stored_bytes),
                                                     piece.raw.span());
                if (content) {
                  piece.section.content = *content;
                } else {
                  piece.error = content.error();
                }
              };
            }),
      thread_([this] { read_pieces(); }) {}

StreamReader::~StreamReader() {
  work_.stop();
  thread_.join();
}

// Ends with a piece that is marked as the last one.
void StreamReader::read_pieces() {
  for (Place place;;) {
    Piece* const piece = work_.get_free();
    if (piece == nullptr) return;
    piece->error.reset();
    piece->section = {.disk_offset = offset_ + place.at};
    const Status status = read_piece(*piece, place);
    if (!status) piece->error = status.error();
    const bool end = static_cast<SectionKind>(piece->section.header.kind) == SectionKind::kEnd;
    const bool last = status ? end : !go_on_behind(status.error(), place);
    piece->last = last;
    work_.put_in(*piece);
    if (last) return;
  }
}

// `place` becomes the one behind the section; where its header is bad, behind that.
Status StreamReader::read_piece(Piece& piece, Place& place) {
  const Place here =
      std::exchange(place, {.at = place.at + kBlockBytes, .sequence = place.sequence + 1});
  const auto block = take(here.at, kBlockBytes);
  if (!block) return fail(block.error());
  std::memcpy(piece.block.data(), block->data(), kBlockBytes);
  const auto header = parse_section(piece.block, here.sequence, crash_id_);
  if (!header) return fail(header.error());

  const std::uint64_t at = place.at;
  const std::uint64_t padded = round_up_to_block(header->stored_bytes);
  if (padded > length_ - at) return corrupt_section("section goes beyond the dump's extent");
  place.at += padded;
  piece.section.header = *header;
  piece.section.runs = runs_of(piece.block, *header);
  piece.stored_bytes = header->stored_bytes;
  if (padded == 0) return {};
  const auto payload = take(at, padded);
  if (!payload) return fail(payload.error());
  std::memcpy(piece.stored.span().data(), payload->data(), padded);
  return {};
}

// Reading ahead ends for good at a bad spot: behind that it begins again.
Result<std::span<const std::byte>> StreamReader::take(std::uint64_t at, std::size_t bytes) {
  if (block_ && block_at_ == at && bytes == kBlockBytes) {
    return std::span<const std::byte>(*block_);
  }
  if (at != ahead_at_) ahead_.emplace(device_, offset_ + at, length_ - at);
  ahead_at_ = ~std::uint64_t{0};
  const auto taken = ahead_->take(bytes);
  if (taken) ahead_at_ = at + bytes;
  return taken;
}

// From `place` on, the next section that can be recognized. False: there is none.
bool StreamReader::go_on_behind(const Error& error, Place& place) {
  if (!is_damage(error)) return false;
  const std::uint64_t limit = std::min({claimed_, length_, place.at + kMostSkippedBytes});
  for (std::uint64_t at = place.at; at + kBlockBytes <= limit; at += kBlockBytes) {
    const auto block = take(at, kBlockBytes);
    if (!block) {
      if (++bad_spots_ > kMostBadSpots) return false;
      continue;
    }
    const auto view = block->first<kBlockBytes>();
    const auto header = recognize_section(view, crash_id_, place.sequence);
    if (!header) continue;
    if (!block_ || block->data() != block_->data()) {
      std::memcpy(block_.emplace().data(), view.data(), kBlockBytes);
    }
    block_at_ = at;
    place = {.at = at, .sequence = header->sequence};
    return true;
  }
  return false;
}

// stream := elf-head+ dmesg* pages* end?
Status StreamReader::check(const Piece& piece) {
  if (piece.error) return fail(*piece.error);
  const auto kind = static_cast<SectionKind>(piece.section.header.kind);
  if (end_.sections == 0 && end_.skipped == 0 && kind != SectionKind::kElfHead) {
    return corrupt_section("the stream does not begin with an elf-head");
  }
  if (kind < previous_) return corrupt_section("section kinds out of order");
  previous_ = kind;
  const SectionHeader& header = piece.section.header;
  end_.bytes =
      piece.section.disk_offset - offset_ + kBlockBytes + round_up_to_block(header.stored_bytes);
  ++end_.sections;
  if (kind != SectionKind::kEnd) return {};
  std::memcpy(&end_.totals, piece.section.content.data(), sizeof end_.totals);
  if (end_.totals.section_count != header.sequence + 1 || end_.totals.stream_bytes != end_.bytes) {
    return corrupt_section("the end section counts other sections than there are");
  }
  end_.whole = end_.skipped == 0;
  return {};
}

// Its content is bad, or it could not be read; not that good sections contradict each other.
bool StreamReader::may_skip(const Piece& piece) const {
  return piece.error && !piece.last && is_damage(*piece.error) &&
         piece.section.disk_offset - offset_ < claimed_;
}

const Section* StreamReader::next() {
  while (!ended_) {
    if (handed_out_) work_.release_first();
    const Piece& piece = *work_.first();
    handed_out_ = true;
    const Status status = check(piece);
    const bool end = static_cast<SectionKind>(piece.section.header.kind) == SectionKind::kEnd;
    if (status && !end) return &piece.section;
    if (!status && end_.skipped == 0) {
      end_.why = status.error();
      end_.why.disk = disk_;
      if (end_.why.offset == kNoOffset) end_.why.offset = piece.section.disk_offset;
    }
    if (!status && may_skip(piece)) {
      ++end_.skipped;
    } else {
      ended_ = true;
    }
  }
  return nullptr;
}

}  // namespace lastword
