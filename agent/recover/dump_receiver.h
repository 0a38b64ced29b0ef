// From a dump stream to its content: puts the head together, hands pages to a CoreWriter, keeps
// the log, and accounts for every page of memory: stored, zero, excluded or missing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/corefile/core_writer.h"
#include "agent/corefile/elf_core.h"
#include "agent/corefile/pfn_set.h"
#include "agent/recover/stream_reader.h"
#include "proto/error.h"
#include "proto/page_class.h"

namespace lastword {

// What a reader that found not one section says of a dump that its header promises.
[[nodiscard]] Error no_dump_in_extent(Error found);

class DumpReceiver {
 public:
  // With `writer` null the stream is only checked. It outlives this. `substitute`: the head to go
  // on with where the disk lost a part of the stream's own.
  explicit DumpReceiver(CoreWriter* writer, std::optional<CoreHead> substitute = {})
      : writer_(writer), substitute_(std::move(substitute)) {}

  // Reads to the end. A stream that ends early, or that lacks parts, is a success, and end() says
  // why. Errors: the head is unusable, so that there is no core; the stream needs a newer lastword
  // (kFutureVersion, kUnsupported); the writer failed. `progress` gets the bytes read so far.
  [[nodiscard]] Status receive(StreamReader& reader,
                               const std::function<void(std::uint64_t)>& progress);

  // After a successful receive():
  [[nodiscard]] bool head_lost() const { return head_lost_; }  // the substitute stands in for it
  [[nodiscard]] const StreamEnd& end() const { return end_; }
  [[nodiscard]] const CoreHead& head() const { return *head_; }
  [[nodiscard]] const CoreLayout& layout() const { return *layout_; }
  [[nodiscard]] const std::string& dmesg() const { return dmesg_; }
  [[nodiscard]] const PageCounts& stored_pages() const { return stored_; }  // by class
  [[nodiscard]] const PageCounts& excluded_pages() const { return excluded_; }
  [[nodiscard]] std::uint64_t zero_pages() const { return zero_pages_; }
  // Of these, those that the head alone tells of: CoreHead::zero_filled.
  [[nodiscard]] std::uint64_t zero_filled_pages() const { return zero_filled_pages_; }
  [[nodiscard]] std::uint64_t stray_pages() const { return stray_pages_; }  // stored, in no PT_LOAD
  // Of the last pages section; empty: there was none.
  [[nodiscard]] std::optional<PagePass> last_pass() const { return last_pass_; }
  // Not reached before the stream ended, or unreadable for its writer. In order and disjoint.
  [[nodiscard]] std::vector<PfnRange> missing() const;

 private:
  [[nodiscard]] Status take(const Section& section);
  [[nodiscard]] Status take_head_end(const StreamReader& reader);
  [[nodiscard]] Status take_pages(const Section& section);
  [[nodiscard]] Status take_zero_filled();
  [[nodiscard]] Status take_run(const PageRun& run, PfnRange frames,
                                std::span<const std::byte> content);
  [[nodiscard]] Status stream_ended(const StreamReader& reader);

  CoreWriter* writer_;
  std::optional<CoreHead> substitute_;
  bool head_lost_ = false;
  std::vector<std::byte> head_bytes_;
  std::uint64_t head_sections_ = 0;
  std::optional<CoreHead> head_;
  std::optional<CoreLayout> layout_;
  std::string dmesg_;
  PfnSet told_;  // in some run
  std::vector<PfnRange> unreadable_;
  std::optional<PagePass> last_pass_;
  PageCounts stored_{};
  PageCounts excluded_{};
  std::uint64_t zero_pages_ = 0;
  std::uint64_t zero_filled_pages_ = 0;
  std::uint64_t stray_pages_ = 0;
  StreamEnd end_;
};

}  // namespace lastword
