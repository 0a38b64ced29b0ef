#include "agent/base/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

tl::unexpected<Error> failed(const char* operation, const std::string& path, int error) {
  const Code code = error == ENOENT                      ? Code::kNotFound
                    : error == ENOSPC || error == EDQUOT ? Code::kNoSpace
                                                         : Code::kIo;
  return fail({.code = code, .sys_errno = error, .operation = operation, .disk = path});
}

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// RENAME_NOREPLACE as `flags`: not over another file.
Status write_file(const std::string& path, std::string_view content, unsigned mode,
                  unsigned flags) {
  const std::string temporary = path + ".new";
  {
    const FileDescriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.get() < 0) return failed("create", temporary, errno);
    if (Status status = write_all(file.get(), content, temporary); !status) return status;
    if (::fsync(file.get()) != 0) return failed("fsync", temporary, errno);
  }
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), flags) != 0) {
    return failed("rename", path, errno);
  }
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const FileDescriptor directory(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return failed("fsync", parent, errno);
  return {};
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed("open", path, errno);
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path, errno);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
  }
}

Status replace_file(const std::string& path, std::string_view content, unsigned mode) {
  return write_file(path, content, mode, 0);
}

Status create_file(const std::string& path, std::string_view content, unsigned mode) {
  Status status = write_file(path, content, mode, RENAME_NOREPLACE);
  if (status) return status;
  ::unlink((path + ".new").c_str());
  if (status.error().sys_errno != EEXIST) return status;
  return fail({.code = Code::kRefused,
               .operation = "create",
               .disk = path,
               .detail = "there is such a file; nothing was changed"});
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(
      {.code = Code::kIo, .sys_errno = errno, .operation = "create directory", .disk = path});
}

Status remove_file(const std::string& path) {
  if (std::remove(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "remove", .disk = path});
}

}  // namespace lastword
