#include "dumpwriter/memory/vmcore.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "proto/format_text.h"
#include "proto/stream.h"

namespace lastword {
namespace {

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

// Reads the front of the file into a Vmcore whose file is open.
struct Vmcore::Parser {
  Vmcore& core;
  std::vector<LoadSegment> segments;

  template <class... Args>
  tl::unexpected<Error> invalid(Code code, fmt::format_string<Args...> format, Args&&... args) {
    return fail({.code = code,
                 .operation = "open vmcore",
                 .disk = core.path_,
                 .detail = format_text(format, std::forward<Args>(args)...)});
  }

  template <class T>
  Status read(std::uint64_t offset, T& into) {
    return core.read(offset, std::as_writable_bytes(std::span(&into, 1)));
  }

  bool beyond_end(std::uint64_t offset, std::uint64_t bytes) const {
    return offset > core.file_bytes_ || bytes > core.file_bytes_ - offset;
  }

  Status parse() {
    Elf64_Ehdr header;
    if (core.file_bytes_ < sizeof header) {
      return invalid(Code::kCorrupt, "not a vmcore: {} bytes are less than an ELF header",
                     core.file_bytes_);
    }
    if (Status status = read(0, header); !status) return status;
    if (Status status = check_header(header); !status) return status;
    const auto count = program_header_count(header);
    if (!count) return fail(count.error());
    if (Status status = read_program_headers(header, *count); !status) return status;
    auto map = MemoryMap::build(std::move(segments));
    if (!map) {
      Error error = map.error();
      error.disk = core.path_;
      return fail(error);
    }
    core.map_ = std::move(*map);
    return {};
  }

  Status check_header(const Elf64_Ehdr& header) {
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
      return invalid(Code::kCorrupt, "not a vmcore: no ELF magic");
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
      return invalid(Code::kUnsupported, "wrong machine: not a little-endian 64-bit ELF file");
    }
    if (header.e_machine != EM_X86_64) {
      return invalid(Code::kUnsupported, "wrong machine: ELF machine {}, x86-64 is {}",
                     header.e_machine, EM_X86_64);
    }
    if (header.e_type != ET_CORE) {
      return invalid(Code::kCorrupt, "not a vmcore: ELF type {}, a core has {}", header.e_type,
                     ET_CORE);
    }
    if (header.e_phentsize != sizeof(Elf64_Phdr)) {
      return invalid(Code::kCorrupt, "program headers of {} bytes instead of {}",
                     header.e_phentsize, sizeof(Elf64_Phdr));
    }
    return {};
  }

  // With PN_XNUM the count is in the first section header (ELF gABI, "ELF Header", e_phnum).
  Result<std::uint32_t> program_header_count(const Elf64_Ehdr& header) {
    std::uint32_t count = header.e_phnum;
    if (count == PN_XNUM) {
      Elf64_Shdr section;
      if (header.e_shoff == 0 || header.e_shentsize != sizeof section) {
        return invalid(Code::kCorrupt, "PN_XNUM without the section header that has the count");
      }
      if (beyond_end(header.e_shoff, sizeof section)) {
        return invalid(Code::kCorrupt, "truncated: section header at {}, the file ends at {}",
                       header.e_shoff, core.file_bytes_);
      }
      if (Status status = read(header.e_shoff, section); !status) return fail(status.error());
      count = section.sh_info;
      if (Status status = extend_head(header.e_shoff, sizeof section); !status) {
        return fail(status.error());
      }
    }
    if (count > kMaxProgramHeaders) {
      return invalid(Code::kCorrupt, "absurd: {} program headers, at most {} are believed", count,
                     kMaxProgramHeaders);
    }
    return count;
  }

  Status extend_head(std::uint64_t offset, std::uint64_t bytes) {
    if (offset > kMaxElfHeadBytes || bytes > kMaxElfHeadBytes - offset) {
      return invalid(Code::kCorrupt,
                     "absurd: headers or notes ({} bytes at {}) beyond the first "
                     "{} bytes",
                     bytes, offset, kMaxElfHeadBytes);
    }
    core.head_bytes_ = std::max(core.head_bytes_, offset + bytes);
    return {};
  }

  Status read_program_headers(const Elf64_Ehdr& header, std::uint32_t count) {
    const std::uint64_t bytes = std::uint64_t{count} * sizeof(Elf64_Phdr);
    if (Status status = extend_head(0, sizeof header); !status) return status;
    if (Status status = extend_head(header.e_phoff, bytes); !status) return status;
    if (beyond_end(header.e_phoff, bytes)) {
      return invalid(Code::kCorrupt, "truncated: {} program headers at {}, the file ends at {}",
                     count, header.e_phoff, core.file_bytes_);
    }
    segments.reserve(count);
    std::array<Elf64_Phdr, 64> batch;
    for (std::uint32_t done = 0; done < count;) {
      const std::size_t n = std::min<std::size_t>(batch.size(), count - done);
      const auto part = std::span(batch).first(n);
      const Status status =
          core.read(header.e_phoff + done * sizeof(Elf64_Phdr), std::as_writable_bytes(part));
      if (!status) return status;
      for (const Elf64_Phdr& program : part) {
        if (Status added = add(program, done++); !added) return added;
      }
    }
    return {};
  }

  Status add(const Elf64_Phdr& program, std::uint32_t index) {
    if (program.p_type != PT_LOAD && program.p_type != PT_NOTE) return {};
    if (program.p_offset + program.p_filesz < program.p_offset) {
      return invalid(Code::kCorrupt, "program header {} overflows: {} bytes at {:#x}", index,
                     program.p_filesz, program.p_offset);
    }
    if (beyond_end(program.p_offset, program.p_filesz)) {
      return invalid(Code::kCorrupt,
                     "truncated: program header {} has {} bytes at {}, the file ends at {}", index,
                     program.p_filesz, program.p_offset, core.file_bytes_);
    }
    if (program.p_type == PT_NOTE) {
      if (Status status = extend_head(program.p_offset, program.p_filesz); !status) return status;
      return find_vmcoreinfo(program.p_offset, program.p_offset + program.p_filesz);
    }
    if (program.p_filesz == 0) return {};
    segments.push_back({.vaddr = program.p_vaddr,
                        .paddr = program.p_paddr,
                        .file_offset = program.p_offset,
                        .bytes = program.p_filesz});
    return {};
  }

  // Notes that do not parse are passed over: the dump is worth more than they are.
  Status find_vmcoreinfo(std::uint64_t at, std::uint64_t end) {
    constexpr std::string_view kName("VMCOREINFO", sizeof "VMCOREINFO");  // with its NUL
    while (end - at >= sizeof(Elf64_Nhdr)) {
      Elf64_Nhdr note;
      if (Status status = read(at, note); !status) return status;
      const std::uint64_t name_at = at + sizeof note;
      const std::uint64_t desc_at = name_at + align_up(note.n_namesz, 4);
      const std::uint64_t next = desc_at + align_up(note.n_descsz, 4);
      if (next > end) return {};
      std::array<char, kName.size()> name{};
      if (note.n_namesz == name.size() && note.n_descsz <= kMaxVmcoreinfoBytes) {
        if (Status status = read(name_at, name); !status) return status;
        if (std::string_view(name.data(), name.size()) == kName) {
          core.vmcoreinfo_.resize(note.n_descsz);
          return core.read(desc_at, std::as_writable_bytes(std::span(core.vmcoreinfo_)));
        }
      }
      at = next;
    }
    return {};
  }
};

Result<Vmcore> Vmcore::open(const std::string& path) {
  Vmcore core;
  core.path_ = path;
  Parser parser{.core = core, .segments = {}};
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
