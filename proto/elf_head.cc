#include "proto/elf_head.h"

#include <cstring>
#include <string_view>

#include "proto/format_text.h"
#include "proto/stream.h"

namespace lastword {
namespace {

template <class... Args>
tl::unexpected<Error> invalid(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return fail({.code = code, .detail = format_text(format, std::forward<Args>(args)...)});
}

// To the next multiple of 4, as notes are padded.
constexpr std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + 3) / 4 * 4;
}

Status check_header(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return invalid(Code::kCorrupt, "not a vmcore: no ELF magic, not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return invalid(Code::kUnsupported,
                   "wrong machine: not x86-64, which has little-endian 64-bit ELF files");
  }
  if (header.e_machine != EM_X86_64) {
    return invalid(Code::kUnsupported, "wrong machine: ELF machine {}, x86-64 is {}",
                   header.e_machine, EM_X86_64);
  }
  if (header.e_type != ET_CORE) {
    return invalid(Code::kCorrupt, "not a vmcore: ELF type {}, no core ({})", header.e_type,
                   ET_CORE);
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr)) {
    return invalid(Code::kCorrupt, "program headers of {} bytes instead of {}", header.e_phentsize,
                   sizeof(Elf64_Phdr));
  }
  return {};
}

// A part of the head counts as such once it is known to be there.
Status extend(ElfHead& head, std::uint64_t offset, std::uint64_t size) {
  if (Status status = check_in_front(offset, size); !status) return status;
  head.end_offset = std::max(head.end_offset, offset + size);
  return {};
}

// gABI, "ELF Header", e_phnum.
Status count_program_headers(const ElfBytes& bytes, ElfHead& head) {
  const Elf64_Ehdr& header = head.header;
  head.program_headers = header.e_phnum;
  if (header.e_phnum == PN_XNUM) {
    Elf64_Shdr section;
    if (header.e_shoff == 0 || header.e_shentsize != sizeof section) {
      return invalid(Code::kCorrupt, "PN_XNUM without section header 0, which has the count");
    }
    if (!bytes.holds(header.e_shoff, sizeof section)) {
      return invalid(Code::kCorrupt, "truncated: section header 0 at {}, the file ends at {}",
                     header.e_shoff, bytes.size());
    }
    if (Status status = bytes.read_value(header.e_shoff, section); !status) return status;
    head.program_headers = section.sh_info;
    if (Status status = extend(head, header.e_shoff, sizeof section); !status) return status;
  }
  if (head.program_headers > kMaxProgramHeaders) {
    return invalid(Code::kCorrupt, "absurd: {} program headers, at most {} are believed",
                   head.program_headers, kMaxProgramHeaders);
  }
  return {};
}

}  // namespace

Status ElfMemory::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (!holds(offset, into.size())) {
    return invalid(Code::kCorrupt, "truncated: {} bytes at {}, the head ends at {}", into.size(),
                   offset, size());
  }
  if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
  return {};
}

Status check_in_front(std::uint64_t offset, std::uint64_t size) {
  if (offset > kMaxElfHeadBytes || size > kMaxElfHeadBytes - offset) {
    return invalid(Code::kCorrupt,
                   "absurd: headers or notes ({} bytes at {}) beyond the first {} bytes", size,
                   offset, kMaxElfHeadBytes);
  }
  return {};
}

Result<ElfHead> read_elf_head(const ElfBytes& bytes) {
  ElfHead head;
  if (bytes.size() < sizeof head.header) {
    return invalid(Code::kCorrupt, "not a vmcore: {} bytes, shorter than an ELF header",
                   bytes.size());
  }
  if (Status status = bytes.read_value(0, head.header); !status) return fail(status.error());
  if (Status status = check_header(head.header); !status) return fail(status.error());
  if (Status status = count_program_headers(bytes, head); !status) return fail(status.error());
  const std::uint64_t at = head.header.e_phoff;
  const std::uint64_t size = std::uint64_t{head.program_headers} * sizeof(Elf64_Phdr);
  if (Status status = extend(head, 0, sizeof head.header); !status) return fail(status.error());
  if (Status status = extend(head, at, size); !status) return fail(status.error());
  if (!bytes.holds(at, size)) {
    return invalid(Code::kCorrupt, "truncated: {} program headers at {}, the file ends at {}",
                   head.program_headers, at, bytes.size());
  }
  return head;
}

Result<std::optional<ElfNote>> ElfNotes::next() {
  Elf64_Nhdr header;
  if (end_ - at_ < sizeof header) return std::nullopt;
  if (Status status = bytes_.read_value(at_, header); !status) return fail(status.error());
  const std::uint64_t name_at = at_ + sizeof header;
  // Sizes have 32 bits, so that these sums do not overflow.
  ElfNote note{.type = header.n_type,
               .content_offset = name_at + padded(header.n_namesz),
               .content_bytes = header.n_descsz};
  if (note.content_offset + note.content_bytes > end_) return std::nullopt;
  std::array<char, 16> text{};
  const auto name = std::span(text).first(std::min<std::size_t>(text.size(), header.n_namesz));
  if (Status status = bytes_.read(name_at, std::as_writable_bytes(name)); !status) {
    return fail(status.error());
  }
  const std::string_view all(name.data(), name.size());
  note.name = all.substr(0, all.find('\0'));
  at_ = std::min(note.content_offset + padded(note.content_bytes), end_);
  return note;
}

}  // namespace lastword
