// One error type for every layer. Heap-free, so that the dump writer can make, pass and print it
// after a crash. An Error says what was attempted, on which disk, at which offset, what came back
// and what to do; describe() makes the one line that a person reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace lastword {

// Text of bounded length without the heap; longer text is cut.
template <std::size_t N>
class FixedText {
 public:
  constexpr FixedText() = default;
  constexpr FixedText(std::string_view text) {  // NOLINT(google-explicit-constructor)
    size_ = text.size() < N ? text.size() : N;
    for (std::size_t i = 0; i < size_; ++i) chars_[i] = text[i];
  }
  constexpr FixedText(const char* text) : FixedText(std::string_view(text)) {}  // NOLINT
  FixedText(const std::string& text) : FixedText(std::string_view(text)) {}     // NOLINT
  [[nodiscard]] constexpr std::string_view view() const { return {chars_, size_}; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }

 private:
  char chars_[N]{};
  std::size_t size_ = 0;
};

enum class Code : std::uint8_t {
  kUsage,          // the command line or configuration is wrong; nothing was touched
  kIo,             // the system or the device failed
  kTimeout,        // no answer within the I/O time-out; the command may still be executed later
  kGone,           // the disk vanished
  kFenced,         // RESERVATION CONFLICT on a disk this node should own: never retried
  kConflict,       // RESERVATION CONFLICT as the device reports it; the caller's policy decides
                   // whether that is kFenced
  kUnitAttention,  // the target reported an event instead of executing the command: repeat it
  kUnsupported,    // the device or kernel cannot do it (ILLEGAL REQUEST, ENOSYS)
  kCorrupt,        // data that fails its checks
  kFutureVersion,  // written by a newer lastword; never overwritten by this one
  kNotFound,       // no such record, disk, partition or file
  kRefused,        // would destroy something or break a rule
  kNoSpace,        // the target is full
};
[[nodiscard]] std::string_view name_of(Code code);

// Exit statuses of every lastword program, documented in the man pages.
enum ExitStatus : int {
  kExitOk = 0,
  kExitNo = 1,       // the answer is no (check), or part of the work failed
  kExitUsage = 2,    // command line or configuration
  kExitIo = 3,       // system or device failure
  kExitRefused = 4,  // refused to protect something
  kExitFenced = 5,   // another node holds the disk
  kExitCorrupt = 6,  // invalid data
  kExitPartial = 7,  // done, but the dump is incomplete
};
// The status of a command that an Error ended:
//
//   kUsage                     kExitUsage
//   kRefused                   kExitRefused
//   kFenced, kConflict         kExitFenced
//   kCorrupt, kFutureVersion   kExitCorrupt
//   every other Code           kExitIo
//
// No Code gives kExitNo or kExitPartial: they are answers. Where kNotFound answers the question of
// a command ("is there a dump?"), that command returns kExitNo itself.
[[nodiscard]] ExitStatus exit_status(Code code);

struct Sense {
  std::uint8_t status = 0;  // SAM-5 status byte
  std::uint8_t key = 0;     // sense key
  std::uint8_t asc = 0;
  std::uint8_t ascq = 0;
};

inline constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

struct Error {
  Code code = Code::kIo;
  int sys_errno = 0;                 // 0: none
  Sense sense = {};                  // all zero: none
  FixedText<32> operation = {};      // "PREEMPT AND ABORT", "write", "read label"
  FixedText<96> disk = {};           // path or name; empty: not about a disk or file
  std::uint64_t offset = kNoOffset;  // bytes from the start of that disk or file
  FixedText<256> detail = {};        // what was found, and what to do
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected(error);
}

// "/dev/sdc: write at byte 1048576: time-out (Connection timed out): detail". Parts that an Error
// does not have are left out, and so is the name of a Code that says no more than errno and detail
// do: "/dev/sdc: open: Permission denied: detail". With sense data: "... I/O error (SCSI status
// 0x02, sense 3/11/00): detail".
[[nodiscard]] std::string describe(const Error& error);
// The same into a caller's buffer, without the heap. Returns the part that was written.
[[nodiscard]] std::string_view describe_to(const Error& error, char* buffer, std::size_t size);

}  // namespace lastword
