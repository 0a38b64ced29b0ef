// Writes to one disk, several at a time, and knows at any moment which prefix of the stream is
// complete and which is durable. A disk that fails once is not written to again before settle();
// one that hangs or is fenced never is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/base/clock.h"
#include "dumpwriter/stream/section_builder.h"
#include "proto/error.h"
#include "proto/page_class.h"
#include "storage/engine/write_engine.h"

namespace lastword {

// Where the stream stands after one of its sections.
struct StreamMark {
  std::uint64_t stream_bytes = 0;
  std::uint64_t sections = 0;
  std::uint64_t scanned_pages = 0;
  std::uint64_t stored_pages = 0;
  std::uint64_t zero_pages = 0;
  std::uint64_t unreadable_pages = 0;
  PageCounts excluded_pages{};
  std::uint64_t unclassified_pages = 0;

  [[nodiscard]] std::uint64_t handled_pages() const {
    return stored_pages + zero_pages + unreadable_pages;
  }
};

// What an engine for a DiskWriter is made with: data buffers, then the one for record blocks.
inline constexpr unsigned kMaxDataBuffers = 11;
class EngineBuffers {
 public:
  constexpr explicit EngineBuffers(unsigned data_buffers) : count_(data_buffers + 1) {
    sizes_.fill(kSectionBufferBytes);
    sizes_[data_buffers] = kBlockBytes;
  }
  constexpr operator std::span<const std::size_t>() const {  // NOLINT
    return std::span(sizes_).first(count_);
  }

 private:
  std::array<std::size_t, kMaxDataBuffers + 1> sizes_{};
  unsigned count_;
};

class DiskWriter {
 public:
  // `engine` was made with EngineBuffers; it and `clock` must outlive this. A command without an
  // answer for `io_timeout` means that the disk hangs.
  DiskWriter(WriteEngine& engine, const Clock& clock, milliseconds io_timeout)
      : engine_(engine),
        header_buffer_(engine.buffer_count() - 1),
        clock_(clock),
        io_timeout_(io_timeout) {}

  // Every Status below is, once something failed: kFenced (another node holds the disk), kTimeout
  // (it hangs; what is in flight may still land), or what else the disk said. Nothing is submitted
  // any more then.

  // A data buffer that nobody uses, waiting for one at most `wait`; empty: none came free. It is
  // the caller's until it is submitted or given back.
  [[nodiscard]] Result<std::optional<unsigned>> free_buffer(milliseconds wait);
  void give_back(unsigned buffer) { slots_[buffer].state = SlotState::kFree; }
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) { return engine_.buffer(index); }
  // The next section of the stream, `after` is where it ends. Sections are submitted in order.
  [[nodiscard]] Status submit(unsigned buffer, std::uint64_t disk_offset, std::size_t length,
                              const StreamMark& after);
  // Makes durable what is complete now.
  [[nodiscard]] Status submit_flush();
  [[nodiscard]] bool flushing() const { return flush_.has_value(); }
  // Must not be touched while writing_header().
  [[nodiscard]] std::span<std::byte, kBlockBytes> header_block() {
    return engine_.buffer(header_buffer_).first<kBlockBytes>();
  }
  [[nodiscard]] Status submit_header(std::uint64_t disk_offset);
  [[nodiscard]] bool writing_header() const {
    return slots_[header_buffer_].state == SlotState::kInFlight;
  }
  // The last record block did not arrive, as far as the disk says.
  [[nodiscard]] bool header_failed() const {
    return slots_[header_buffer_].state == SlotState::kFailed;
  }

  // Takes in what has completed, without waiting.
  [[nodiscard]] Status poll();
  // Waits for everything in flight.
  [[nodiscard]] Status drain();
  // Waits for everything in flight and forgets a failure of the disk, so that a last record can be
  // tried. A disk that hangs or is fenced stays so.
  [[nodiscard]] Status settle();

  [[nodiscard]] const StreamMark& durable() const { return durable_; }
  // Page frames that are not excluded, in all sections that have arrived, in any order.
  [[nodiscard]] std::uint64_t arrived_pages() const;
  // How long the disk will take, as fast as it has been, to write so many sections, flush them and
  // write a last header durably; zero before it was seen to work.
  [[nodiscard]] milliseconds time_to_end(unsigned sections) const;
  [[nodiscard]] unsigned in_flight() const { return engine_.in_flight(); }
  [[nodiscard]] std::string_view engine_name() const { return engine_.name(); }

 private:
  enum class SlotState : std::uint8_t { kFree, kHeld, kInFlight, kFailed };
  struct Slot {
    SlotState state = SlotState::kFree;
    milliseconds since{0};
    StreamMark before;
    std::uint64_t pages = 0;  // that are not excluded
  };
  struct Flush {
    milliseconds since{0};
    StreamMark covers;
  };

  [[nodiscard]] Status check_usable() const;
  [[nodiscard]] Status wait_one(milliseconds wait, bool& came);
  [[nodiscard]] Status give_up(Error error);
  [[nodiscard]] bool hangs() const;
  [[nodiscard]] StreamMark complete_prefix() const;

  WriteEngine& engine_;
  const unsigned header_buffer_;
  const Clock& clock_;
  milliseconds io_timeout_;
  std::array<Slot, kMaxDataBuffers + 1> slots_{};
  std::optional<Flush> flush_;
  StreamMark submitted_;
  StreamMark durable_;
  milliseconds last_completion_{0};
  double per_write_ms_ = 0;  // from one completion to the next while there was more to do
  milliseconds per_flush_{0};
  std::optional<Error> failure_;
};

}  // namespace lastword
