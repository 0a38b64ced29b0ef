#include "agent/recover/stream_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "agent/recover/payload_decoder.h"

namespace lastword {
namespace {

// More than any disk can feed; two pieces of 2 MiB are under way for each.
constexpr unsigned kMostDecoders = 8;

}  // namespace

StreamReader::StreamReader(BlockDevice& device, std::uint64_t offset, std::uint64_t length,
                           const UuidBytes& crash_id)
    : disk_(device.name()),
      offset_(offset),
      length_(length),
      crash_id_(crash_id),
      ahead_(device, offset, length),
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

// Ends with a piece that has an error, or with the end section.
void StreamReader::read_pieces() {
  std::uint64_t at = 0;  // from the start of the extent
  for (std::uint64_t sequence = 0;; ++sequence) {
    Piece* const piece = work_.get_free();
    if (piece == nullptr) return;
    piece->error.reset();
    piece->section = {.disk_offset = offset_ + at};
    const Status status = read_piece(*piece, sequence, at);
    if (!status) piece->error = status.error();
    const SectionHeader header = piece->section.header;
    work_.put_in(*piece);
    if (!status || static_cast<SectionKind>(header.kind) == SectionKind::kEnd) return;
    at += kBlockBytes + round_up_to_block(header.stored_bytes);
  }
}

Status StreamReader::read_piece(Piece& piece, std::uint64_t sequence, std::uint64_t at) {
  const auto block = ahead_.take(kBlockBytes);
  if (!block) return fail(block.error());
  std::memcpy(piece.block.data(), block->data(), kBlockBytes);
  const auto header = parse_section(piece.block, sequence, crash_id_);
  if (!header) return fail(header.error());
  piece.section.header = *header;
  piece.section.runs = runs_of(piece.block, *header);

  piece.stored_bytes = header->stored_bytes;
  const std::uint64_t padded = round_up_to_block(header->stored_bytes);
  if (padded > length_ - at - kBlockBytes) {
    return corrupt_section("section goes beyond the dump's extent");
  }
  if (padded == 0) return {};
  const auto payload = ahead_.take(padded);
  if (!payload) return fail(payload.error());
  std::memcpy(piece.stored.span().data(), payload->data(), padded);
  return {};
}

// stream := elf-head+ dmesg* pages* end?
Status StreamReader::check(const Piece& piece) {
  if (piece.error) return fail(*piece.error);
  const auto kind = static_cast<SectionKind>(piece.section.header.kind);
  if (end_.sections == 0 && kind != SectionKind::kElfHead) {
    return corrupt_section("the stream does not begin with an elf-head");
  }
  if (kind < previous_) return corrupt_section("section kinds out of order");
  previous_ = kind;
  end_.bytes += kBlockBytes + round_up_to_block(piece.section.header.stored_bytes);
  ++end_.sections;
  if (kind != SectionKind::kEnd) return {};
  std::memcpy(&end_.totals, piece.section.content.data(), sizeof end_.totals);
  if (end_.totals.section_count != end_.sections || end_.totals.stream_bytes != end_.bytes) {
    return corrupt_section("the end section counts other sections than there are");
  }
  end_.whole = true;
  return {};
}

const Section* StreamReader::next() {
  if (ended_) return nullptr;
  if (handed_out_) work_.release_first();
  const Piece& piece = *work_.first();
  handed_out_ = true;
  const Status status = check(piece);
  if (status && !end_.whole) return &piece.section;

  ended_ = true;
  if (status) return nullptr;
  end_.why = status.error();
  end_.why.disk = disk_;
  if (end_.why.offset == kNoOffset) end_.why.offset = piece.section.disk_offset;
  return nullptr;
}

}  // namespace lastword
