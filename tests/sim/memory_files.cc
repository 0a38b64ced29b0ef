#include "tests/sim/memory_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/sim/digest.h"
#include "tests/sim/scheduler.h"

namespace lastword::sim {
namespace {

struct Inode {
  std::string content;
  std::string durable;
  int locked_by = -1;  // a descriptor
};
using InodePtr = std::shared_ptr<Inode>;

struct OpenFile {
  std::string path;
  InodePtr inode;  // of a directory: none
  std::size_t offset = 0;
};

// Above all that the kernel gives out.
constexpr int kFirstDescriptor = 1 << 24;
// Read by every command; one for both nodes does.
constexpr std::string_view kBootId = "/proc/sys/kernel/random/boot_id";

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

std::string_view folder_of(std::string_view path) {
  return path.substr(0, path.find_last_of('/'));
}

class MemoryFiles {
 public:
  static bool has(std::string_view path) {
    return path.starts_with(kMemoryRoot) || path == kBootId;
  }
  static bool is_descriptor(int fd) { return fd >= kFirstDescriptor; }

  void forget(Random& random) {
    random_ = &random;
    files_.clear();
    durable_.clear();
    folders_.clear();
    open_.clear();
    const auto boot_id = std::make_shared<Inode>();
    boot_id->content = "5f3f0c2a-0b5e-4c1e-9d0f-2f6a6c1d9b7e\n";
    files_.emplace(kBootId, boot_id);
  }
  void make_folder(std::string path) {
    for (; path.size() >= kMemoryRoot.size(); path = folder_of(path)) folders_.insert(path);
  }
  void remove_folder(const std::string& folder) {
    std::erase_if(files_, [&](const auto& file) { return is_below(file.first, folder); });
    std::erase_if(durable_, [&](const auto& file) { return is_below(file.first, folder); });
    std::erase_if(folders_,
                  [&](const auto& name) { return name == folder || is_below(name, folder); });
  }
  [[nodiscard]] std::uint64_t digest(const std::string& folder) const {
    std::uint64_t all = 0;
    for (const auto& [path, inode] : files_) {
      if (is_below(path, folder)) all = mix(mix(all, digest_of(path)), digest_of(inode->content));
    }
    return all;
  }
  void lose_unsynced(const std::string& folder) {
    std::erase_if(files_, [&](const auto& file) { return is_below(file.first, folder); });
    for (const auto& [path, inode] : durable_) {
      if (!is_below(path, folder)) continue;
      inode->content = inode->durable;
      files_.emplace(path, inode);
    }
  }

  int open(const std::string& path, int flags) {
    if ((flags & O_DIRECTORY) != 0) {
      if (!folders_.contains(path)) return error(ENOENT);
      return give_out({.path = path, .inode = {}});
    }
    auto found = files_.find(path);
    if (found == files_.end()) {
      if ((flags & O_CREAT) == 0 || !folders_.contains(folder_of(path))) return error(ENOENT);
      found = files_.emplace(path, std::make_shared<Inode>()).first;
    }
    if ((flags & O_TRUNC) != 0) found->second->content.clear();
    return give_out({.path = path, .inode = found->second});
  }
  ssize_t read(int fd, void* buffer, std::size_t count) {
    OpenFile& file = *at(fd);
    const std::string& content = file.inode->content;
    const std::size_t length =
        std::min(count, content.size() - std::min(file.offset, content.size()));
    std::memcpy(buffer, content.data() + file.offset, length);
    file.offset += length;
    return static_cast<ssize_t>(length);
  }
  ssize_t write(int fd, const void* buffer, std::size_t count) {
    OpenFile& file = *at(fd);
    std::string& content = file.inode->content;
    content.resize(std::max(content.size(), file.offset + count));
    content.replace(file.offset, count, static_cast<const char*>(buffer), count);
    file.offset += count;
    return static_cast<ssize_t>(count);
  }
  int sync(int fd) {
    if (Scheduler::on_fiber() && !Scheduler::nap(random_->between(Time(20), Time(4000)))) {
      return error(EIO);
    }
    const OpenFile& file = *at(fd);
    if (file.inode) {
      file.inode->durable = file.inode->content;
      return 0;
    }
    const auto in_it = [&](const auto& one) { return folder_of(one.first) == file.path; };
    std::erase_if(durable_, in_it);
    for (const auto& one : files_) {
      if (in_it(one)) durable_.insert(one);
    }
    return 0;
  }
  int close(int fd) {
    auto& file = open_.at(static_cast<std::size_t>(fd - kFirstDescriptor));
    if (file && file->inode && file->inode->locked_by == fd) file->inode->locked_by = -1;
    file.reset();
    return 0;
  }
  int make_directory(const std::string& path) {
    if (!folders_.contains(folder_of(path))) return error(ENOENT);
    return folders_.insert(path).second ? 0 : error(EEXIST);
  }
  int remove(const std::string& path) { return files_.erase(path) == 1 ? 0 : error(ENOENT); }
  int rename(const std::string& from, const std::string& to, unsigned flags) {
    if ((flags & RENAME_NOREPLACE) != 0 && files_.contains(to)) return error(EEXIST);
    const auto found = files_.find(from);
    if (found == files_.end()) return error(ENOENT);
    files_[to] = found->second;
    files_.erase(from);
    return 0;
  }
  int lock(int fd, int operation) {
    Inode& inode = *at(fd)->inode;
    if ((operation & LOCK_UN) != 0) {
      if (inode.locked_by == fd) inode.locked_by = -1;
      return 0;
    }
    if (inode.locked_by != -1 && inode.locked_by != fd) return error(EWOULDBLOCK);
    inode.locked_by = fd;
    return 0;
  }

 private:
  static int error(int number) {
    errno = number;
    return -1;
  }
  std::shared_ptr<OpenFile> at(int fd) {
    return open_.at(static_cast<std::size_t>(fd - kFirstDescriptor));
  }
  int give_out(OpenFile file) {
    auto place = std::ranges::find(open_, nullptr);
    if (place == open_.end()) place = open_.insert(place, nullptr);
    *place = std::make_shared<OpenFile>(std::move(file));
    return kFirstDescriptor + static_cast<int>(place - open_.begin());
  }

  Random* random_ = nullptr;
  std::map<std::string, InodePtr, std::less<>> files_;
  std::map<std::string, InodePtr, std::less<>> durable_;  // after a power loss
  std::set<std::string, std::less<>> folders_;
  std::vector<std::shared_ptr<OpenFile>> open_;
};

MemoryFiles& memory() {
  static MemoryFiles files;
  return files;
}

}  // namespace

void forget_files(Random& random) {
  memory().forget(random);
}
void lose_unsynced(const std::string& folder) {
  memory().lose_unsynced(folder);
}
void remove_folder(const std::string& folder) {
  memory().remove_folder(folder);
}
std::uint64_t digest_of_folder(const std::string& folder) {
  return memory().digest(folder);
}
void make_folder(const std::string& folder) {
  memory().make_folder(folder);
}

}  // namespace lastword::sim

// In the place of the C library's functions: one that is defined in the program goes first.
extern "C" {

using lastword::sim::memory;
using lastword::sim::MemoryFiles;

int open(const char* path, int flags, ...) {
  if (MemoryFiles::has(path)) return memory().open(path, flags);
  std::va_list more;
  va_start(more, flags);
  const unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, unsigned) : 0;
  va_end(more);
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t read(int fd, void* buffer, std::size_t count) {
  if (MemoryFiles::is_descriptor(fd)) return memory().read(fd, buffer, count);
  return ::syscall(SYS_read, fd, buffer, count);
}

ssize_t write(int fd, const void* buffer, std::size_t count) {
  if (MemoryFiles::is_descriptor(fd)) return memory().write(fd, buffer, count);
  return ::syscall(SYS_write, fd, buffer, count);
}

int fsync(int fd) {
  if (MemoryFiles::is_descriptor(fd)) return memory().sync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int close(int fd) {
  if (MemoryFiles::is_descriptor(fd)) return memory().close(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (MemoryFiles::has(path)) return memory().make_directory(path);
  return static_cast<int>(::syscall(SYS_mkdir, path, mode));
}

int unlink(const char* path) noexcept {
  if (MemoryFiles::has(path)) return memory().remove(path);
  return static_cast<int>(::syscall(SYS_unlink, path));
}

int remove(const char* path) noexcept {
  if (MemoryFiles::has(path)) return memory().remove(path);
  if (::syscall(SYS_unlink, path) == 0) return 0;
  return static_cast<int>(::syscall(SYS_rmdir, path));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  if (MemoryFiles::has(from)) return memory().rename(from, to, flags);
  return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

// A lock that is waited for is waited for on the virtual clock: two commands of one node are two
// fibers of one thread here, and flock(2) would stop both.
int flock(int fd, int operation) noexcept {
  using lastword::sim::Scheduler;
  if (!MemoryFiles::is_descriptor(fd)) {
    return static_cast<int>(::syscall(SYS_flock, fd, operation));
  }
  for (;;) {
    const int result = memory().lock(fd, operation);
    if (result == 0 || errno != EWOULDBLOCK || (operation & LOCK_NB) != 0) return result;
    if (Scheduler::nap(lastword::sim::Time(20'000))) continue;
    errno = EIO;
    return -1;
  }
}

}  // extern "C"
