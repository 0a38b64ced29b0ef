// An XFS on a loop device, seen by this program and its children only, gone with the object.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/test_folder.h"

namespace lastword::test {

class XfsImage {
 public:
  explicit XfsImage(const std::string& size = "512M", const std::string& options = "-m reflink=1") {
    static const bool apart = ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const std::string image = folder_.file("image");
    path_ = folder_.file("xfs");
    std::filesystem::create_directories(path_);
    // In one process: the loop device is free again when the mount is.
    mounted_ = apart && shell("truncate -s " + size + " " + image + " && mkfs.xfs -q " + options +
                              " " + image + " && mount -o loop " + image + " " + path_);
  }
  ~XfsImage() {
    if (mounted_) (void)shell("umount " + path_ + " || umount -l " + path_);
  }
  XfsImage(const XfsImage&) = delete;
  XfsImage& operator=(const XfsImage&) = delete;

  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // From nothing but the image.
  [[nodiscard]] bool remount() {
    return shell("umount " + path_) &&
           shell("mount -o loop " + folder_.file("image") + " " + path_);
  }

  // Can this machine do it? Needs root, loop devices, xfsprogs and a kernel with XFS.
  [[nodiscard]] static bool possible() {
    static const bool can = XfsImage().mounted();
    return can;
  }

 private:
  static bool shell(const std::string& command) {
    return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
  }
  TestFolder folder_;
  std::string path_;
  bool mounted_ = false;
};

}  // namespace lastword::test
