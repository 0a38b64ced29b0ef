#include "agent/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "storage/file_descriptor.h"

namespace lastword {
namespace {

Error system_error(std::string_view operation, const std::string& path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return {.code = full ? Code::kNoSpace : Code::kIo,
          .sys_errno = number,
          .operation = operation,
          .disk = path};
}

class RealFile : public OutputFile {
 public:
  RealFile(FileDescriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status write(std::uint64_t offset, std::span<const std::byte> data) override {
    while (!data.empty()) {
      const ssize_t written =
          ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        Error error = system_error("write", path_, written < 0 ? errno : EIO);
        error.offset = offset;
        return fail(error);
      }
      data = data.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  Status set_size(std::uint64_t bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0) return {};
    Error error = system_error("set size of file", path_, errno);
    error.offset = bytes;
    if (error.sys_errno == EFBIG) error.detail = "too large for this file system; choose another";
    return fail(error);
  }

  Status sync() override {
    if (::fsync(fd_.get()) == 0) return {};
    return fail(system_error("fsync", path_, errno));
  }

 private:
  FileDescriptor fd_;
  std::string path_;
};

class RealClaim : public ClaimedDirectory {
 public:
  explicit RealClaim(FileDescriptor fd) : fd_(std::move(fd)) {}

 private:
  FileDescriptor fd_;  // the flock(2) goes with it, also when the process is killed
};

class RealFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<ClaimedDirectory>> claim_directory(const std::string& path) override {
    // Whoever held it before may have renamed it between our open and our lock: look again.
    for (;;) {
      if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(system_error("make directory", path, errno));
      }
      FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (fd.get() < 0) {
        if (errno == ENOENT) continue;
        return fail(system_error("open directory", path, errno));
      }
      if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail(system_error("lock directory", path, errno));
        return fail({.code = Code::kRefused,
                     .operation = "lock directory",
                     .disk = path,
                     .detail = "another recovery of this dump is running; wait for it"});
      }
      struct stat held {};
      struct stat named {};
      if (::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
          held.st_dev == named.st_dev && held.st_ino == named.st_ino) {
        return std::make_unique<RealClaim>(std::move(fd));
      }
    }
  }

  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override {
    FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.get() < 0) return fail(system_error("create", path, errno));
    return std::make_unique<RealFile>(std::move(fd), path);
  }

  Status sync_directory(const std::string& path) override {
    const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return fail(system_error("open directory", path, errno));
    if (::fsync(fd.get()) != 0) return fail(system_error("fsync", path, errno));
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return fail(system_error("rename", to, errno));
  }

  Status empty_directory(const std::string& path) override {
    std::error_code code;
    std::filesystem::directory_iterator entry(path, code);
    for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
      std::filesystem::remove_all(entry->path(), code);
      if (code) break;
    }
    if (code) return fail(system_error("empty directory", path, code.value()));
    return {};
  }

  Status remove_tree(const std::string& path) override {
    std::error_code code;
    std::filesystem::remove_all(path, code);
    if (code) return fail(system_error("remove", path, code.value()));
    return {};
  }

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return fail(system_error("statvfs", path, errno));
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }
};

}  // namespace

FileSystem& real_file_system() {
  static RealFileSystem instance;
  return instance;
}

}  // namespace lastword
