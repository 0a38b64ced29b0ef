#include "agent/transfer/thin_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string_view>

#include "agent/base/text_file.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// One name for each pool: the two names are put together as those of devices are.
Result<FileDescriptor> open_lock(LvmCommands& commands, const ThinPlace& place,
                                 std::string_view end) {
  const std::string directory = commands.lock_directory();
  if (Status status = make_directory(directory); !status) return fail(status.error());
  const std::string device = device_of(place, place.pool);
  const std::string path =
      directory + "/clone-" + device.substr(device.rfind('/') + 1) + std::string(end);
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.valid()) return file;
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "open lock", .disk = path});
}

// 0, or an errno; EWOULDBLOCK: somebody has it.
int try_lock(const FileDescriptor& file) {
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

tl::unexpected<Error> locked(const ThinPlace& place, int number, std::string_view detail) {
  return fail({.code = number == EWOULDBLOCK ? Code::kRefused : Code::kIo,
               .sys_errno = number,
               .operation = "lock",
               .disk = to_string(place),
               .detail = number == EWOULDBLOCK ? detail : std::string_view()});
}

}  // namespace

Result<FileDescriptor> lock_thin_pool(LvmCommands& commands, const ThinPlace& place) {
  auto file = open_lock(commands, place, ".lock");
  if (!file) return file;
  const int number = try_lock(*file);
  if (number == 0) return file;
  return locked(place, number,
                "another lastword clone takes or receives a snapshot here; wait for it");
}

Result<FileDescriptor> lock_metadata_snapshot(LvmCommands& commands, const ThinPlace& place) {
  auto file = open_lock(commands, place, ".metadata.lock");
  if (!file) return file;
  int number = try_lock(*file);
  for (std::chrono::milliseconds waited{0}; number == EWOULDBLOCK && waited < kLongestMetadataWait;
       waited += kMetadataWaitStep) {
    commands.pause(kMetadataWaitStep);
    number = try_lock(*file);
  }
  if (number == 0) return file;
  return locked(
      place, number,
      format_text("another lastword clone has had its metadata snapshot for {} minutes; "
                  "see what thin_dump does, and try again",
                  std::chrono::duration_cast<std::chrono::minutes>(kLongestMetadataWait).count())
          .view());
}

}  // namespace lastword
