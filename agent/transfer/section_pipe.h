// Sections of a clone stream to a pipe and from one. Memory is bounded: one section, raw and
// stored.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "proto/clone_stream.h"
#include "proto/uuid.h"
#include "storage/block/aligned_buffer.h"
#include "storage/codec/chunk_compressor.h"
#include "storage/codec/codec_chooser.h"
#include "storage/codec/payload_decoder.h"

namespace lastword {

// All of it, or an error.
using PipeOutput = std::function<Status(std::span<const std::byte>)>;
// How many bytes were read into the span, which is not empty; 0: the end.
using PipeInput = std::function<Result<std::size_t>(std::span<std::byte>)>;

// Of open files. kIo. Both outlive the result's use only by number: nothing is closed.
[[nodiscard]] PipeOutput output_to(int fd);
[[nodiscard]] PipeInput input_from(int fd);

class SectionWriter {
 public:
  SectionWriter(PipeOutput output, const UuidBytes& id, const CodecSetting& codec);

  // `raw` is at most what the kind may have. Content is compressed where that saves a block; the
  // others are stored as they are. An error is the output's.
  [[nodiscard]] Status write(CloneSection kind, std::span<const std::byte> raw,
                             std::uint32_t run_count = 0);
  // So far.
  [[nodiscard]] std::uint64_t sections() const { return sections_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  // Length in the buffer's payload; sets `codec`.
  std::size_t fill_payload(CloneSection kind, std::span<const std::byte> raw, Codec& codec);

  PipeOutput output_;
  UuidBytes id_;
  CodecChooser chooser_;
  ChunkCompressor compressor_;
  AlignedBuffer block_;   // a header; zero behind it
  AlignedBuffer buffer_;  // payloads begin at its second block
  std::uint64_t sections_ = 0;
  std::uint64_t bytes_ = 0;
};

class SectionReader {
 public:
  explicit SectionReader(PipeInput input);

  struct Section {
    SectionHeader header;
    CloneSection kind;
    std::span<const std::byte> payload;  // decoded; until the next call
  };
  // Header, checksums and lengths are checked, and that padding is zero. kCorrupt: the stream ends
  // early, or this is not its next section. kFutureVersion, kUnsupported: it is of another version.
  [[nodiscard]] Result<Section> next();
  // kCorrupt: something follows.
  [[nodiscard]] Status expect_end();
  // The last error was that the stream ended early, or could not be read, not that it was wrong.
  [[nodiscard]] bool broke_off() const { return broke_off_; }
  // Of the first section; only after it was read.
  [[nodiscard]] const UuidBytes& id() const { return *id_; }
  [[nodiscard]] std::uint64_t sections() const { return sections_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] Status fill(std::span<std::byte> buffer);

  PipeInput input_;
  PayloadDecoder decoder_;
  AlignedBuffer block_;
  AlignedBuffer stored_;
  AlignedBuffer raw_;
  std::optional<UuidBytes> id_;
  std::uint64_t sections_ = 0;
  std::uint64_t bytes_ = 0;
  bool broke_off_ = false;
};

}  // namespace lastword
