// From a dump stream to its content: puts the head together, hands pages to a CoreWriter, keeps
// the log, and accounts for every page of memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/core_writer.h"
#include "agent/elf_core.h"
#include "agent/payload_decoder.h"
#include "agent/pfn_set.h"
#include "agent/stream_reader.h"
#include "proto/error.h"

namespace lastword {

class DumpReceiver {
 public:
  // With `writer` null the stream is only checked. It outlives this.
  explicit DumpReceiver(CoreWriter* writer) : writer_(writer) {}

  // Reads to the end. A stream that ends early is a success, and end() says why. Errors: the head
  // is unusable, so that there is no core; the stream needs a newer lastword (kFutureVersion,
  // kUnsupported); the writer failed. `progress` gets the bytes read so far.
  [[nodiscard]] Status receive(StreamReader& reader,
                               const std::function<void(std::uint64_t)>& progress);

  // After a successful receive():
  [[nodiscard]] const StreamEnd& end() const { return end_; }
  [[nodiscard]] const CoreLayout& layout() const { return *layout_; }
  [[nodiscard]] const std::string& dmesg() const { return dmesg_; }
  [[nodiscard]] std::uint64_t stored_pages() const { return stored_pages_; }
  [[nodiscard]] std::uint64_t stray_pages() const { return stray_pages_; }  // in no PT_LOAD
  [[nodiscard]] std::vector<PfnRange> missing() const;

 private:
  [[nodiscard]] Status take(const Section& section);
  [[nodiscard]] Status take_head_end();
  [[nodiscard]] Status take_pages(const Section& section, std::span<const std::byte> content);
  [[nodiscard]] Status stream_ended(const StreamReader& reader);

  CoreWriter* writer_;
  PayloadDecoder decoder_;
  std::vector<std::byte> head_bytes_;
  std::optional<CoreHead> head_;
  std::optional<CoreLayout> layout_;
  std::string dmesg_;
  PfnSet covered_;
  std::uint64_t stored_pages_ = 0;
  std::uint64_t stray_pages_ = 0;
  StreamEnd end_;
};

}  // namespace lastword
