// Writes to one disk, several at a time, and knows at any moment which prefix of the stream is
// complete and which is durable. A disk that fails once is not written to again before settle();
// one that hangs or is fenced never is.
// Runs in the capture kernel: no heap after the first byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/clock.h"
#include "dumpwriter/section_builder.h"
#include "proto/error.h"
#include "storage/write_engine.h"

namespace lastword {

// Where the stream stands after one of its sections.
struct StreamMark {
  std::uint64_t stream_bytes = 0;
  std::uint64_t sections = 0;
  std::uint64_t scanned_pages = 0;
  std::uint64_t stored_pages = 0;
  std::uint64_t zero_pages = 0;
  std::uint64_t unreadable_pages = 0;
};

inline constexpr unsigned kDataBuffers = 4;
inline constexpr unsigned kHeaderBuffer = kDataBuffers;
// What an engine for a DiskWriter is made with: data buffers, then the one for record blocks.
inline constexpr std::array<std::size_t, kDataBuffers + 1> kEngineBuffers{
    kSectionBufferBytes, kSectionBufferBytes, kSectionBufferBytes, kSectionBufferBytes,
    kBlockBytes};

class DiskWriter {
 public:
  // `engine` was made with kEngineBuffers; it and `clock` must outlive this. A command without an
  // answer for `io_timeout` means that the disk hangs.
  DiskWriter(WriteEngine& engine, const Clock& clock, milliseconds io_timeout)
      : engine_(engine), clock_(clock), io_timeout_(io_timeout) {}

  // Every Status below is, once something failed: kFenced (another node holds the disk), kTimeout
  // (it hangs; what is in flight may still land), or what else the disk said. Nothing is submitted
  // any more then.

  // A data buffer that is not in flight, waiting for one at most `wait`; empty: none came free.
  [[nodiscard]] Result<std::optional<unsigned>> free_buffer(milliseconds wait);
  [[nodiscard]] std::span<std::byte> buffer(unsigned index) { return engine_.buffer(index); }
  // The next section of the stream, `after` is where it ends. Sections are submitted in order.
  [[nodiscard]] Status submit(unsigned buffer, std::uint64_t disk_offset, std::size_t length,
                              const StreamMark& after);
  // Makes durable what is complete now.
  [[nodiscard]] Status submit_flush();
  [[nodiscard]] bool flushing() const { return flush_.has_value(); }
  // The block in kHeaderBuffer, which must not be touched while writing_header().
  [[nodiscard]] Status submit_header(std::uint64_t disk_offset);
  [[nodiscard]] bool writing_header() const {
    return slots_[kHeaderBuffer].state == SlotState::kInFlight;
  }
  // The last record block did not arrive, as far as the disk says.
  [[nodiscard]] bool header_failed() const {
    return slots_[kHeaderBuffer].state == SlotState::kFailed;
  }

  // Takes in what has completed, without waiting.
  [[nodiscard]] Status poll();
  // Waits for everything in flight.
  [[nodiscard]] Status drain();
  // Waits for everything in flight and forgets a failure of the disk, so that a last record can be
  // tried. A disk that hangs or is fenced stays so.
  [[nodiscard]] Status settle();

  [[nodiscard]] const StreamMark& durable() const { return durable_; }

 private:
  enum class SlotState : std::uint8_t { kFree, kInFlight, kFailed };
  struct Slot {
    SlotState state = SlotState::kFree;
    milliseconds since{0};
    StreamMark before;
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
  const Clock& clock_;
  milliseconds io_timeout_;
  std::array<Slot, kDataBuffers + 1> slots_{};
  std::optional<Flush> flush_;
  StreamMark submitted_;
  StreamMark durable_;
  std::optional<Error> failure_;
};

}  // namespace lastword
