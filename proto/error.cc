#include "proto/error.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>

namespace lastword {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::kUsage:
      return "usage";
    case Code::kIo:
      return "I/O error";
    case Code::kTimeout:
      return "time-out";
    case Code::kGone:
      return "disk gone";
    case Code::kFenced:
      return "fenced";
    case Code::kConflict:
      return "reservation conflict";
    case Code::kUnitAttention:
      return "unit attention";
    case Code::kUnsupported:
      return "not supported";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kFutureVersion:
      return "newer version";
    case Code::kNotFound:
      return "not found";
    case Code::kRefused:
      return "refused";
    case Code::kNoSpace:
      return "no space";
  }
  return "unknown";
}

ExitStatus exit_status(Code code) {
  switch (code) {
    case Code::kUsage:
      return kExitUsage;
    case Code::kFenced:
    case Code::kConflict:
      return kExitFenced;
    case Code::kCorrupt:
    case Code::kFutureVersion:
      return kExitCorrupt;
    case Code::kRefused:
      return kExitRefused;
    default:
      return kExitIo;
  }
}

namespace {

// Bounded output iterator state: fmt's format_to_n restarted at the end of what is there.
class Line {
 public:
  Line(char* buffer, std::size_t size) : buffer_(buffer), size_(size) {}
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    const auto result =
        fmt::format_to_n(buffer_ + used_, size_ - used_, format, std::forward<Args>(args)...);
    used_ += std::min(result.size, size_ - used_);
  }
  [[nodiscard]] std::string_view view() const { return {buffer_, used_}; }

 private:
  char* buffer_;
  std::size_t size_;
  std::size_t used_ = 0;
};

// Does the class tell a person something that errno and detail do not?
bool class_tells(const Error& error, bool has_sense) {
  switch (error.code) {
    case Code::kUsage:
    case Code::kNotFound:
    case Code::kRefused:
      return error.sys_errno == 0 && error.detail.empty();
    case Code::kIo:
      return error.sys_errno == 0 && (has_sense || error.detail.empty());
    default:
      return true;
  }
}

}  // namespace

std::string_view describe_to(const Error& error, char* buffer, std::size_t size) {
  Line line(buffer, size);
  if (!error.disk.empty()) line.add("{}: ", error.disk.view());
  if (!error.operation.empty()) {
    line.add("{}", error.operation.view());
    if (error.offset != kNoOffset) line.add(" at byte {}", error.offset);
    line.add(": ");
  }
  const bool has_sense = error.sense.status != 0 || error.sense.key != 0;
  const bool with_class = class_tells(error, has_sense);
  if (with_class) line.add("{}", name_of(error.code));
  if (error.sys_errno != 0) {
    const char* text = strerrordesc_np(error.sys_errno);  // null for numbers that are no errno
    if (text == nullptr) text = "unknown errno";
    if (with_class) {
      line.add(" ({})", text);
    } else {
      line.add("{}", text);
    }
  }
  if (has_sense) {
    line.add(" (SCSI status 0x{:02x}, sense {:x}/{:02x}/{:02x})", error.sense.status,
             error.sense.key, error.sense.asc, error.sense.ascq);
  }
  if (error.detail.empty()) return line.view();
  if (with_class || error.sys_errno != 0 || has_sense) line.add(": ");
  line.add("{}", error.detail.view());
  return line.view();
}

std::string describe(const Error& error) {
  char buffer[768];
  return std::string(describe_to(error, buffer, sizeof buffer));
}

}  // namespace lastword
