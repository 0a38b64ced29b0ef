// A vmcore, /proc/vmcore or a file with the same content: ELF64, ET_CORE, x86-64. Opening reads and
// checks everything that is at its front; content is then read by offset, or in windows with
// PageReader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dumpwriter/memory/memory_map.h"
#include "proto/error.h"
#include "proto/vmcoreinfo.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// The kernel writes one page (include/linux/crash_core.h VMCOREINFO_BYTES).
inline constexpr std::size_t kMaxVmcoreinfoBytes = 64 << 10;

class Vmcore {
 public:
  // Allocates; reading afterwards does not. kNotFound: no such file. kCorrupt: not a vmcore,
  // truncated, no memory in it, absurd counts, overflows. kUnsupported: another machine's.
  [[nodiscard]] static Result<Vmcore> open(const std::string& path);

  [[nodiscard]] const std::string& name() const { return path_; }
  [[nodiscard]] const MemoryMap& map() const { return map_; }
  // PT_LOADs that the map has no room for: their memory is not dumped, and missing for a reader.
  [[nodiscard]] std::uint64_t left_out_segments() const { return left_out_segments_; }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  [[nodiscard]] std::uint64_t memory_bytes() const;
  // The head ends where program headers and notes end; content follows.
  [[nodiscard]] std::uint64_t head_bytes() const { return head_bytes_; }
  // Without any line where the vmcore has no such note.
  [[nodiscard]] Vmcoreinfo vmcoreinfo() const {
    return Vmcoreinfo({vmcoreinfo_.data(), vmcoreinfo_.size()});
  }

  // All or an error.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) const;
  // Memory of the dead kernel at one of its virtual addresses. kNotFound: not in the vmcore.
  [[nodiscard]] Status read_virtual(std::uint64_t vaddr, std::span<std::byte> buffer) const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The kernel's, not a file with the same content.
  [[nodiscard]] bool is_proc_vmcore() const { return is_proc_vmcore_; }

 private:
  struct Parser;

  std::string path_;
  FileDescriptor fd_;
  bool is_proc_vmcore_ = false;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t head_bytes_ = 0;
  std::uint64_t left_out_segments_ = 0;
  std::vector<char> vmcoreinfo_;
  MemoryMap map_;
};

}  // namespace lastword
