// Dump streams made by hand, to be damaged afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "proto/stream.h"
#include "proto/uuid.h"

namespace lastword::fake {

// A vmcore's head as /proc/vmcore has it: ELF header, program headers, notes in the next page.
struct Segment {
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t bytes = 0;
  std::uint64_t zero_filled = 0;  // behind them, in memory only
};
[[nodiscard]] std::vector<std::byte> vmcore_head(std::span<const Segment> segments,
                                                 std::span<const std::byte> notes);
// One well-formed note.
[[nodiscard]] std::vector<std::byte> note(std::string_view name, std::uint32_t type,
                                          std::string_view content);

// The content of a page frame in these tests: differs in every page and every word.
[[nodiscard]] std::vector<std::byte> page_content(std::uint64_t pfn);

class StreamBuilder {
 public:
  explicit StreamBuilder(const UuidBytes& crash_id) : crash_id_(crash_id) {}

  StreamBuilder& elf_head(std::span<const std::byte> head,
                          std::size_t section_bytes = kMaxPayloadBytes);
  StreamBuilder& dmesg(std::string_view text);
  // Tells of all of [first, end): the runs are stored with page_content(), the rest is zero.
  StreamBuilder& pages(std::uint64_t first, std::uint64_t end, std::span<const PageRun> runs);
  // Just these runs.
  StreamBuilder& runs(PagePass pass, std::span<const PageRun> runs, Codec codec = Codec::kNone);
  // Totals of what was added; the caller may correct them.
  [[nodiscard]] EndPayload totals() const;
  StreamBuilder& end() { return end(totals()); }
  StreamBuilder& end(const EndPayload& totals);

  // A section of any kind with a valid header and checksum. `change` may spoil the header before it
  // is sealed.
  StreamBuilder& section(SectionKind kind, std::span<const std::byte> payload,
                         void (*change)(SectionHeader&) = nullptr);

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
  // Where each section begins, and the end of the last one.
  [[nodiscard]] std::vector<std::size_t> boundaries() const;

 private:
  void append(SectionHeader header, std::span<const PageRun> runs,
              std::span<const std::byte> stored, void (*change)(SectionHeader&) = nullptr);

  UuidBytes crash_id_;
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> starts_;
  EndPayload totals_{};
};

// Gives a header block that a test has changed its right CRC again; unlike seal_section, without
// putting magic and version right.
void reseal(std::span<std::byte> stream, std::size_t section_start);

}  // namespace lastword::fake
