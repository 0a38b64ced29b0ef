// By hand: libelf allocates as it reads, and checks a head less than what a dead kernel left needs.
#include "dumpwriter/memory/vmcore.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proto/elf_head.h"
#include "proto/format_text.h"
#include "proto/stream.h"

namespace lastword {
// Reads the front of the file into a Vmcore whose file is open.
struct Vmcore::Parser final : ElfBytes {
  Vmcore& core;
  SegmentList segments;

  explicit Parser(Vmcore& into) : core(into) {}

  [[nodiscard]] std::uint64_t size() const override { return core.file_bytes_; }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> into) const override {
    return core.read(offset, into);
  }

  [[nodiscard]] tl::unexpected<Error> invalid(Error error) const {
    if (error.operation.empty()) error.operation = "open vmcore";
    error.disk = core.path_;
    return fail(error);
  }

  Status parse() {
    const auto head = read_elf_head(*this);
    if (!head) return invalid(head.error());
    core.head_bytes_ = head->end_offset;
    const Status added = for_each_program_header(
        *this, *head,
        [this](const Elf64_Phdr& program, std::uint32_t index) { return add(program, index); });
    if (!added) return invalid(added.error());
    auto map = MemoryMap::build(segments.take());
    if (!map) return invalid(map.error());
    core.map_ = std::move(*map);
    core.left_out_segments_ = segments.left_out();
    return {};
  }

  Status add(const Elf64_Phdr& program, std::uint32_t index) {
    if (program.p_type != PT_LOAD && program.p_type != PT_NOTE) return {};
    if (program.p_offset + program.p_filesz < program.p_offset) {
      return fail({.code = Code::kCorrupt,
                   .detail = format_text("program header {} overflows: {} bytes at {:#x}", index,
                                         program.p_filesz, program.p_offset)});
    }
    if (!holds(program.p_offset, program.p_filesz)) {
      return fail({.code = Code::kCorrupt,
                   .detail = format_text(
                       "truncated: program header {} has {} bytes at {}, the file ends at {}",
                       index, program.p_filesz, program.p_offset, core.file_bytes_)});
    }
    if (program.p_type == PT_NOTE) {
      if (Status status = check_in_front(program.p_offset, program.p_filesz); !status) {
        return status;
      }
      core.head_bytes_ = std::max(core.head_bytes_, program.p_offset + program.p_filesz);
      return find_vmcoreinfo(program.p_offset, program.p_offset + program.p_filesz);
    }
    if (program.p_filesz == 0) return {};
    segments.add({.vaddr = program.p_vaddr,
                  .paddr = program.p_paddr,
                  .file_offset = program.p_offset,
                  .bytes = program.p_filesz});
    return {};
  }

  // Notes that do not parse are passed over: the dump is worth more than they are.
  Status find_vmcoreinfo(std::uint64_t offset, std::uint64_t end) {
    ElfNotes notes(*this, offset, end);
    for (;;) {
      const auto note = notes.next();
      if (!note) return fail(note.error());
      if (!*note) return {};
      if ((*note)->name.view() != kVmcoreinfoNote || (*note)->content_bytes > kMaxVmcoreinfoBytes) {
        continue;
      }
      core.vmcoreinfo_.resize((*note)->content_bytes);
      return core.read((*note)->content_offset,
                       std::as_writable_bytes(std::span(core.vmcoreinfo_)));
    }
  }
};

Result<Vmcore> Vmcore::open(const std::string& path) {
  Vmcore core;
  core.path_ = path;
  Parser parser(core);
  core.fd_ =
      FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO would wait
  struct stat info {};
  if (!core.fd_.valid() || ::fstat(core.fd_.get(), &info) != 0) {
    return fail({.code = errno == ENOENT ? Code::kNotFound : Code::kIo,
                 .sys_errno = errno,
                 .operation = "open vmcore",
                 .disk = path});
  }
  if (!S_ISREG(info.st_mode)) {
    return fail({.code = Code::kCorrupt,
                 .operation = "open vmcore",
                 .disk = path,
                 .detail = "not a regular file"});
  }
  struct statfs file_system {};
  core.is_proc_vmcore_ =
      ::fstatfs(core.fd_.get(), &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC;
  core.file_bytes_ = static_cast<std::uint64_t>(info.st_size);
  if (Status status = parser.parse(); !status) return fail(status.error());
  return core;
}

std::uint64_t Vmcore::memory_bytes() const {
  return map_.frame_count() * kPageBytes;
}

Status Vmcore::read(std::uint64_t offset, std::span<std::byte> buffer) const {
  while (!buffer.empty()) {
    const ssize_t got =
        ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return fail({.code = Code::kIo,
                   .sys_errno = got < 0 ? errno : 0,
                   .operation = "read vmcore",
                   .disk = path_,
                   .offset = offset,
                   .detail = got < 0 ? "" : "the file ends here"});
    }
    buffer = buffer.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Status Vmcore::read_virtual(std::uint64_t vaddr, std::span<std::byte> buffer) const {
  while (!buffer.empty()) {
    const auto extent = map_.locate_virtual(vaddr);
    if (!extent) {
      return fail({.code = Code::kNotFound,
                   .operation = "read vmcore",
                   .disk = path_,
                   .detail = format_text("no PT_LOAD has virtual address {:#x}", vaddr)});
    }
    const std::size_t n = std::min<std::uint64_t>(buffer.size(), extent->bytes);
    if (Status status = read(extent->file_offset, buffer.first(n)); !status) return status;
    buffer = buffer.subspan(n);
    vaddr += n;
  }
  return {};
}

}  // namespace lastword
