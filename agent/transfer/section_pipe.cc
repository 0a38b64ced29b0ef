#include "agent/transfer/section_pipe.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/transfer/stream_head.h"
#include "proto/crc32c.h"

namespace lastword {
namespace {

using std::chrono::nanoseconds;

nanoseconds time_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

int max_zstd_level(const CodecSetting& codec) {
  if (codec.automatic) return CodecChooser::kLadder.back().level;
  return codec.fixed.level;
}

}  // namespace

PipeOutput output_to(int fd) {
  return [fd](std::span<const std::byte> data) -> Status {
    while (!data.empty()) {
      const ssize_t written = ::write(fd, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return fail(
            {.code = Code::kIo,
             .sys_errno = errno,
             .operation = "write clone stream",
             .detail = errno == EPIPE ? "the receiver has ended; its message says why" : ""});
      }
      data = data.subspan(static_cast<std::size_t>(written));
    }
    return {};
  };
}

PipeInput input_from(int fd) {
  return [fd](std::span<std::byte> buffer) -> Result<std::size_t> {
    for (;;) {
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno == EINTR) continue;
      return fail({.code = Code::kIo, .sys_errno = errno, .operation = "read clone stream"});
    }
  };
}

SectionWriter::SectionWriter(PipeOutput output, const UuidBytes& id, const CodecSetting& codec)
    : output_(std::move(output)),
      id_(id),
      chooser_(codec, 1),
      compressor_(max_zstd_level(codec)),
      block_(kBlockBytes),
      buffer_(kBlockBytes + kMaxPayloadBytes) {}

std::size_t SectionWriter::fill_payload(CloneSection kind, std::span<const std::byte> raw,
                                        Codec& codec) {
  const auto room = buffer_.span().subspan(kBlockBytes);
  if (kind == CloneSection::kContent) {
    const CodecLevel level = chooser_.current();
    const nanoseconds start = time_now();
    const std::size_t stored = compressor_.compress(level, raw, room);
    chooser_.compressed(level, raw.size(), stored != 0 ? stored : raw.size(), time_now() - start);
    codec = stored != 0 ? level.codec : Codec::kNone;
    if (stored != 0) return stored;
  }
  std::ranges::copy(raw, room.begin());
  return raw.size();
}

Status SectionWriter::write(CloneSection kind, std::span<const std::byte> raw,
                            std::uint32_t run_count) {
  auto codec = Codec::kNone;
  const std::size_t stored = fill_payload(kind, raw, codec);
  const auto payload = buffer_.span().subspan(kBlockBytes);
  SectionHeader header{};
  header.kind = static_cast<std::uint16_t>(kind);
  header.codec = static_cast<std::uint16_t>(codec);
  header.sequence = sections_;
  header.crash_id = id_;
  header.raw_bytes = raw.size();
  header.stored_bytes = stored;
  header.run_count = run_count;
  header.payload_crc32c = crc32c(payload.first(stored));
  const auto block = block_.block(0);
  std::memcpy(block.data(), &header, sizeof header);
  seal_section(block, kCloneFormat);
  // Right before the payload.
  const auto section =
      buffer_.span().subspan(kBlockBytes - kCloneHeaderBytes, kCloneHeaderBytes + stored);
  std::ranges::copy(block.first(kCloneHeaderBytes), section.begin());
  const nanoseconds start = time_now();
  if (Status status = output_(section); !status) return status;
  const nanoseconds end = time_now();
  chooser_.waited(end - start);
  if (kind == CloneSection::kContent) chooser_.chunk_done(end);
  ++sections_;
  bytes_ += section.size();
  return {};
}

SectionReader::SectionReader(PipeInput input)
    : input_(std::move(input)),
      block_(kBlockBytes),
      stored_(kMaxPayloadBytes),
      raw_(kMaxPayloadBytes) {}

Status SectionReader::fill(std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const auto count = input_(buffer);
    broke_off_ = !count || *count == 0;
    if (!count) return fail(count.error());
    if (*count == 0)
      return corrupt_stream("it ends early: the sender, or the link to it, broke off");
    buffer = buffer.subspan(*count);
    bytes_ += *count;
  }
  return {};
}

Result<SectionReader::Section> SectionReader::next() {
  const auto block = block_.block(0);
  // The rest of it stays zero.
  if (Status status = fill(block.first(kCloneHeaderBytes)); !status) return fail(status.error());
  if (!id_) {
    SectionHeader first;
    std::memcpy(&first, block.data(), sizeof first);
    id_ = first.crash_id;
  }
  const auto header = parse_clone_section(block, sections_, *id_);
  if (!header) return fail(header.error());
  const auto stored = stored_.span().first(header->stored_bytes);
  if (Status status = fill(stored); !status) return fail(status.error());
  const auto payload = decoder_.decode(*header, stored, raw_.span());
  if (!payload) return fail(payload.error());
  ++sections_;
  return Section{
      .header = *header, .kind = static_cast<CloneSection>(header->kind), .payload = *payload};
}

Status SectionReader::expect_end() {
  std::byte one{};
  const auto count = input_({&one, 1});
  if (!count) return fail(count.error());
  return *count == 0 ? Status{} : corrupt_stream("something follows its end");
}

}  // namespace lastword
