#include "storage/block/io_error.h"

#include <fmt/format.h>

#include <cerrno>

#include "proto/layout.h"

namespace lastword {
namespace {

// Of a disk that takes less than it has room for by its size.
constexpr std::string_view kNoRoom =
    "no room left where its blocks come from (a thin pool, a file system)";

std::string_view advice(Code code) {
  switch (code) {
    case Code::kConflict:
      return "another node holds this disk's reservation";
    case Code::kGone:
      return "the disk vanished; check cable, target and `lsscsi`";
    case Code::kTimeout:
      return "no answer from the disk; the command may still be executed later";
    case Code::kNoSpace:
      return kNoRoom;
    default:
      return {};
  }
}

template <class... Args>
FixedText<256> format_detail(fmt::format_string<Args...> format, Args&&... args) {
  char text[256];
  const auto end = fmt::format_to_n(text, sizeof text, format, std::forward<Args>(args)...).out;
  return std::string_view(text, static_cast<std::size_t>(end - text));
}

}  // namespace

Code code_of_errno(int number) {
  switch (number) {
    case EBADE:
      return Code::kConflict;
    case ENODEV:
    case ENXIO:
    case ENOENT:
      return Code::kGone;
    case ETIME:
    case ETIMEDOUT:
      return Code::kTimeout;
    case ENOSPC:
      return Code::kNoSpace;
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY:
      return Code::kUnsupported;
    default:
      return Code::kIo;
  }
}

bool is_bad_spot(const Error& error) {
  return error.code == Code::kIo && error.sys_errno == ENODATA;
}

Error io_error(std::string_view operation, std::string_view disk, std::uint64_t offset,
               int number) {
  const Code code = code_of_errno(number);
  return {.code = code,
          .sys_errno = number,
          .operation = operation,
          .disk = disk,
          .offset = offset,
          .detail = advice(code)};
}

Error short_transfer(std::string_view operation, std::string_view disk, std::uint64_t offset,
                     std::size_t wanted, std::size_t got) {
  const bool read = operation == "read";
  return {.code = Code::kIo,
          .operation = operation,
          .disk = disk,
          .offset = offset,
          .detail = format_detail("only {} of {} bytes: {}{}", got, wanted,
                                  read ? "the disk, or the image of it, ends here" : kNoRoom,
                                  read ? "" : ", or the disk shrank")};
}

Status check_aligned(std::string_view operation, std::string_view disk, std::uint64_t offset,
                     std::size_t length, const void* address) {
  if (offset % kBlockBytes == 0 && length % kBlockBytes == 0 &&
      reinterpret_cast<std::uintptr_t>(address) % kBlockBytes == 0) {
    return {};
  }
  return fail(
      {.code = Code::kRefused,
       .operation = operation,
       .disk = disk,
       .offset = offset,
       .detail = format_detail("{} bytes at {}: not aligned to {}", length, address, kBlockBytes)});
}

}  // namespace lastword
