#include "agent/base/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "storage/block/file_descriptor.h"
#include "storage/block/io_error.h"

namespace lastword {
namespace {

Error system_error(std::string_view operation, const std::string& path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return {.code = full ? Code::kNoSpace : Code::kIo,
          .sys_errno = number,
          .operation = operation,
          .disk = path};
}

// 0, or an errno.
int write_all(int fd, std::uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    data = data.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

// A core may be larger than the memory of this machine, which has other work: long pieces go past
// the page cache, and the rest is written back while more comes in. sync() then finds little to do.
class RealFile : public OutputFile {
 public:
  // `direct`: the same file O_DIRECT; invalid where the file system has none.
  RealFile(FileDescriptor fd, FileDescriptor direct, std::string path)
      : fd_(std::move(fd)), direct_(std::move(direct)), path_(std::move(path)) {}

  Status write(std::uint64_t offset, std::span<const std::byte> data) override {
    int number = EINVAL;
    if (data.size() >= kDirectBytes && direct_.valid() &&
        check_aligned("write", path_, offset, data.size(), data.data())) {
      number = write_all(direct_.get(), offset, data);
    }
    // EINVAL from the file system: its blocks are larger (open(2), O_DIRECT).
    if (number == EINVAL) number = write_through_cache(offset, data);
    if (number == 0) return {};
    Error error = system_error("write", path_, number);
    error.offset = offset;
    return fail(error);
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
  static constexpr std::size_t kDirectBytes = 128 << 10;
  static constexpr std::uint64_t kWriteBackBytes = 8 << 20;

  int write_through_cache(std::uint64_t offset, std::span<const std::byte> data) {
    if (const int number = write_all(fd_.get(), offset, data); number != 0) return number;
    dirty_bytes_ += data.size();
    if (dirty_bytes_ >= kWriteBackBytes) {
      // Without a WAIT flag this consumes no write error (fs/sync.c): sync() still reports them.
      (void)::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
      dirty_bytes_ = 0;
    }
    return 0;
  }

  FileDescriptor fd_;
  FileDescriptor direct_;
  std::string path_;
  std::uint64_t dirty_bytes_ = 0;  // written since the last write-back began
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
    // The process that held it before may have renamed it between our open and our lock: then the
    // name leads elsewhere by now, and all is done again.
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
    FileDescriptor direct(::open(path.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC));
    return std::make_unique<RealFile>(std::move(fd), std::move(direct), path);
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
