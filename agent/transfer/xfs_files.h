// Volumes that are files on an XFS made with reflink=1: their block map, and the calls that share
// blocks between them. Errors name the path. kUnsupported: this file system cannot do it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/transfer/block_map.h"
#include "proto/error.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// FIEMAP (Documentation/filesystems/fiemap.rst). Two files of one file system share a block where
// their extents have physical bytes in common. A mapping may go on behind the end of its file.
class XfsBlockMap final : public BlockMap {
 public:
  [[nodiscard]] Result<std::vector<Mapping>> some(const std::string& path,
                                                  std::uint64_t from) override;
};

struct XfsPool {
  std::uint64_t device = 0;       // st_dev of its directory
  std::uint64_t block_bytes = 0;  // blocks are shared as a whole
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t all_bytes = 0;
};
// Of a directory. kUnsupported: it is not on an XFS. kNotFound: there is none.
[[nodiscard]] Result<XfsPool> examine_pool(const std::string& directory);

// What tells that a file is the one that it was: any write, truncation or change of its attributes
// moves `changed_ns`.
struct FileStamp {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  // st_ctim
  std::int64_t written_ns = 0;  // st_mtim
  bool operator==(const FileStamp&) const = default;
};
[[nodiscard]] Result<FileStamp> stamp_of(int fd, const std::string& path);

// Open for reading. kRefused: not a regular file (a symbolic link is none).
[[nodiscard]] Result<FileDescriptor> open_volume(const std::string& path);
// A new file (mode 0600), open for both. kIo with EEXIST: there is one.
[[nodiscard]] Result<FileDescriptor> create_volume(const std::string& path);
// One that is there, in use by nobody. kRefused: not a regular file.
[[nodiscard]] Result<FileDescriptor> open_for_writing(const std::string& path);
// A volume that create_volume() made, open for both again, whether or not it was sealed since.
[[nodiscard]] Result<FileDescriptor> reopen_volume(const std::string& path);
// Bytes behind `keep` become a hole; the size stays what it is.
[[nodiscard]] Status clear_behind(int fd, const std::string& path, std::uint64_t keep,
                                  std::uint64_t size);
[[nodiscard]] Status read_volume(int fd, const std::string& path, std::uint64_t offset,
                                 std::span<std::byte> buffer);
[[nodiscard]] Status write_volume(int fd, const std::string& path, std::uint64_t offset,
                                  std::span<const std::byte> data);

// FICLONE: all of it, at one moment of `from`. FICLONERANGE: whole blocks of it
// (ioctl_ficlonerange(2)).
[[nodiscard]] Status clone_file(int from, int to, const std::string& path);
[[nodiscard]] Status clone_range(int from, std::uint64_t from_offset, std::uint64_t length, int to,
                                 std::uint64_t to_offset, const std::string& path);

// The immutable attribute: nobody writes, renames or removes the file, root included. Where this
// process may not set it the file stays as it is.
[[nodiscard]] Status set_immutable(int fd, const std::string& path, bool on);

// Removes a directory with plain files in it, immutable ones too. One that is not there counts as
// removed.
[[nodiscard]] Status remove_directory(const std::string& path);

// Who may change the file, or has it mounted: "is open for writing", "is in use by /dev/loop3".
// Empty: nobody.
[[nodiscard]] std::string use_of(const std::string& path);

}  // namespace lastword
